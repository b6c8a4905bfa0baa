"""README.md and its like. nbconvert makes them, so that they are the same on every machine."""

from pathlib import Path

from nbconvert import MarkdownExporter

from tools.site.links import READMES, relink, to_readme


def write_readmes(root: Path) -> None:
    """Write README.md, README.es.md and CONTRIBUTING.md from their notebooks."""
    for stem, name in READMES.items():
        text, _ = MarkdownExporter().from_filename(root / "nbs" / f"{stem}.ipynb")
        readme = relink(text, to_readme).strip() + "\n"
        (root / name).write_text(readme, encoding="utf-8")
