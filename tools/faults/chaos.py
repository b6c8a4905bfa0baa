"""Break the engine on purpose, many times, and count afterwards.

    python -m tools.faults.chaos --kills 200 --seed 1 --home DIR [--connect]

A worker ingests files and Kafka events without end, and is killed at random moments, most of them in the middle of a
micro-batch: all of it, or Python alone, whose JVM may then finish a write that nobody waits for. Some workers live by a
clock that is days off. With `--connect` workers are clients of a Spark Connect server, as on Databricks: most kills leave the server
alone with what it was told, and the next worker comes at once; some take the server too. In between the broker and the registry are killed too, and the disk is full. Every so often the
next run finishes the work, and three counts must agree: the generator's manifests, the engine's audit, and readers that
know nothing of the engine (deltalake for the tables, a plain consumer for the topics). An onlooker reads the tables all
the while, and may never see a part of a file's rows.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path

import libfaketime
import psutil
from confluent_kafka import Consumer, TopicPartition
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from motor_ingesta.local.services import Services, free_port
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.events import generate_events
from motor_ingesta.simulator.farmia import Trouble
from motor_ingesta.simulator.files import generate_files, read_manifests
from tools.faults.figures import record

FILES = {
    "iot/devices": 60,
    "inventory/stock": 40,
    "logistics/shipments": 40,
}  # dataset → rows a file
EVENTS = ("sales/online_orders", "iot/telemetry")
SMALL = {"files": {"max_files_per_batch": 2}, "kafka": {"max_records_per_batch": 150}}
WORKER = """
import sys
from motor_ingesta.pipeline import runner as engine
from motor_ingesta.pipeline.runner import MotorIngesta
engine._UPKEEP_SECONDS = 2.0  # compaction is killed too
MotorIngesta(sys.argv[1], sys.argv[2]).run(continuous=True, poll_seconds=0.05)
"""
SERVER = """
import sys, time
from motor_ingesta.local.session import session
session("1500m", **{"spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin", "spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": sys.argv[1]})
print("ready", flush=True)
while True: time.sleep(3600)
"""
FAST_START = {
    "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"
}  # a worker lives for seconds: what it compiles well it never uses


FAKETIME = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"


class Onlooker(threading.Thread):
    "Reads the tables while they are written; a file's rows are all there or not there at all"

    def __init__(self, home: Path):
        super().__init__(daemon=True)
        self._home, self._stop_looking = home, threading.Event()
        self.looks, self.problems, self._seen = 0, [], {}  # (zone, file) → rows seen

    def run(self) -> None:
        while not self._stop_looking.wait(1):
            for name in FILES:
                for zone in ("bronze", "quarantine"):
                    if (self._home / "datalakecaso" / zone / name / "_delta_log").exists():
                        self._look(zone, name)

    def _look(self, zone: str, name: str) -> None:
        try:
            files = (
                DeltaTable(self._home / "datalakecaso" / zone / name)
                .to_pyarrow_table(columns=["_source_file"])["_source_file"]
                .to_pylist()
            )
        except TableNotFoundError:
            return  # its first commit is not there yet
        except Exception as e:
            self.problems.append(f"{zone} of {name} cannot be read: {e}")
            return
        self.looks += 1
        for file, rows in Counter(files).items():
            if self._seen.setdefault((zone, file), rows) != rows:
                self.problems.append(
                    f"{zone} of {name} showed {self._seen[zone, file]} and then {rows} rows of {file}"
                )

    def stop(self) -> None:
        self._stop_looking.set()
        self.join(30)


def catalog_of(home: Path, small: bool) -> Path:
    "FarmIA's catalog; for workers with micro-batches so small that there are always some to interrupt"
    from importlib.resources import files

    import yaml

    catalog = yaml.safe_load((files("motor_ingesta") / "farmia.yml").read_text())
    catalog["datasets"] = [
        d for d in catalog["datasets"] if f"{d['datasource']}/{d['dataset']}" in (*FILES, *EVENTS)
    ]
    for dataset in catalog["datasets"]:
        if small:
            dataset["source"] |= SMALL[dataset["source"]["kind"]]
        dataset["schema_changes"] = (
            "evolve" if dataset["dataset"] in ("stock", "online_orders") else "rescue"
        )
    path = home / f"{'worker' if small else 'counting'}.yml"
    path.write_text(yaml.safe_dump(catalog))
    return path


class Chaos:
    def __init__(self, home: Path, seed: int, connect: bool = False):
        (home / "datalakecaso").mkdir(parents=True, exist_ok=True)
        self.home, self.rng = home, random.Random(seed)
        self.small_disk = (
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", home / "datalakecaso"],
                capture_output=True,
            ).returncode
            == 0
        )  # root may; others have the limit on file sizes only
        self.services = Services(home, free_port(), free_port())
        self.services.start()
        self.catalog, self.whole = catalog_of(home, True), catalog_of(home, False)
        self.counts, self.worker, self.server, self.server_port = (
            Counter(),
            None,
            None,
            free_port() if connect else None,
        )
        self.start_server()
        self.onlooker = Onlooker(home)
        self.onlooker.start()

    def start_server(self) -> None:
        "An engine for counting, and with Connect the Spark that all share"
        if self.server_port is None:
            self.engine = MotorIngesta(self.home, self.whole)
            return
        with (self.home / "server.log").open("w") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(self.server_port)],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={k: v for k, v in os.environ.items() if k != "SPARK_CONNECT_MODE_ENABLED"},
            )  # which a client sets for itself
        deadline = time.monotonic() + 240
        while "ready" not in (self.home / "server.log").read_text():
            assert self.server.poll() is None and time.monotonic() < deadline, (
                self.home / "server.log"
            ).read_text()[-2000:]
            time.sleep(0.2)
        from pyspark.sql import SparkSession

        self.engine = MotorIngesta(
            self.home,
            self.whole,
            spark=SparkSession.builder.remote(f"sc://127.0.0.1:{self.server_port}").create(),
        )

    # sources

    def generate(self, files: int = 3, events: int = 300) -> None:
        def trouble(start):
            return Trouble(
                late=0.02,
                duplicate=0.02,
                corrupt=0.02,
                missing=0.02,
                null=0.02,
                schema_v2_from=start + 20 if self.rng.random() < 0.5 else None,
            )

        for name, rows in FILES.items():
            start = max((m.end for m in read_manifests(self.engine.lake, name)), default=0)
            generate_files(self.engine.lake, name, files, rows, 7, start, trouble(start))
        for name in EVENTS:
            start = max((m.end for m in read_manifests(self.engine.lake, name)), default=0)
            generate_events(
                self.engine.connections(),
                name,
                events,
                7,
                start,
                trouble(start),
                lake=self.engine.lake,
            )

    # faults

    def start_worker(self) -> None:
        days = self.rng.choice([0, 0, 0, 0, -2, -400, 3])
        clock = (
            {
                "LD_PRELOAD": str(FAKETIME),
                "FAKETIME": f"{days:+}d",
                "DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            }
            if days
            else {}
        )
        self.counts["clocks moved"] += bool(days)
        with (self.home / "worker.log").open("a") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-c", WORKER, self.home, self.catalog],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ
                | clock
                | (
                    {"SPARK_REMOTE": f"sc://127.0.0.1:{self.server_port}"}
                    if self.server
                    else FAST_START
                ),
            )

    def newest(self) -> int:
        "When something was last written to a checkpoint or a table's log"
        lake, newest = self.home / "datalakecaso", 0
        for folder in (
            lake / part
            for name in (*FILES, *EVENTS)
            for part in (
                f"_checkpoints/{name}/plans",
                f"_checkpoints/{name}/commits",
                f"bronze/{name}/_delta_log",
                f"quarantine/{name}/_delta_log",
            )
        ):
            with suppress(FileNotFoundError):
                newest = max(newest, folder.stat().st_mtime_ns)
        return newest

    def until_it_works(self, seconds: float = 90) -> None:
        "Wait until the worker has written something, or is gone"
        before, deadline = self.newest(), time.monotonic() + seconds
        while (
            self.newest() == before and self.worker.poll() is None and time.monotonic() < deadline
        ):
            time.sleep(0.02)

    def kill(self) -> None:
        "SIGKILL to the worker and its JVM, or to Python alone, at some moment after it began to work"
        self.until_it_works()
        deadline = time.monotonic() + 3
        for _ in range(
            self.rng.randint(0, 12)
        ):  # wait for a few more writes to appear, then a moment longer
            before = self.newest()
            while self.newest() == before and time.monotonic() < deadline:
                time.sleep(0.003)
        time.sleep(self.rng.random() * 0.15)
        everything = self.rng.random() < (0.12 if self.server else 0.8)
        os.killpg(self.worker.pid, signal.SIGKILL) if everything else self.worker.kill()
        if everything and self.server:
            self.kill_server()
        self.worker.wait(30)
        self.counts["kills"] += 1
        self.counts[
            "of Python and its JVM" if everything else "of Python, while its JVM worked on"
        ] += 1
        self.counts["inside a micro-batch"] += bool(self.unfinished())
        if everything and self.server:
            self.start_server()

    def kill_server(self) -> None:
        if self.server.poll() is None:
            os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait(30)

    def unfinished(self) -> list[str]:
        folders = self.home.glob("datalakecaso/_checkpoints/*/*")

        def numbers(folder, kind):
            return [int(p.stem) for p in (folder / kind).glob("[0-9]*.json")]

        return [
            folder.name
            for folder in folders
            if max(numbers(folder, "plans"), default=-1)
            > max(numbers(folder, "commits"), default=-1)
        ]

    def kill_service(self, name: str) -> None:
        "The broker or the registry dies under the worker, and comes back"
        self.start_worker()
        self.until_it_works()
        psutil.Process({s.name: s.pid for s in self.services.status()}[name]).kill()
        time.sleep(self.rng.random() * 4)
        self.services = Services(
            self.home,
            **{f"{s.name}_port": int(s.address.rsplit(":", 1)[1]) for s in self.services.status()},
        )
        self.services.start()
        self.until_it_works()
        self.counts[f"{name} outages"] += 1
        self.counts["outages outlived"] += self.worker.poll() is None
        self.kill()

    def fill_disk(self) -> None:
        "From some moment on, nothing can be written any more, or no file may grow beyond a few bytes: writes fail half way"
        self.start_worker()
        self.until_it_works()
        filler, limit = self.home / "datalakecaso/.filler", self.rng.choice([0, 500, 3000])
        if self.small_disk and (self.server or self.rng.random() < 0.6):
            self.fill(filler, leave=self.rng.choice([0, 4096, 40_000]))
        else:
            for process in (
                worker := psutil.Process(self.worker.pid),
                *worker.children(recursive=True),
            ):
                process.rlimit(psutil.RLIMIT_FSIZE, (limit, limit))
        time.sleep(self.rng.random() * 5)
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait(30)
        self.counts["full disks"] += 1
        self.counts["of them without a byte left"] += filler.exists()
        filler.unlink(missing_ok=True)

    def fill(self, filler: Path, leave: int) -> None:
        with filler.open("wb") as out:
            try:
                while True:
                    os.write(out.fileno(), bytes(4096))
            except OSError:
                out.truncate(max(0, out.tell() - leave))

    # counting

    def finish(self) -> None:
        report = self.engine.run()
        assert not report.failed, [d.error for d in report.failed]

    def differences(self) -> dict[str, dict]:
        "What three countings say, where they do not agree; empty if all is well"
        found = {}
        audit = {a.dataset: a for a in self.engine.audit(everything=self.rng.random() < 0.5)}
        for d in self.engine.catalog.datasets:
            made = read_manifests(self.engine.lake, d.name)
            rows = {
                zone: DeltaTable(getattr(self.engine.lake, zone)(d.name)).to_pyarrow_table()
                for zone in ("bronze", "quarantine")
            }
            counts = {
                "made": sum(m.rows for m in made),
                "tables": sum(t.num_rows for t in rows.values()),
                "bronze made": sum(m.bronze for m in made),
                "bronze": rows["bronze"].num_rows,
                "audit": audit[d.name].missing + audit[d.name].twice,
            }
            if d.source.kind == "kafka":
                offsets = [
                    tuple(o)
                    for t in rows.values()
                    for o in zip(
                        *(t[c].to_pylist() for c in ("_topic", "_partition", "_offset")),
                        strict=False,
                    )
                ]
                counts |= {
                    "topic": self.consumed(sorted({t for t, _, _ in offsets})),
                    "offsets": len(set(offsets)),
                }
                if not counts["made"] == counts["topic"] == counts["offsets"]:
                    found[d.name] = counts
            if (
                counts["audit"]
                or counts["made"] != counts["tables"]
                or counts["bronze made"] != counts["bronze"]
            ):
                found[d.name] = counts
        return found

    def consumed(self, topics: list[str]) -> int:
        consumer = Consumer(
            {
                "bootstrap.servers": self.services.endpoints().bootstrap_servers,
                "group.id": "chaos",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            }
        )
        partitions = [
            TopicPartition(t, p, 0)
            for t in topics
            for p in consumer.list_topics(t, timeout=15).topics[t].partitions
        ]
        consumer.assign(partitions)
        count, ended, deadline = 0, 0, time.monotonic() + 120
        while ended < len(partitions) and time.monotonic() < deadline:
            for message in consumer.consume(5000, 1.0):
                if message.error():
                    ended += 1
                else:
                    count += 1
        consumer.close()
        return count

    def close(self) -> None:
        if self.worker and self.worker.poll() is None:
            os.killpg(self.worker.pid, signal.SIGKILL)
        self.onlooker.stop()
        if self.server:
            self.kill_server()
        self.services.stop()
        if self.small_disk:
            subprocess.run(["umount", "--lazy", self.home / "datalakecaso"])


def main(
    home: Path, kills: int, seed: int, connect: bool = False, check_every: int = 10, say=print
) -> dict:
    began, chaos = time.monotonic(), Chaos(home, seed, connect)
    try:
        chaos.generate()
        chaos.finish()
        for i in range(kills):
            chaos.start_worker()
            if i % 2 == 0:
                chaos.generate()
            chaos.kill()
            if i % 10 == 3:
                chaos.generate(1, 100)
                chaos.kill_service("kafka" if i % 20 == 3 else "registry")
            if i % 10 == 7:
                chaos.generate(1, 100)
                chaos.fill_disk()
            if (i + 1) % check_every == 0 or i + 1 == kills:
                chaos.finish()
                differences = chaos.differences()
                chaos.counts["checks"] += 1
                chaos.counts["checks with a difference"] += bool(differences)
                chaos.counts.update(
                    {
                        "looks of an onlooker": chaos.onlooker.looks
                        - chaos.counts["looks of an onlooker"],
                        "half-written things it saw": len(chaos.onlooker.problems)
                        - chaos.counts["half-written things it saw"],
                    }
                )
                for problem in chaos.onlooker.problems:
                    say(problem)
                say(
                    f"{time.monotonic() - began:6.0f} s  {dict(chaos.counts)}  {differences or 'no difference'}",
                    flush=True,
                )
        assert chaos.onlooker.is_alive()
        rows = sum(
            m.rows
            for d in chaos.engine.catalog.datasets
            for m in read_manifests(chaos.engine.lake, d.name)
        )
        return {
            "seed": seed,
            "connect": connect,
            "rows": rows,
            "micro-batches": sum(
                max((int(p.stem) for p in folder.glob("*.json")), default=0) + 1
                for folder in home.glob("datalakecaso/_checkpoints/*/*/commits")
            ),
            "seconds": round(time.monotonic() - began),
            **chaos.counts,
        }
    finally:
        chaos.close()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--home", type=Path, required=True)
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument(
        "--connect",
        action="store_true",
        help="workers as clients of a Spark Connect server, which outlives most of them",
    )
    code = 1
    try:
        record("faults", told := main(**vars(arguments.parse_args())), among=True)
        print(json.dumps(told, indent=1), flush=True)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(
            code
        )  # a client of Spark Connect whose server was killed would try for minutes to take its leave
