"""How the engine does as the work grows: ten files after many, a table after many runs, all datasets."""

import shutil
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from motor_ingesta.catalog.models import farmia_catalog
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.events import generate_events
from motor_ingesta.simulator.farmia import SOURCES
from motor_ingesta.simulator.files import generate_files
from tools.benchmarks.measure import Measured, measure
from tools.benchmarks.results import Options, Record, compare
from tools.benchmarks.shapes import LOCAL, SPARK
from tools.benchmarks.workbench import Workbench

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = "device_id STRING, farm_id STRING, battery_pct DOUBLE, reported_at TIMESTAMP"
CATALOG = f"""
datasets:
  - datasource: iot
    dataset: devices
    source: {{kind: files, format: json, schema: "{SCHEMA}"}}
"""
DATASET = "iot/devices"


def land(home: Path, day: str, first: int, files: int, rows: int = 5) -> None:
    "Small JSON files in one landing folder, each with its own rows."
    folder = home / "landingcaso" / DATASET / day
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + files):
        lines = [
            f'{{"device_id": "d{number:07}-{row}", "farm_id": "f{row}", '
            f'"battery_pct": {number % 100}.5, "reported_at": "2026-01-07T06:{row % 60:02}:00Z"}}\n'
            for row in range(rows)
        ]
        (folder / f"{number:07}.json").write_text("".join(lines))


def engine_at(home: Path, spark: "SparkSession | None" = None) -> MotorIngesta:
    "An engine over the files that `land` writes, local unless a session is given."
    home.mkdir(parents=True, exist_ok=True)
    (home / "catalog.yml").write_text(CATALOG)
    name = LOCAL if spark is None else SPARK
    return MotorIngesta(home, home / "catalog.yml", engine=name, spark=spark)


def ingest(engine: MotorIngesta, rows: int) -> float:
    "One run, which must write so many rows; its seconds."
    began = time.monotonic()
    done = engine.run().datasets[0]
    seconds = time.monotonic() - began
    assert (done.error, done.rows_written) == ("", rows), (done.error, done.rows_written, rows)
    return seconds


def _session(bench: Workbench, host: str) -> "SparkSession | None":
    return bench.spark if host == SPARK else None


# Ten files after many

FEW, TEN = 500, 10
_FOLDERS = 100


class _GrowingHome:
    "A home with many ingested files, to which ten more come at a time."

    def __init__(self, home: Path, files: int):
        self._home, self._next = home, 0
        for number in range(_FOLDERS):
            count = files * (number + 1) // _FOLDERS - self._next
            self._land(f"2026/{1 + number // 25:02}/{1 + number % 25:02}", count)
        ingest(engine_at(home), 5 * files)

    def _land(self, day: str, files: int) -> None:
        land(self._home, day, self._next, files)
        self._next += files

    def ten_more(self, spark: "SparkSession | None") -> Measured:
        "What a run takes that finds ten new files."
        self._land("2026/06/01", TEN)
        engine = engine_at(self._home, spark)
        return measure(lambda: ingest(engine, 5 * TEN))

    def python_peak_mb(self, spark: "SparkSession | None") -> float:
        "The largest memory that Python objects take meanwhile."
        tracemalloc.start()
        self.ten_more(spark)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / 1e6


def ten_after_many(bench: Workbench, options: Options) -> list[Record]:
    "Ten new files after many ingested ones, against after few: seconds, and memory of Python."
    many = options.rows // 2

    def work(folder: Path) -> list[Record]:
        large, small = _GrowingHome(folder / "many", many), _GrowingHome(folder / "few", FEW)
        records = []
        for host in options.hosts:
            spark = _session(bench, host)
            for home in (large, small):
                home.ten_more(spark)
            turns = [(large.ten_more(spark), small.ten_more(spark)) for _ in range(options.runs)]
            title = f"10 new files after {many:,}"
            record = Record("ten_after_many", title, host, f"after {FEW}", 5 * TEN, goal=1.2)
            compare(record, [turn[0] for turn in turns], [turn[1] for turn in turns])
            record.memory_mb = large.python_peak_mb(spark)
            less = small.python_peak_mb(spark)
            record.note = f"objects of Python: {record.memory_mb:.2f} MB, after {FEW} {less:.2f} MB"
            records.append(record)
        return records

    return bench.with_empty_folder(work)


# A table after many runs

RUNS, ROWS_A_RUN = 1000, 20


def reading_after_runs(bench: Workbench, options: Options) -> list[Record]:
    "Reading a table after 1,000 runs, against the same data written at once."

    def work(folder: Path) -> list[Record]:
        grown = engine_at(folder / "grown")
        for number in range(RUNS):
            land(folder / "grown", f"2026/01/{1 + number // 40:02}", number, 1, ROWS_A_RUN)
            ingest(grown, ROWS_A_RUN)
        shutil.copytree(folder / "grown/landingcaso", folder / "once/landingcaso")
        ingest(engine_at(folder / "once"), RUNS * ROWS_A_RUN)
        return [_reading(bench, folder, host, options.runs) for host in options.hosts]

    return bench.with_empty_folder(work)


def _reading(bench: Workbench, folder: Path, host: str, runs: int) -> Record:
    def read(name: str) -> Measured:
        table = engine_at(folder / name, _session(bench, host)).bronze(DATASET)
        return measure(table.collect if host == SPARK else table.fetchall)

    for name in ("grown", "once"):  # warms up
        read(name)
    turns = [(read("grown"), read("once")) for _ in range(5 * runs)]
    title, rows = f"reading a table after {RUNS:,} runs", RUNS * ROWS_A_RUN
    record = Record("reading_after_runs", title, host, "written at once", rows, goal=1.1)
    return compare(record, [turn[0] for turn in turns], [turn[1] for turn in turns])


# All datasets


def all_datasets(bench: Workbench, options: Options) -> list[Record]:
    "All of FarmIA's datasets with ten new files or a thousand events each, against one of them."
    ends: dict[str, int] = {}
    catalog = farmia_catalog().model_copy(update={"connections": bench.connections})

    def arrive(engine: MotorIngesta, names: list[str]) -> None:
        for name in names:
            begin = ends.get(name, 0)
            if SOURCES[name].topics:
                made = generate_events(bench.connections, name, 1000, start=begin)
            else:
                made = generate_files(engine.lake, name, 10, 200, start=begin)
            ends[name] = made.end

    def run(engine: MotorIngesta, *names: str) -> Measured:
        arrive(engine, list(names or SOURCES))
        reports = []
        measured = measure(lambda: reports.append(engine.run(*names)))
        assert not reports[0].failed, reports[0].failed[0].error
        return measured

    def work(folder: Path) -> list[Record]:
        records = []
        for host in options.hosts:
            engine = MotorIngesta(folder / host, catalog, engine=host, spark=_session(bench, host))
            for names in ((), (DATASET,)):  # warms up
                run(engine, *names)
            turns = [(run(engine), run(engine, DATASET)) for _ in range(options.runs)]
            title = "all ten FarmIA datasets with news"
            goal = 3 if host == LOCAL else None
            record = Record("all_datasets", title, host, "one of them", 18_000, goal=goal)
            compare(record, [turn[0] for turn in turns], [turn[1] for turn in turns])
            records.append(record)
        return records

    return bench.with_empty_folder(work)


WORKS: dict[str, Callable[[Workbench, Options], list[Record]]] = {
    "all_datasets": all_datasets,
    "ten_after_many": ten_after_many,
    "reading_after_runs": reading_after_runs,
}
