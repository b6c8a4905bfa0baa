"""A guard, not a benchmark: it fails when the engine has become much slower than the plain way.

`python -m tools.benchmarks.bench` measures. Seconds of the processors are compared here, which a
busy machine leaves as they are.
"""

from pathlib import Path

import pytest

from tools.benchmarks.bench import SHAPES
from tools.benchmarks.contest import run_engine, run_peer
from tools.benchmarks.peers import PLAIN
from tools.benchmarks.workbench import Workbench

ROWS = 40_000
LOCAL_BOUND, SPARK_BOUND = 1.0, 12.0  # times the plain script's seconds of the processors


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory):
    with Workbench(tmp_path_factory.mktemp("bench")) as bench:
        yield bench


@pytest.mark.parametrize("name", ["json_third_odd", "csv_quoted", "avro_files"])
def test_not_much_slower_than_a_plain_script(bench: Workbench, name: str):
    shape = SHAPES[name]
    landed = shape.land(bench, ROWS)

    def engine_seconds(host: str) -> float:
        def work(home: Path) -> float:
            return run_engine(bench, shape, landed, host, home).measured.cpu_seconds

        return min(bench.with_empty_folder(work) for _ in range(2))

    def plain_seconds(to: Path) -> float:
        return run_peer(bench, shape.peers()[PLAIN], landed, to).measured.cpu_seconds

    plain = min(bench.with_empty_folder(plain_seconds) for _ in range(2))
    assert engine_seconds("local") <= LOCAL_BOUND * plain
    assert engine_seconds("spark") <= SPARK_BOUND * plain
