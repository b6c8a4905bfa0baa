"""How the engine does as the work grows: ten files after a hundred thousand, a table after a thousand runs, twenty thousand tiny files.

    python -m tools.benchmarks.growth [work …] [--home DIR] [--scale 0.1]

Each work is a function that gives a dictionary: what was done, the figures of each contestant (medians, with the spread), the ratio,
the goal, and whether it was met. `--scale` makes everything smaller, for a quick look.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from statistics import median

import psutil

SCHEMA = "device_id STRING, farm_id STRING, battery_pct DOUBLE, reported_at TIMESTAMP"
CATALOG = f"""
datasets:
  - datasource: iot
    dataset: devices
    source: {{kind: files, format: json, schema: "{SCHEMA}"}}
"""


def land(home: Path, day: str, first: int, files: int, rows: int = 5) -> None:
    "Small JSON files in one landing folder, each with its own rows"
    folder = home / "landingcaso/iot/devices" / day
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(first, first + files):
        text = "".join(
            f'{{"device_id": "d{n:07}-{i}", "farm_id": "f{i}", "battery_pct": {n % 100}.5, "reported_at": "2026-01-07T06:{i % 60:02}:00Z"}}\n'
            for i in range(rows)
        )
        (folder / f"{n:07}.json").write_text(text)


def engine_at(home: Path, spark=None):
    from motor_ingesta.pipeline.runner import MotorIngesta

    home.mkdir(parents=True, exist_ok=True)
    (home / "catalog.yml").write_text(CATALOG)
    name = "local" if spark is None else "spark"
    return MotorIngesta(home, home / "catalog.yml", engine=name, spark=spark)


def ingest(engine, rows: int) -> float:  # seconds
    "One run, which must write so many rows"
    began = time.monotonic()
    done = engine.run().datasets[0]
    seconds = time.monotonic() - began
    assert (done.error, done.rows_written) == ("", rows), (done.error, done.rows_written, rows)
    return seconds


def told(seconds: list[float]) -> dict:
    return {
        "seconds": round(median(seconds), 3),
        "from": round(min(seconds), 3),
        "to": round(max(seconds), 3),
        "times": len(seconds),
    }


def result(work: str, figures: dict, ratio: float, goal: float, **more) -> dict:
    return {
        "work": work,
        "figures": figures,
        "ratio": round(ratio, 3),
        "goal": goal,
        "met": ratio <= goal,
    } | more


# ten files after many

DAY, TEN = "2026/06/01", 10


def serve_increments(home: Path, files: int) -> None:
    "In a process of its own, so that its memory can be told: ingest so many files, then ten more for every line on standard input"
    engine = engine_at(home)
    folders = [
        f"2026/{1 + d // 25:02}/{1 + d % 25:02}" for d in range(min(100, max(1, files // 100)))
    ]
    for i, folder in enumerate(folders):
        land(
            home,
            folder,
            i * files // len(folders),
            (i + 1) * files // len(folders) - i * files // len(folders),
        )
    ingest(engine, 5 * files)
    os.sync()  # a hundred thousand files just landed, and every small write would wait for the disk to have them
    print("ready", flush=True)
    tracemalloc.start()
    for n, _ in enumerate(sys.stdin):
        land(home, DAY, files + n * TEN, TEN)
        tracemalloc.reset_peak()
        seconds = ingest(engine, 5 * TEN)
        jvm = [p for p in psutil.Process().children(recursive=True) if p.name() == "java"]
        print(
            json.dumps(
                {
                    "seconds": seconds,
                    "python_peak": tracemalloc.get_traced_memory()[1],
                    "jvm": max((p.memory_info().rss for p in jvm), default=0),
                }
            ),
            flush=True,
        )
    engine.spark.stop()


def ten_after_many(home: Path, few: int = 500, many: int = 100_000, times: int = 7) -> dict:
    "10 new files after many already ingested, against after few"
    workers = {}
    try:
        for files in (few, many):
            workers[files] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tools.benchmarks.growth",
                    "--serve",
                    str(files),
                    "--home",
                    home / str(files),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            assert workers[files].stdout.readline() == "ready\n"
        said = {files: [] for files in workers}
        for _ in range(times + 2):  # the first two warm up
            for files, worker in workers.items():
                worker.stdin.write("go\n")
                worker.stdin.flush()
                said[files].append(json.loads(worker.stdout.readline()))
    finally:
        for worker in workers.values():
            worker.stdin.close()
            worker.wait(60)
    figures = {
        f"after {files:,}": told([s["seconds"] for s in each[2:]])
        | {
            "python_peak_mb": round(median(s["python_peak"] for s in each[2:]) / 1e6, 2),
            "jvm_mb": round(median(s["jvm"] for s in each[2:]) / 1e6),
        }
        for files, each in said.items()
    }
    small, large = figures.values()
    memory = large["python_peak_mb"] / small["python_peak_mb"]
    done = result(
        f"10 new files after {many:,} already ingested, against after {few:,}",
        figures,
        large["seconds"] / small["seconds"],
        1.2,
        memory_ratio=round(memory, 3),
    )
    return done | {"met": done["met"] and memory <= 1.05}


# a table after many runs


def thousand_runs(home: Path, runs: int = 1000, rows: int = 20, times: int = 9) -> dict:
    "Reading a table after many incremental runs, against the same data written at once"
    from motor_ingesta.local.session import session

    spark, (grown, once), seconds = (
        session(),
        (engine_at(home / name) for name in ("runs", "once")),
        [],
    )
    for n in range(runs):
        land(home / "runs", f"2026/01/{1 + n * 25 // runs:02}", n, 1, rows)
        seconds.append(ingest(grown, rows))
    shutil.copytree(home / "runs/landingcaso", home / "once/landingcaso")
    ingest(once, runs * rows)
    assert not (difference := [a for a in grown.audit() if a.missing or a.twice]), difference

    def read(engine) -> float:
        began = time.monotonic()
        engine.bronze("iot/devices").write.format("noop").mode("overwrite").save()
        return time.monotonic() - began

    for engine in (grown, once):
        read(engine), read(engine)
    pairs = [(read(grown), read(once)) for _ in range(times)]
    files = {
        engine: len(engine.bronze("iot/devices").select("_metadata.file_path").distinct().collect())
        for engine in (grown, once)
    }
    figures = {
        f"after {runs:,} runs": told([a for a, _ in pairs]) | {"files": files[grown]},
        "written at once": told([b for _, b in pairs]) | {"files": files[once]},
    }
    rest = sorted(seconds[len(seconds) // 10 :])
    spark.stop()
    return result(
        f"reading a table after {runs:,} incremental runs",
        figures,
        median(a / b for a, b in pairs),
        1.3,
        runs={
            "first tenth": told(seconds[: runs // 10]),
            "last tenth": told(seconds[-runs // 10 :]),
            "p50": round(median(rest), 3),
            "p99": round(rest[int(len(rest) * 0.99)], 3),
        },
    )


# a first load of tiny files


def plain_script(spark, home: Path, out: Path) -> None:
    "The best Structured Streaming script one would write by hand: file path and time added, no quarantine, no report"
    rows = (
        spark.readStream.schema(SCHEMA)
        .option("recursiveFileLookup", "true")
        .json(str(home / "landingcaso/iot/devices"))
    )
    rows = rows.selectExpr(
        "*",
        "_metadata.file_path AS _source_file",
        "current_timestamp() AS _ingested_at",
        "current_date() AS ingestion_date",
    )
    query = (
        rows.writeStream.format("delta")
        .partitionBy("ingestion_date")
        .option("checkpointLocation", str(out / "_checkpoint"))
        .trigger(availableNow=True)
        .start(str(out))
    )
    query.awaitTermination()


def tiny_files(home: Path, files: int = 20_000, times: int = 3) -> dict:
    "First load of many tiny files, against a plain Structured Streaming script"
    from motor_ingesta.local.session import session

    spark = session()
    for day in range(20):
        land(home / "source", f"2026/01/{day + 1:02}", day * files // 20, files // 20)
    for name, number in (("warm", 40),):
        land(home / name, "2026/01/01", 0, number)
        ingest(engine_at(home / name, spark), 5 * number)
        plain_script(spark, home / name, home / "warm-plain")
    pairs = []
    for n in range(times):
        mine, out = home / f"engine-{n}", home / f"plain-{n}"
        mine.mkdir()
        (mine / "landingcaso").symlink_to(home / "source/landingcaso")
        seconds = ingest(engine_at(mine, spark), 5 * files)
        began = time.monotonic()
        plain_script(spark, home / "source", out)
        pairs.append((seconds, time.monotonic() - began))
        counts = {
            uri: tuple(
                spark.read.format("delta")
                .load(uri)
                .selectExpr("count(*)", "sum(hash(device_id, farm_id, battery_pct, reported_at))")
                .first()
            )
            for uri in (str(out), f"{mine}/datalakecaso/bronze/iot/devices")
        }
        assert len(set(counts.values())) == 1, counts
    spark.stop()
    return result(
        f"first load of {files:,} tiny files",
        {"motor_ingesta": told([a for a, _ in pairs]), "plain script": told([b for _, b in pairs])},
        median(a / b for a, b in pairs),
        0.5,
    )


# more workers


def on_workers(address: str, home: Path) -> None:
    "In a process of its own: load everything once to warm up, and once for the clock"
    from tools.faults.farmia_run import spark_of

    spark, files, rows = (
        spark_of(address, str(home)),
        len(list((home / "source").rglob("*.json"))),
        0,
    )
    seconds = []
    for n in range(3):
        (home / f"run-{n}").mkdir()
        (home / f"run-{n}/landingcaso").symlink_to(home / "source/landingcaso")
        engine = engine_at(home / f"run-{n}", spark)
        began = time.monotonic()
        report = engine.run().datasets[0]
        seconds.append(time.monotonic() - began)
        assert not report.error, report.error
        rows = report.rows_written
    spark.stop()
    print(json.dumps({"seconds": min(seconds[1:]), "rows": rows, "files": files}))


def scale_out(home: Path, rows: int = 1_000_000, times: int = 2) -> dict:
    "The same load on a standalone cluster with one worker of one core, and with two"
    from tools.faults.clusters import cluster

    for n in range(20):
        land(home / "source", f"2026/01/{n + 1:02}", n, 1, rows // 20)
    said = {workers: [] for workers in (1, 2)}
    for n in range(times):
        for workers in said:
            at = home / f"{n}-{workers}"
            at.mkdir()
            (at / "source").symlink_to(home / "source")
            with cluster(at / "cluster", workers) as address:
                done = subprocess.run(
                    [
                        sys.executable,
                        "-m",
                        "tools.benchmarks.growth",
                        "--workers",
                        address,
                        "--home",
                        at,
                    ],
                    capture_output=True,
                    text=True,
                    timeout=600,
                )
                assert done.returncode == 0, done.stderr[-3000:]
            said[workers].append(json.loads(done.stdout.splitlines()[-1]))
    assert {s["rows"] for each in said.values() for s in each} == {rows // 20 * 20}
    figures = {
        f"{workers} worker{'s' * (workers > 1)}": told([s["seconds"] for s in each])
        | {"rows_per_second": round(rows / median(s["seconds"] for s in each))}
        for workers, each in said.items()
    }
    ratio = median(
        two["seconds"] / one["seconds"] for one, two in zip(*said.values(), strict=False)
    )
    return {
        "work": f"{rows:,} JSON rows on a cluster of one worker, and of two",
        "figures": figures,
        "ratio": round(ratio, 3),
        "goal": None,
        "met": True,
    }


WORKS = {
    "ten_after_many": ten_after_many,
    "thousand_runs": thousand_runs,
    "tiny_files": tiny_files,
    "scale_out": scale_out,
}
SIZES = {
    "ten_after_many": ("many", 100_000),
    "thousand_runs": ("runs", 1000),
    "tiny_files": ("files", 20_000),
    "scale_out": ("rows", 1_000_000),
}

if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("works", nargs="*", metavar="work", help=", ".join(WORKS))
    arguments.add_argument("--home", type=Path)
    arguments.add_argument("--scale", type=float, default=1.0)
    arguments.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments.add_argument("--workers", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.serve is not None:
        serve_increments(given.home, given.serve)
        sys.exit()
    if given.workers is not None:
        on_workers(given.workers, given.home)
        sys.exit()
    for name in given.works or WORKS:
        with tempfile.TemporaryDirectory(dir=given.home) as home:
            what, size = SIZES[name]
            print(
                json.dumps(
                    WORKS[name](Path(home), **{what: max(20, int(size * given.scale))}), indent=1
                ),
                flush=True,
            )
