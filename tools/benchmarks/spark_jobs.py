"""The Spark jobs of one run of the engine, from Spark's event log: how many, and each one's seconds.

python -m tools.benchmarks.spark_jobs json_flat --rows 1000000
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motor_ingesta.local.session import session
from tools.benchmarks.bench import SHAPES
from tools.benchmarks.contest import run_engine
from tools.benchmarks.shapes import SPARK, Landed, Shape
from tools.benchmarks.workbench import Workbench

_WARM_UPS = 2


@dataclass
class Job:
    "A Spark job."

    number: int
    name: str
    began: float  # seconds since 1970
    stages: list[int]
    ended: float = 0.0
    tasks: int = 0
    task_seconds: float = field(default=0.0)
    jvm_cpu_seconds: float = field(default=0.0)  # of its tasks, without Python's


def main() -> None:
    "Run a shape on Spark, and print the jobs of its last run."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began, ended = _run(SHAPES[given.shape], given.rows, Path(folder))
        jobs = [job for job in _jobs(Path(folder)) if began <= job.began < ended]
    print(f"{ended - began:.2f} s, {len(jobs)} jobs")
    for job in jobs:
        print(
            f"+{job.began - began:6.2f} s {job.ended - job.began:6.2f} s, {job.tasks:3} tasks of "
            f"{job.task_seconds:6.2f} s, JVM's processors {job.jvm_cpu_seconds:6.2f} s: {job.name}"
        )


def _run(shape: Shape, rows: int, log: Path) -> tuple[float, float]:
    "Run a shape a few times with an event log; when the last run began and ended."
    settings = {"spark.eventLog.enabled": "true", "spark.eventLog.compress": "false"}
    spark = session(**settings, **{"spark.eventLog.dir": log.as_uri()})
    with Workbench(Path(tempfile.gettempdir(), "motor_ingesta-bench")) as bench:
        landed = shape.land(bench, rows)
        for _ in range(_WARM_UPS):
            _ingest(bench, shape, landed)
        began = time.time()
        _ingest(bench, shape, landed)
        ended = time.time()
    spark.stop()
    return began, ended


def _ingest(bench: Workbench, shape: Shape, landed: Landed) -> None:
    bench.with_empty_folder(lambda home: run_engine(bench, shape, landed, SPARK, home))


def _events(log: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(log.rglob("*")):
        if path.is_file() and not path.name.endswith(".crc"):
            yield from map(json.loads, path.read_text().splitlines())


def _jobs(log: Path) -> list[Job]:
    jobs: dict[int, Job] = {}
    of_stage: dict[int, Job] = {}
    for event in _events(log):
        kind = event["Event"]
        if kind == "SparkListenerJobStart":
            job = _started(event)
            jobs[job.number] = job
            of_stage |= dict.fromkeys(job.stages, job)
        elif kind == "SparkListenerJobEnd":
            jobs[event["Job ID"]].ended = event["Completion Time"] / 1000
        elif kind == "SparkListenerTaskEnd" and "Task Metrics" in event:
            _add_task(of_stage[event["Stage ID"]], event["Task Metrics"])
    return list(jobs.values())


def _started(event: dict[str, Any]) -> Job:
    said = (event.get("Properties") or {}).get("spark.job.description") or ""
    stages = [stage["Stage Name"] for stage in event["Stage Infos"]] or [""]
    name = (said or stages[-1]).replace("\n", " ")[:80]
    return Job(event["Job ID"], name, event["Submission Time"] / 1000, event["Stage IDs"])


def _add_task(job: Job, metrics: dict[str, Any]) -> None:
    job.tasks += 1
    job.task_seconds += metrics["Executor Run Time"] / 1000
    job.jvm_cpu_seconds += metrics["Executor CPU Time"] / 1e9


if __name__ == "__main__":
    main()
