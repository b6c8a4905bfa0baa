"""Every notebook runs from its top in a process of its own: its examples are its tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import REPOSITORY

NOTEBOOKS = REPOSITORY / "nbs"


def _notebook_ids() -> list[str]:
    """Name every notebook by its path below nbs, without the suffix."""
    paths = (path.relative_to(NOTEBOOKS) for path in NOTEBOOKS.rglob("*.ipynb"))
    shown = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    return sorted(path.with_suffix("").as_posix() for path in shown)


@pytest.mark.parametrize("notebook", _notebook_ids())
def test_notebook(notebook: str, tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "nbdev_test"
    done = subprocess.run(
        [program, "--path", f"nbs/{notebook}.ipynb", "--n_workers", "0"],
        cwd=REPOSITORY,
        env=os.environ | {"MOTOR_INGESTA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
