"""The wheel alone, in an environment that has no Spark, no Delta jars and no Jupyter."""

import shutil
import subprocess
import sys
from zipfile import ZipFile

from support import REPOSITORY

NOTEBOOKS = (
    "motor_de_ingesta",
    "datos_propios",
    "analisis",
    "files_generation",
    "messages_generation",
)

IMPORT_ALL = """
import importlib
import pkgutil
import sys

import motor_ingesta

# Modules made of widgets, which are in the extra `lab`.
NAMES = ("widgets", "generate", "own_data", "run", "tables", "cluster", "editor")
NAMES += ("analysis", "lineage", "sql", "explore", "mending", "plan")
WIDGETS = {f"motor_ingesta.panels.{name}" for name in NAMES}

found = pkgutil.walk_packages(motor_ingesta.__path__, "motor_ingesta.")
names = {module.name for module in found} - {"motor_ingesta._modidx"}
assert WIDGETS < names, names
for name in sorted(names - WIDGETS):
    importlib.import_module(name)
assert "pyspark" not in sys.modules
assert len(names) > 30, names

from motor_ingesta import panels
from motor_ingesta.catalog.models import farmia_catalog
from motor_ingesta.errors import MotorIngestaError

for name in panels.__all__:
    try:
        getattr(panels, name)()
    except MotorIngestaError as error:
        assert error.fix == "pip install 'motor_ingesta[lab]'", error
    else:
        raise AssertionError("a panel without widgets")
print(len(farmia_catalog().datasets))
"""

ENTRY_POINTS = """
from importlib.metadata import entry_points

formats = entry_points(group="motor_ingesta.formats")
print(*sorted(entry.name for entry in formats))
"""


def test_wheel_installs_and_imports_without_extras(tmp_path):
    source = tmp_path / "source"
    left_out = (".git", ".venv", "_docs", "_proc", "dist", "build", "*.egg-info", "farmia")
    shutil.copytree(REPOSITORY, source, ignore=shutil.ignore_patterns(*left_out))
    build = [sys.executable, "setup.py", "-q", "bdist_wheel"]
    subprocess.run(build, cwd=source, check=True, timeout=120)
    wheel = source / "dist/motor_ingesta-0.1.0-py3-none-any.whl"
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        for name in NOTEBOOKS:
            shipped = archive.read(f"motor_ingesta/notebooks/{name}.ipynb")
            assert shipped == (REPOSITORY / f"nbs/{name}.ipynb").read_bytes()
    assert "motor_ingesta/py.typed" in names
    assert not [name for name in names if name.startswith(("tools/", "tests/"))]

    clean = tmp_path / "clean"
    subprocess.run([sys.executable, "-m", "venv", clean], check=True, timeout=120)
    python = clean / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", wheel], check=True, timeout=600)

    def run(*command, timeout=120):
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, timeout=timeout
        )

    imported = run(python, "-c", IMPORT_ALL)
    assert imported.stdout.strip() == "10", imported.stderr
    formats = run(python, "-c", ENTRY_POINTS)
    assert formats.stdout.split() == [
        "avro",
        "binary",
        "csv",
        "excel",
        "fixed_width",
        "json",
        "json_array",
        "parquet",
        "text",
        "xml",
    ]
    command = [clean / "bin/motor-ingesta", "run", "sales/orders", "--home", tmp_path / "home"]
    local = run(*command)
    assert local.returncode == 0, local.stderr
    spark = run(*command, "--engine", "spark")
    assert spark.returncode == 1
    assert "pip install 'motor_ingesta[local]'" in spark.stderr
