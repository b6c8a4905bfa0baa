"The wheel alone, in an environment that has no Spark, no Delta and no Jupyter"
import shutil
import subprocess
import sys
from zipfile import ZipFile

from conftest import REPOSITORY

NOTEBOOKS = ("motor_de_ingesta", "files_generation", "messages_generation")
IMPORT_ALL = """
import pkgutil, sys, importlib, motor_ingesta
WIDGETS = {"parts", "generation", "ingestion", "inspection"} # made of widgets, which are in the extra `lab`
names = {m.name for m in pkgutil.iter_modules(motor_ingesta.__path__)} - {"_modidx"}
assert WIDGETS < names, names
for name in names - WIDGETS: importlib.import_module(f"motor_ingesta.{name}")
assert "pyspark" not in sys.modules and len(names) > 15, names
from motor_ingesta.catalog.models import farmia_catalog
from motor_ingesta.errors import MotorIngestaError
from motor_ingesta.panels import notebooks as panels
for panel in (panels.files_generation, panels.messages_generation, panels.motor_de_ingesta):
    try: panel()
    except MotorIngestaError as e: assert e.fix == "pip install 'motor_ingesta[lab]'", e
    else: raise AssertionError("a panel without widgets")
print(len(farmia_catalog().datasets))
"""


def test_wheel_installs_and_imports_without_extras(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(REPOSITORY, source, ignore=shutil.ignore_patterns(".git", ".venv", "dist", "build", "*.egg-info", "farmia"))
    subprocess.run([sys.executable, "setup.py", "-q", "bdist_wheel"], cwd=source, check=True, timeout=120)
    wheel = source / "dist/motor_ingesta-0.1.0-py3-none-any.whl"
    with ZipFile(wheel) as files:
        for name in NOTEBOOKS: assert files.read(f"motor_ingesta/notebooks/{name}.ipynb") == (REPOSITORY / f"nbs/{name}.ipynb").read_bytes()
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "clean"], check=True, timeout=120)
    python = tmp_path / "clean/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", wheel], check=True, timeout=600)
    done = subprocess.run([python, "-c", IMPORT_ALL], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.stdout.strip() == "10", done.stderr
    said = subprocess.run([tmp_path / "clean/bin/motor-ingesta", "run", "--home", tmp_path / "home"], capture_output=True, text=True, timeout=120)
    assert said.returncode == 1 and "pip install 'motor_ingesta[local]'" in said.stderr
