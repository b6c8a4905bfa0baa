"""The site: Quarto makes it where it is installed, smalldocs (pure Python) otherwise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from nbdev.config import get_config
from smalldocs.config import BuildError, ConfigError
from smalldocs.site import build as smalldocs_build

from tools.site.data_docs import PAGE, insert_data, kept_docs
from tools.site.diagrams import draw_all
from tools.site.links import local_links, plain_code, relink, to_page
from tools.site.pages import make_pages
from tools.site.repository import SiteError, notebooks
from tools.site.sidebar import sidebar
from tools.site.widgets import FOLDER as WIDGETS
from tools.site.widgets import show_panels

_HEADING = re.compile(r"^#{3,4} ([\w.]+)$", re.M)
_WEB_FONT = re.compile(r"@import\s+url\([^)]*\)\s*;")
_SCROLLS = re.compile(
    r'<(pre|div class="(?:sd-table|cell-output cell-output-display)[^"]*")'
    r"(?![^>]*tabindex)([^>]*)>"
)

Documented = dict[str, set[str]]  # page -> names documented there, in lower case


def build_site(
    root: Path,  # the clone
    quarto: str | None = None,  # the program; smalldocs makes the site without it
) -> Path:
    """Make the site from the notebooks, and give its folder.

    Raises: SiteError if a link leads nowhere or a notebook is in no section.
    """
    work = root / "_proc"
    site = root / "_docs"
    shutil.rmtree(work, ignore_errors=True)
    make_pages(root, work)
    configure(root, work)
    panels = show_panels(root, work)
    pages = _read_pages(work)
    documented = {page: _documented(content["cells"]) for page, content in pages.items()}
    home = _address(root)
    docs = kept_docs()
    for page, content in pages.items():
        _insert_data(content["cells"], page, docs[1] if docs else None)
        for cell in content["cells"]:
            _finish(cell, page, home, documented)
        content["metadata"].pop("widgets", None)
        if page in panels:
            _insert_panel(content["cells"], panels[page])
        text = json.dumps(content, ensure_ascii=False)
        (work / f"{page}.ipynb").write_text(text, encoding="utf-8")
    shutil.rmtree(site, ignore_errors=True)
    render(work, quarto)
    shutil.move(work / "_site", site)
    _remove_web_fonts(site)
    _make_reachable(site)
    if docs:
        (site / PAGE).write_text(docs[0], encoding="utf-8")
    return site


def configure(root: Path, work: Path) -> None:
    """Write the renderer's configuration with the sidebar, and copy styles and images."""
    folder = root / "nbs"
    config = yaml.safe_load((folder / "_quarto.yml").read_text(encoding="utf-8"))
    wanted = yaml.safe_load((folder / "sidebar.yml").read_text(encoding="utf-8"))
    there = [path.relative_to(folder).as_posix() for path in notebooks(root)]
    config["website"]["sidebar"]["contents"] = sidebar(wanted, there)
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    (work / "_quarto.yml").write_text(text, encoding="utf-8")
    shutil.copy(folder / "styles.css", work)
    shutil.copytree(folder / "images", work / "images")


def render(work: Path, quarto: str | None) -> None:
    """Make HTML of the pages in `work`, in its folder `_site`.

    Raises: SiteError with what the renderer says.
    """
    if quarto:
        _render_with_quarto(work, quarto)
    else:
        _render_with_smalldocs(work)


def _render_with_quarto(work: Path, quarto: str) -> None:
    command = [quarto, "render", str(work), "--no-cache", "--no-execute"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SiteError(
            f"Quarto could not make the site: {done.stderr.strip()[-2000:]}",
            fix="mend what it names, or take Quarto off the path: smalldocs is used without it",
        )


def _render_with_smalldocs(work: Path) -> None:
    try:
        warnings = smalldocs_build(work, quiet=True).warnings
    except (BuildError, ConfigError) as error:
        raise SiteError(f"the site cannot be made: {error}", fix="mend what it names") from error
    if warnings:
        raise SiteError(
            "the site has mistakes:\n" + "\n".join(warnings),
            fix="mend them in the notebooks that they name",
        )


def _read_pages(work: Path) -> dict[str, Any]:
    pages = {}
    for path in sorted(work.rglob("*.ipynb")):
        page = path.relative_to(work).with_suffix("").as_posix()
        pages[page] = json.loads(path.read_text(encoding="utf-8"))
    return pages


def _address(root: Path) -> str:
    config = get_config(path=root)
    return config.doc_host + config.doc_baseurl


def _markdown_outputs(cells: list[dict]) -> list[dict]:
    found = []
    for cell in cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/markdown" in data:
                found.append(data)
    return found


def _documented(cells: list[dict]) -> set[str]:
    names = set()
    for data in _markdown_outputs(cells):
        for name in _HEADING.findall("".join(data["text/markdown"])):
            names.add(name.lower())
    return names


def _insert_panel(cells: list[dict], panel: str) -> None:
    """Put the panel after the last cell of code."""
    code = [number for number, cell in enumerate(cells) if cell["cell_type"] == "code"]
    cells.insert(max(code) + 1, {"cell_type": "markdown", "metadata": {}, "source": panel})


def _insert_data(cells: list[dict], page: str, manifest: dict[str, Any] | None) -> None:
    language = "es" if page.endswith("_es") else "en"
    for cell in cells:
        if cell["cell_type"] == "markdown":
            cell["source"] = insert_data("".join(cell["source"]), language, manifest)


def _finish(cell: dict, page: str, home: str, documented: Documented) -> None:
    text = "".join(cell["source"])
    if cell["cell_type"] == "raw":
        cell["source"] = front_matter(text, "es" if page.endswith("_es") else "en")
    elif cell["cell_type"] == "markdown":
        linked = local_links(relink(text, to_page), page, home, documented)
        cell["source"] = draw_all(linked, page)
    for data in _markdown_outputs([cell]):
        told = plain_code("".join(data["text/markdown"]))
        data["text/markdown"] = local_links(told, page, home, documented)


def front_matter(source: str, language: str) -> str:
    """Add the language to a page's front matter, and remove nbdev's name for its file."""
    front = yaml.safe_load(source.strip().strip("-"))
    front.pop("output-file", None)
    front["lang"] = language
    return f"---\n{yaml.safe_dump(front, allow_unicode=True, width=1000)}---\n"


def _remove_web_fonts(site: Path) -> None:
    """Do not load the fonts of themes from the web: a page asks nothing of other servers."""
    for path in site.rglob("*.css"):
        css = path.read_text(encoding="utf-8")
        if "@import" in css:
            path.write_text(_WEB_FONT.sub("", css), encoding="utf-8")


def focusable(html: str) -> str:
    """Let the keyboard reach what scrolls sideways."""
    return _SCROLLS.sub(r'<\1 tabindex="0"\2>', html)


def _make_reachable(site: Path) -> None:
    for path in site.rglob("*.html"):
        if path.parent != site / WIDGETS:
            path.write_text(focusable(path.read_text(encoding="utf-8")), encoding="utf-8")
