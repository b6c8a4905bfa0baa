"""Links in a notebook lead to notebooks; on a page they lead to pages, in a README to its files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from tools.site.repository import page_name

READMES = {"index": "README.md", "index_es": "README.es.md", "contributing": "CONTRIBUTING.md"}

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
_FENCE = re.compile(r"```.*?```", re.S)
_CODE_LINK = re.compile(r"\[(`[^`]*`)\]\([^)]*\)")


def relink(text: str, target: Callable[[str], str]) -> str:
    """Replace every relative link of a Markdown text by what `target` makes of it."""
    return _LINK.sub(lambda found: target(found[1]), text)


def to_page(link: str) -> str:
    """Make a link to a notebook a link to its page; other links stay."""
    if not link.endswith(".ipynb"):
        return link
    return f"{page_name(link)}.ipynb"


def to_readme(link: str) -> str:
    """Make a link of a README's notebook one that works at the top of the repository."""
    return READMES.get(link.removesuffix(".ipynb"), f"nbs/{link}")


def local_links(
    text: str,
    page: str,  # the page that the text is on
    home: str,  # the address of the site
    known: Mapping[str, set[str]],  # page -> names documented there
) -> str:
    """Make nbdev's links to the site's address relative; unlink names without documentation."""

    def link(found: re.Match) -> str:
        label, target, name = found.groups()
        if name not in known.get(target, ()):
            return label
        folder = PurePosixPath(page).parent.as_posix()
        return f"[{label}]({posixpath.relpath(target, folder)}.ipynb#{name})"

    pattern = rf"\[([^\]]*)\]\({re.escape(home)}/([\w/]+)\.html#([\w.]+)\)"
    return re.sub(pattern, link, text)


def plain_code(text: str) -> str:
    """Remove links inside signatures, and the docstring that Python gives a method without one."""
    text = _FENCE.sub(lambda code: _CODE_LINK.sub(r"\1", code[0]), text)
    return text.replace("*Call self as a function.*", "")
