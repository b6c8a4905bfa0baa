"""The sidebar: `nbs/sidebar.yml` groups the notebooks."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

from tools.site.links import to_page
from tools.site.repository import SiteError


def sidebar(
    wanted: list[Any],  # names, patterns, and sections {section: ..., contents: [...]}
    there: list[str],  # the notebooks, by their path below `nbs`
) -> list[Any]:
    """Give what the sidebar shows: the same entries with pages in place of notebooks.

    A pattern stands for the notebooks that match it and that no other entry names.

    Raises: SiteError if a notebook is in no section.
    """
    named = set(_names(wanted))
    found = set()
    for entry in named:
        found.update(_matches(entry, there, named))
    if lost := sorted(set(there) - found):
        raise SiteError(
            f"no section of nbs/sidebar.yml has {', '.join(lost)}",
            fix="put it where a reader would look for it",
        )
    return _shown(wanted, there, named)


def _names(entries: list[Any]) -> list[str]:
    names = []
    for entry in entries:
        if isinstance(entry, dict):
            names += _names(entry["contents"])
        else:
            names.append(entry)
    return names


def _matches(entry: str, there: list[str], named: set[str]) -> list[str]:
    found = []
    for name in there:
        if name == entry or (fnmatch(name, entry) and name not in named):
            found.append(name)
    return found


def _shown(entries: list[Any], there: list[str], named: set[str]) -> list[Any]:
    shown = []
    for entry in entries:
        if not isinstance(entry, dict):
            shown += [to_page(name) for name in _matches(entry, there, named)]
            continue
        contents = _shown(entry["contents"], there, named)
        if contents:
            shown.append(entry | {"contents": contents})
    return shown
