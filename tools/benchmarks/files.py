"Works on files: a first load in three formats, the start of a process, a run of everything, memory, the generator"

import subprocess
import sys
import threading

import psutil

from motor_ingesta.catalog.models import Catalog
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.local.session import session
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.events import generate_events
from motor_ingesta.simulator.farmia import SOURCES
from motor_ingesta.simulator.files import generate_files
from motor_ingesta.storage.lake import Lake
from tools.benchmarks import data, peers
from tools.benchmarks.bench import Bench, Seconds, absolute, compared, timed

COUNT = 2_000_000
PEERS = ("plain script", "DuckDB + delta-rs", "polars + delta-rs")


def checked(act, uri, expected: tuple[int, int]) -> Seconds:
    "Seconds of an act, whose table must then be right"
    seconds = timed(act)
    found = data.checksum(uri, list(data.COLUMNS))
    assert found == expected, f"{uri} has {found} instead of {expected}"
    return seconds


def ingest(bench: Bench, lake: Lake, kind: str, spark) -> MotorIngesta:
    return MotorIngesta(
        Lake(bench.place(f"engine-{kind}"), landing_root=lake.landing_root),
        Catalog(datasets=[data.catalog_for(kind)]),
        engine=bench.host,
        spark=spark if bench.host == "spark" else None,
    )


def load(bench: Bench, kind: str) -> dict[str, list[float]]:
    count, spark = bench.rows(COUNT), session()
    lake, expected = data.readings(bench.folder, kind, count), data.expected(bench.folder, count)
    landing = lake.landing(data.READINGS)

    def ours(i: int) -> float:
        engine = ingest(bench, lake, kind, spark)

        def run():
            report = engine.run()
            assert not report.failed, report.failed

        return checked(run, engine.lake.bronze(data.READINGS), expected)

    def theirs(name: str, act) -> float:
        return checked(
            lambda: act(bench.place(name)), bench.folder / "tables" / name / "table", expected
        )

    every = {
        "plain script": lambda i: theirs(
            "plain", lambda to: peers.plain_files(spark, landing, to, kind, data.DDL)
        ),
        "DuckDB + delta-rs": lambda i: theirs(
            "duckdb", lambda to: peers.duckdb_files(landing, to, kind)
        ),
        "polars + delta-rs": lambda i: theirs(
            "polars", lambda to: peers.polars_files(landing, to, kind)
        ),
    }
    return bench.pairs(ours, {name: every[name] for name in PEERS})


def json_files(bench: Bench) -> list[dict]:
    found, count = load(bench, "json"), bench.rows(COUNT)
    work, place = f"{count:,} readings, JSON", bench.place("dlt")
    landing = data.readings(bench.folder, "json", count).landing(data.READINGS)
    found["dlt"] = [timed(lambda: peers.dlt_files(landing, place))]
    tables = [path.parent for path in place.rglob("_delta_log") if path.parent.name == "readings"]
    assert data.checksum(tables[0], list(data.COLUMNS)) == data.expected(bench.folder, count), "dlt"
    return [
        compared(work, found, "plain script", at_most=0.85),
        compared(work, found, "dlt", at_most=1 / 9),
        compared(work, found, "DuckDB + delta-rs", at_most=3),
        compared(work, found, "polars + delta-rs", at_most=3),
    ]


def csv_files(bench: Bench) -> list[dict]:
    return [
        compared(
            f"{bench.rows(COUNT):,} readings, CSV", load(bench, "csv"), "plain script", at_most=0.9
        )
    ]


def parquet_files(bench: Bench) -> list[dict]:
    return [
        compared(
            f"{bench.rows(COUNT):,} readings, Parquet",
            load(bench, "parquet"),
            "plain script",
            at_most=0.9,
        )
    ]


OURS = """
import sys
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.storage.lake import Lake
engine = MotorIngesta(Lake(sys.argv[2], landing_root=sys.argv[1]))
assert not engine.run("iot/devices").failed
engine.preview("iot/devices").show()
"""


def start(bench: Bench) -> dict:
    "From an empty process to the first rows of a small dataset, jars cached"
    lake = data.readings(bench.folder, "json", 2000, 10)

    def ours(i: int) -> float:
        return timed(
            lambda: subprocess.run(
                [sys.executable, "-c", OURS, lake.landing_root, bench.place("start")],
                check=True,
                capture_output=True,
                timeout=300,
            )
        )

    found = bench.pairs(
        ours,
        {
            "script with configure_spark_with_delta_pip": lambda i: timed(
                lambda: peers.plain_start(lake.landing(data.READINGS), bench.place("plain-start"))
            )
        },
    )
    return compared(
        "process start to first bronze preview",
        found,
        "script with configure_spark_with_delta_pip",
        at_most=0.5,
    )


def incremental(bench: Bench) -> list[dict]:
    "All of FarmIA's datasets with ten new files each and a thousand events, against one of them"
    spark, home = session(), bench.place("incremental")
    one, every = [], []
    with Services(home, free_port(), free_port()):
        engine, at = MotorIngesta(home, spark=spark), {}

        def arrive(names) -> None:
            for name in names:
                begin = at.get(name, 0)
                if SOURCES[name].topics:
                    at[name] = generate_events(engine.connections(), name, 1000, start=begin).end
                else:
                    at[name] = generate_files(engine.lake, name, 10, 200, start=begin).end

        def run(*names) -> float:
            seconds = timed(lambda: reports.append(engine.run(*names)))
            report = reports.pop()
            assert not report.failed and all(d.rows_read for d in report.datasets), report.failed
            return seconds

        reports: list = []
        for i in range(-2, bench.runs + 2):
            arrive(SOURCES)
            all_seconds = run()
            arrive([data.READINGS])
            one_seconds = run(data.READINGS)
            if i >= 0:
                every.append(all_seconds)
                one.append(one_seconds)
            print(round(all_seconds, 2), round(one_seconds, 2), file=sys.stderr, flush=True)
    work = "10 new files of each of 8 datasets and 1,000 events of 2, warm"
    return [
        absolute(work, every, "seconds", at_most=4),
        compared(work, {"engine": every, "one dataset": one}, "one dataset", at_most=2),
    ]


def peak_memory(bench: Bench) -> dict:
    "The largest resident memory of a process that ingests, its children included"

    def peak(count: int, files: int) -> float:
        lake = data.readings(bench.folder, "json", count, files)
        process = psutil.Popen(
            [sys.executable, "-c", OURS, lake.landing_root, bench.place("memory")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        most, ended = 0, threading.Event()
        while process.poll() is None:
            most = max(most, sum(_resident(p) for p in (process, *_children(process))))
            ended.wait(0.1)
        assert process.returncode == 0, process.stderr.read().decode()[-2000:]
        return most / 2**30

    small, big = bench.rows(COUNT) // 10, bench.rows(COUNT)
    found = {"engine": [], "a tenth of the data": []}
    for _i in range(bench.runs):
        found["a tenth of the data"].append(peak(small, 5))
        found["engine"].append(peak(big, 50))
    return compared(f"peak memory, {big:,} rows", found, "a tenth of the data", at_most=1.1) | {
        "unit": "GiB"
    }


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def file_generator(bench: Bench) -> dict:
    rates = []
    for _i in range(bench.runs):
        count = bench.rows(1_000_000)
        rates.append(
            count
            / timed(
                lambda: generate_files(
                    Lake(bench.place("generated")), data.READINGS, 20, count // 20
                )
            )
        )
    return absolute("generator, rows into JSON files", rates, "per second", at_least=200_000)


def profile(bench: Bench) -> list[dict]:
    "Where the time goes, in seconds of the processor: the second of two runs each"
    from pyspark.sql import functions as F

    spark, count, place = session(), bench.rows(COUNT), bench.place("profile")
    json_landing, parquet_landing = (
        data.readings(bench.folder, kind, count).landing(data.READINGS)
        for kind in ("json", "parquet")
    )

    def read(kind, landing):
        return (
            spark.read.schema(data.DDL)
            .options(recursiveFileLookup="true", timestampFormat=peers.TIMESTAMP)
            .format(kind)
            .load(landing)
            .withColumn("ingestion_date", F.current_date())
        )

    def nothing(rows):
        rows.write.format("noop").mode("overwrite").save()

    def delta(rows):
        rows.write.format("delta").mode("overwrite").partitionBy("ingestion_date").save(
            f"{place}/table"
        )

    steps = {
        "Spark parses JSON, writes nothing": lambda: nothing(read("json", json_landing)),
        "Spark reads Parquet, writes nothing": lambda: nothing(read("parquet", parquet_landing)),
        "Spark reads Parquet, writes Delta": lambda: delta(read("parquet", parquet_landing)),
        "Spark parses JSON, writes Delta": lambda: delta(read("json", json_landing)),
        **{
            f"the engine, {kind.upper() if kind != 'parquet' else 'Parquet'}": lambda kind=kind: (
                ingest(bench, data.readings(bench.folder, kind, count), kind, spark).run()
            )
            for kind in ("json", "csv", "parquet")
        },
        "DuckDB reads JSON, delta-rs writes": lambda: peers.duckdb_files(
            json_landing, bench.place("duckdb"), "json"
        ),
    }
    return [
        {"work": f"{step}, {count:,} rows", "cpu": [timed(act) for _ in range(2)][1].cpu}
        for step, act in steps.items()
    ]


WORKS = {
    "profile": profile,
    "json": json_files,
    "csv": csv_files,
    "parquet": parquet_files,
    "start": start,
    "incremental": incremental,
    "memory": peak_memory,
    "file_generator": file_generator,
}
