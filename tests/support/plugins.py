"""A package with the format `logfmt` and the source `sqlite`, installed as pip would do it."""

import shutil
from pathlib import Path

from support import REPOSITORY

PLUGINS = REPOSITORY / "tests/data/plugins"


def install_plugins(folder: Path) -> Path:
    "Make a folder for sys.path."
    metadata = folder / "farm_plugins-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: farm-plugins\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[motor_ingesta.formats]\nlogfmt = farm_logfmt:FORMAT\n"
        "[motor_ingesta.sources]\nsqlite = farm_sqlite:SqliteTable\n"
    )
    shutil.copy(PLUGINS / "logfmt.py", folder / "farm_logfmt.py")
    shutil.copy(PLUGINS / "sqlite.py", folder / "farm_sqlite.py")
    return folder
