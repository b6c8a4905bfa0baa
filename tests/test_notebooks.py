"Every notebook runs from its top, in a process of its own: its examples are its tests"
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import REPOSITORY


@pytest.mark.parametrize("notebook", sorted(path.stem for path in REPOSITORY.glob("nbs/**/*.ipynb")))
def test_notebook(notebook, tmp_path):
    done = subprocess.run([Path(sys.executable).parent / "nbdev_test", "--path", f"nbs/{notebook}.ipynb", "--n_workers", "0"],
                          cwd=REPOSITORY, env=os.environ | {"MOTOR_INGESTA_HOME": str(tmp_path)}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
