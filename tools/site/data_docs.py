"""dbt's documentation of FarmIA's silver and gold: one file, made without Spark and without tables.

dbt asks the session which tables there are while it compiles. The answer here is none, so that
models are compiled as for the first build and no JVM is started.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from motor_ingesta.farmia import farmia_catalog
from motor_ingesta.local.jars import cache_folder
from motor_ingesta.medallion.lineage import Column, Origin, ProjectLineage
from motor_ingesta.medallion.project import packaged_project, project_hash
from tools.site.repository import SiteError

PAGE = "data_docs.html"  # of the site
PICTURE, COLUMNS, LINK = "<!-- data: picture -->", "<!-- data: columns -->", "<!-- data: link -->"

Manifest = dict[str, Any]

_PROGRAM = """
import sys
from dbt.adapters.spark.impl import SparkAdapter
from dbt.cli.main import dbtRunner

SparkAdapter.list_relations_without_caching = lambda self, schema_relation: []
done = dbtRunner().invoke(sys.argv[1:])
sys.exit(0 if done.success else f"{done.exception or 'dbt failed'}")
"""


def has_dbt() -> bool:
    """Say whether dbt is installed."""
    return find_spec("dbt") is not None and find_spec("dbt.adapters.spark") is not None


def document_data(work: Path) -> Manifest:
    """Let dbt write `target/static_index.html` and `target/manifest.json`; gives the manifest.

    Raises: SiteError with what dbt says.
    """
    project = packaged_project()
    words = ["docs", "generate", "--empty-catalog", "--static", "--no-populate-cache"]
    folders = {
        "--project-dir": project,
        "--profiles-dir": project,
        "--target-path": work / "target",
        "--log-path": work / "logs",
    }
    words += [str(part) for pair in folders.items() for part in pair]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        timeout=300,
    )
    if done.returncode:
        raise SiteError(
            f"dbt could not document the data: {(done.stdout + done.stderr).strip()[-2000:]}",
            fix="mend the model that it names",
        )
    manifest = (work / "target" / "manifest.json").read_text(encoding="utf-8")
    described: Manifest = json.loads(manifest)
    return described


def kept_docs() -> tuple[str, Manifest] | None:
    """Give the page and the manifest, from an earlier build if the project has not changed.

    None if dbt is not installed.
    """
    if not has_dbt():
        return None
    digest = hashlib.sha256(Path(__file__).read_bytes() + project_hash(packaged_project()).encode())
    folder = cache_folder().parent / "site" / f"data-{digest.hexdigest()[:16]}"
    if not (folder / "manifest.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as work:
            document_data(Path(work))
            for name in ("static_index.html", "manifest.json"):  # the manifest last
                text = (Path(work) / "target" / name).read_text(encoding="utf-8")
                (folder / name).write_text(_without_places(text, work), encoding="utf-8")
    page = (folder / "static_index.html").read_text(encoding="utf-8")
    return page, json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


_DEAD_ICON = re.compile(r"<link rel=\"shortcut icon\"[^>]*require\([^>]*>")  # dbt's own mistake


def _without_places(text: str, work: str) -> str:
    """Remove what names this machine and this moment, and the icon that is not there."""
    text = _DEAD_ICON.sub("", text)
    text = text.replace(str(packaged_project()), "farmia").replace(work, "")
    return re.sub(r'("(?:invocation_id|user_id)": )"[^"]*"', r'\1""', text)


# The page on the data: its picture and its tables, from the manifest

_HEADINGS = {
    "en": ("column", "what it is", "made of these columns of bronze", "which come from"),
    "es": ("columna", "qué es", "sale de estas columnas de bronze", "que vienen de"),
}
_TITLES = {
    "en": "From files and topics through bronze, silver and gold to dashboards",
    "es": "De ficheros y topics a los cuadros de mando, por bronze, silver y gold",
}
_GROUPS = {
    "en": {"origin": "Files and topics", "exposure": "Read by"},
    "es": {"origin": "Ficheros y topics", "exposure": "Lo leen"},
}
_OPEN = {
    "en": "Open dbt's documentation of all models, columns and tests",
    "es": "Abrir la documentación de dbt de todos los modelos, columnas y tests",
}
_WITHOUT = {
    "en": "This site was made without dbt, and has no description of the data.",
    "es": "Este sitio se hizo sin dbt, y no tiene la descripción de los datos.",
}


def insert_data(text: str, language: str, manifest: Manifest | None) -> str:
    """Replace the marks in a page's Markdown by the picture, the tables and the link."""
    if PICTURE not in text and COLUMNS not in text and LINK not in text:
        return text
    if manifest is None:
        return text.replace(PICTURE, _WITHOUT[language]).replace(COLUMNS, "").replace(LINK, "")
    lineage = ProjectLineage(manifest, farmia_catalog(), landing="landing")
    text = text.replace(PICTURE, lineage_diagram(lineage, language))
    text = text.replace(COLUMNS, column_tables(lineage, language))
    link = f'<p><a href="{PAGE}">{_OPEN[language]}</a></p>'
    return text.replace(LINK, f"```{{=html}}\n{link}\n```")


def lineage_diagram(lineage: ProjectLineage, language: str) -> str:
    """Draw all tables in Mermaid, from what is read to those who read them."""
    groups: dict[str, list[str]] = {}
    edges = []
    for table in lineage.tables:
        groups.setdefault(table.partition(".")[0], []).append(table)
        edges += [(above, table) for above in lineage.parents(table)]
        for origin in lineage.origins(table):
            name = _origin_text(origin)
            if name not in groups.setdefault("origin", []):
                groups["origin"].append(name)
            edges.append((name, table))
    for exposure in lineage.exposures:
        groups.setdefault("exposure", []).append(exposure.label)
        edges += [(table, exposure.label) for table in exposure.tables]
    names = [name for found in groups.values() for name in found]
    ids = {name: f"n{number}" for number, name in enumerate(names)}
    lines = ["```mermaid", "flowchart LR", f"  accTitle: {_TITLES[language]}"]
    for group in ("origin", "bronze", "silver", "gold", "exposure"):
        lines.append(f"  subgraph {group} [{_GROUPS[language].get(group, group)}]")
        lines += [f'    {ids[n]}["{n.removeprefix(f"{group}.")}"]' for n in groups.get(group, [])]
        lines.append("  end")
    lines += [f"  {ids[above]} --> {ids[below]}" for above, below in edges]
    return "\n".join([*lines, "```"])


def column_tables(lineage: ProjectLineage, language: str) -> str:
    """Write a table of the columns of each gold table."""
    parts = []
    for table in lineage.tables:
        if table.startswith("gold."):
            parts.append(f"### {table}\n\n{lineage.description(table)}.\n")
            head = " | ".join(_HEADINGS[language])
            lines = [f"| {head} |", "|---|---|---|---|"]
            lines += [_column_line(lineage, Column(table, name)) for name in lineage.columns(table)]
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _column_line(lineage: ProjectLineage, column: Column) -> str:
    text, unit = lineage.describe_column(column)
    trace = lineage.trace(column.table, column.name)
    found = {above for edge in trace.columns for above in edge if above.table.startswith("bronze.")}
    bronze = ", ".join(
        f"`{above.table.removeprefix('bronze.')}.{above.name}`" for above in sorted(found)
    )
    origins = dict.fromkeys(_origin_text(origin) for origin, _ in trace.origins)
    about = f"{text} ({unit})" if unit else text
    cells = (f"`{column.name}`", about, bronze, ", ".join(f"`{name}`" for name in sorted(origins)))
    return "| " + " | ".join(cell.replace("|", "&#124;") for cell in cells) + " |"


def _origin_text(origin: Origin) -> str:
    """Name an origin: a folder of landing, a topic, a file of the project."""
    if origin.kind == "files":
        return origin.place.partition("/**")[0]
    return f"topic {origin.place}" if origin.kind == "kafka" else origin.place
