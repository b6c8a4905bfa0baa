"""A standalone cluster: the same load on one worker of one core and on two.

python -m tools.benchmarks.cluster ADDRESS HOME
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.storage.lake import Lake
from tools.benchmarks import json_shapes
from tools.benchmarks.processes import home_of
from tools.benchmarks.results import Options, Record
from tools.benchmarks.shapes import SPARK, Landed
from tools.benchmarks.workbench import Workbench
from tools.faults.clusters import cluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_RUNS = 3  # in one session; the first warms up
_TIMEOUT = 900  # seconds


def two_workers(bench: Workbench, options: Options) -> list[Record]:
    "A clean and a dirty shape on two workers, against one."
    shapes = {shape.name: shape for shape in json_shapes.SHAPES}
    records = []
    for name in ("json_flat", "json_third_odd"):
        shape = shapes[name]
        landed = shape.land(bench, options.rows)
        one, two = (_seconds(bench, shape, landed, workers) for workers in (1, 2))
        title = f"standalone cluster, two workers: {shape.title}"
        record = Record(f"cluster_{name}", title, SPARK, "one worker", landed.rows)
        record.value, record.peer_value, record.ratio = two, one, two / one
        record.runs = _RUNS - 1
        records.append(record)
    return records


def _seconds(bench: Workbench, shape: json_shapes.FileShape, landed: Landed, workers: int) -> float:
    def work(folder: Path) -> float:
        home = home_of(folder, shape, landed)
        with cluster(folder / "cluster", workers) as address:
            done = subprocess.run(
                [sys.executable, "-m", "tools.benchmarks.cluster", address, str(home)],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
            )
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        return median(json.loads(done.stdout.splitlines()[-1])[1:])

    return bench.with_empty_folder(work)


def main() -> None:
    "In a process of its own: ingest everything a few times."
    from tools.faults.farmia_run import spark_of

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("home", type=Path)
    given = parser.parse_args()
    spark = spark_of(given.address, str(given.home))
    seconds = [_ingest(spark, given.home, number) for number in range(_RUNS)]
    spark.stop()
    print(json.dumps(seconds))


def _ingest(spark: "SparkSession", home: Path, number: int) -> float:
    "Ingest everything that is in landing into new tables; the seconds."
    lake = Lake(home / f"run-{number}", landing_root=str(home / "landingcaso"))
    runner = MotorIngesta(lake, home / "catalog.yml", engine=SPARK, spark=spark)
    began = time.perf_counter()
    failed = runner.run().failed
    seconds = time.perf_counter() - began
    assert not failed, failed[0].error
    return seconds


WORKS = {"two_workers": two_workers}

if __name__ == "__main__":
    main()
