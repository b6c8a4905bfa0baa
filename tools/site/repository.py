"""Where the notebooks are, and which page and module each of them makes."""

from __future__ import annotations

import re
from pathlib import Path

from motor_ingesta.errors import MotorIngestaError

_MODULE = re.compile(r"#\s*\|\s*default_exp\s+([\w.]+)")


class SiteError(MotorIngestaError):
    """The site cannot be built."""


def repository(folder: str | Path = ".") -> Path:
    """Find the clone of the repository that a folder is in.

    Raises: SiteError if the folder is not in a clone.
    """
    start = Path(folder).resolve()
    for candidate in (start, *start.parents):
        if (candidate / "nbs" / "index.ipynb").exists():
            return candidate
    raise SiteError(
        f"{start} is not in a clone of motor_ingesta, and the site is made from its notebooks",
        fix="clone the repository and run this inside it",
    )


def notebooks(root: Path) -> list[Path]:
    """List the notebooks of a clone; hidden files and folders are left out."""
    folder = root / "nbs"
    found = []
    for path in folder.rglob("*.ipynb"):
        parts = path.relative_to(folder).parts
        if not any(part.startswith((".", "_")) for part in parts):
            found.append(path)
    return sorted(found)


def page_name(notebook: str) -> str:
    """Name the page of a notebook by its path below `nbs`, as nbdev does: without a number."""
    path = Path(notebook).with_suffix("")
    stem = re.sub(r"^\d+[a-zA-Z0-9]*_", "", path.name)
    return path.with_name(stem).as_posix()


def page_of(root: Path, path: Path) -> str:
    """Name the page of a notebook of the clone."""
    return page_name(path.relative_to(root / "nbs").as_posix())


def module_name(path: Path) -> str | None:
    """Name the module that a notebook exports, or None if it is only a page."""
    found = _MODULE.search(path.read_text(encoding="utf-8"))
    return f"motor_ingesta.{found[1]}" if found else None
