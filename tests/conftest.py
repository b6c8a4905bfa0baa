import json
import subprocess
import sys
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

REPOSITORY = Path(__file__).parents[1]
pytest.register_assert_rewrite("browser")  # its assertions say what they found, too


class ByFile(LoadScopeScheduling):
    "The tests of a file in one process, for they share sessions and services; notebooks, which are processes of their own, where there is room"
    def _split_scope(self, nodeid: str) -> str: return nodeid if "test_notebooks" in nodeid else nodeid.split("::")[0]


def pytest_xdist_make_scheduler(config, log): return ByFile(config, log)


@pytest.fixture(scope="session")
def motor_ingesta():
    "Calls the command line; gives what it printed on standard output"
    def call(*words, code=0, timeout=600, cwd=None):
        done = subprocess.run([Path(sys.executable).parent / "motor-ingesta", *map(str, words)], capture_output=True, text=True, timeout=timeout, cwd=cwd)
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout
    return call


def rows_by_reason(home, dataset):
    "Rows in bronze, and reason → rows in the quarantine, as a reader without Spark sees them"
    from collections import Counter
    from deltalake import DeltaTable
    table = lambda zone: DeltaTable(f"{home}/datalakecaso/{zone}/{dataset}").to_pyarrow_table()
    return table("bronze").num_rows, Counter(table("quarantine")["_reason"].to_pylist())


def manifests(home, dataset):
    return [json.loads(path.read_text()) for path in Path(home, "manifests", dataset).glob("*.json")]
