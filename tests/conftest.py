import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

pytest.register_assert_rewrite("support")


class OneProcessPerFile(LoadScopeScheduling):
    """Run the tests of a file in one process, because they share sessions and services.

    Notebooks start processes of their own, so each goes to whichever worker is free.
    """

    def _split_scope(self, nodeid: str) -> str:
        if "test_notebooks" in nodeid:
            return nodeid
        return nodeid.split("::")[0]


@dataclass(frozen=True)
class Size:
    "How much the tests with generated data try."

    examples: int | None  # default: each test's own number
    seed: int


def pytest_addoption(parser):
    group = parser.getgroup("generated data")
    group.addoption(
        "--examples",
        type=int,
        help="how many examples or files are tried; what came of it goes to nbs/reliability.json",
    )
    group.addoption("--seed", type=int, default=0, help="where the generated data begins")


@pytest.fixture(scope="session")
def size(request) -> Size:
    return Size(request.config.getoption("--examples"), request.config.getoption("--seed"))


def pytest_xdist_make_scheduler(config, log):
    return OneProcessPerFile(config, log)


@pytest.fixture(scope="session")
def motor_ingesta() -> Callable[..., str]:
    """Call the command line and return what it printed on standard output."""
    program = Path(sys.executable).parent / "motor-ingesta"

    def call(*words, code: int = 0, timeout: int = 600, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [program, *map(str, words)], capture_output=True, text=True, timeout=timeout, cwd=cwd
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return call
