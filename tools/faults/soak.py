"""Ingest without end from sources that make trouble, and watch what grows.

    python -m tools.faults.soak --minutes 20 --seed 1 --home DIR

A generator lands files and produces events at a steady rate, with late, repeated, broken and incomplete rows among them
and new schema versions now and then. A worker ingests continuously. Every few seconds this program notes, from outside:
the memory of the worker's two processes, what of the heap is alive, how far the tables are behind the sources, and how
many files they are made of. At the end a last run and three counts, as after a kill: manifests, audit, deltalake.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import httpx
import psutil
from deltalake import DeltaTable

from motor_ingesta.local.jars import find_java
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.events import generate_events
from motor_ingesta.simulator.farmia import Trouble
from motor_ingesta.simulator.files import generate_files, next_row, read_manifests
from tools.faults.figures import record

FILES = {
    "iot/devices": 200,
    "inventory/stock": 100,
    "logistics/shipments": 100,
}  # dataset → rows a file, two files every ten seconds
EVENTS = {"sales/online_orders": 200, "iot/telemetry": 600}  # dataset → records every ten seconds
ROUND = 10.0  # seconds
WORKER = """
import signal, sys, threading
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.observability.telemetry import Metrics, json_logs
metrics, stop = Metrics(), threading.Event()
metrics.serve(int(sys.argv[2]))
signal.signal(signal.SIGTERM, lambda *_: stop.set())
engine = MotorIngesta(sys.argv[1], engine="local", progress=metrics)
json_logs(open(sys.argv[3], "a"), engine.known_secrets)
engine.run(*sys.argv[4:], continuous=True, stop=stop)
"""


class Soak:
    def __init__(self, home: Path, seed: int):
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.rng, self.names = home, random.Random(seed), [*FILES, *EVENTS]
        self.services = Services(home, free_port(), free_port())
        self.services.start()
        self.engine = MotorIngesta(home)
        self.port, self.samples, self.began = free_port(), [], time.monotonic()
        self.generate()
        with (home / "worker.log").open("w") as log:
            self.worker = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    WORKER,
                    home,
                    str(self.port),
                    home / "worker.jsonl",
                    *self.names,
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def generate(self) -> None:
        "Ten seconds' worth of files and events"
        for name in self.names:
            start = next_row(self.engine.lake, name)
            trouble = Trouble(
                late=0.02,
                duplicate=0.02,
                corrupt=0.01,
                missing=0.02,
                null=0.02,
                schema_v2_from=start if self.rng.random() < 0.2 else None,
            )
            if name in FILES:
                generate_files(self.engine.lake, name, 2, FILES[name], 7, start, trouble)
            else:
                generate_events(
                    self.engine.connections(),
                    name,
                    EVENTS[name],
                    7,
                    start,
                    trouble,
                    lake=self.engine.lake,
                )

    def tables(self) -> dict[str, DeltaTable]:
        uris = {
            f"{zone} {name}": getattr(self.engine.lake, zone)(name)
            for name in self.names
            for zone in ("bronze", "quarantine")
        }
        return {
            name: DeltaTable(uri)
            for name, uri in uris.items()
            if list(Path(uri, "_delta_log").glob("*.json"))
        }

    def alive_bytes(self, jvm: psutil.Process) -> int:
        "What is left of the heap after a full collection"
        told = subprocess.run(
            [find_java()[0].parent / "jcmd", str(jvm.pid), "GC.class_histogram"],
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        return int(told.strip().splitlines()[-1].split()[2])

    def sample(self, look_inside: bool) -> None:
        worker = psutil.Process(self.worker.pid)
        jvm = next(p for p in worker.children(recursive=True) if p.name() == "java")
        pending = self.engine.pending(*self.names)
        here = {
            "seconds": round(time.monotonic() - self.began),
            "python_mib": worker.memory_info().rss >> 20,
            "jvm_mib": jvm.memory_info().rss >> 20,
            "threads": worker.num_threads() + jvm.num_threads(),
            "open_files": worker.num_fds() + jvm.num_fds(),
            "files_behind": sum(pending[n] for n in FILES),
            "records_behind": sum(pending[n] for n in EVENTS),
        }
        if look_inside:
            tables = self.tables()
            files = {name: len(t.file_uris()) for name, t in tables.items()}
            here |= {
                "heap_alive_mib": self.alive_bytes(jvm) >> 20,
                "table_files": sum(files.values()),
                "most_files_of_a_table": max(files.values(), default=0),
                "commits": sum(t.version() for t in tables.values()),
                "checkpoint_files": sum(
                    1 for p in (self.home / "datalakecaso/_checkpoints").rglob("*") if p.is_file()
                ),
                "metrics": len(
                    httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=10).text.splitlines()
                ),
            }
        self.samples.append(here)

    def run(self, minutes: float, say=print) -> None:
        while (
            not self.tables() and self.worker.poll() is None and time.monotonic() - self.began < 180
        ):
            time.sleep(0.5)
        self.began, next_round, next_look = time.monotonic(), ROUND, 0.0
        while (now := time.monotonic() - self.began) < minutes * 60:
            assert self.worker.poll() is None, (self.home / "worker.log").read_text()[-3000:]
            if now >= next_round:
                self.generate()
                next_round += ROUND
            self.sample(look := now >= next_look)
            if look:
                next_look += 60
                say(self.samples[-1], flush=True)
            time.sleep(5)

    def finish(self) -> dict:
        self.worker.send_signal(signal.SIGTERM)
        self.worker.wait(300)
        report = self.engine.run(*self.names)
        assert not report.failed, [d.error for d in report.failed]
        made = {n: read_manifests(self.engine.lake, n) for n in self.names}
        rows = {
            zone: sum(
                DeltaTable(getattr(self.engine.lake, zone)(n)).to_pyarrow_dataset().count_rows()
                for n in self.names
            )
            for zone in ("bronze", "quarantine")
        }
        logged = [
            json.loads(line) for line in (self.home / "worker.jsonl").read_text().splitlines()
        ]
        return {
            "rows made": sum(m.rows for ms in made.values() for m in ms),
            "files made": sum(len(m.files) for ms in made.values() for m in ms),
            "rows in bronze": rows["bronze"],
            "rows in quarantine": rows["quarantine"],
            "expected in bronze": sum(m.bronze for ms in made.values() for m in ms),
            "audit difference": self.engine.audit(*self.names, everything=True).difference,
            "micro-batches": sum(1 for line in logged if line["message"] == "batch committed"),
        }

    def close(self) -> None:
        if self.worker.poll() is None:
            os.killpg(self.worker.pid, signal.SIGKILL)
        self.services.stop()


def summary(samples: list[dict]) -> dict:
    "First and last third of the time, by median; the most of anything"
    third = len(samples) // 3
    told = {}
    for name in (
        "python_mib",
        "jvm_mib",
        "heap_alive_mib",
        "threads",
        "open_files",
        "files_behind",
        "records_behind",
        "table_files",
        "most_files_of_a_table",
        "checkpoint_files",
    ):
        early, late = (
            [s[name] for s in part if name in s]
            for part in (samples[third : 2 * third], samples[-third:])
        )
        told[name] = {
            "middle third": median(early or [0]),
            "last third": median(late or [0]),
            "most": max((s[name] for s in samples if name in s), default=0),
        }
    return told


def main(home: Path, minutes: float, seed: int) -> dict:
    soak = Soak(home, seed)
    try:
        soak.run(minutes)
        return {
            "seed": seed,
            "minutes": minutes,
            **soak.finish(),
            "grew": summary(soak.samples),
            "samples": soak.samples,
        }
    finally:
        soak.close()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--home", type=Path, required=True)
    arguments.add_argument("--minutes", type=float, default=20)
    arguments.add_argument("--seed", type=int, default=1)
    record("soak", told := main(**vars(arguments.parse_args())))
    print(json.dumps({k: v for k, v in told.items() if k != "samples"}, indent=1))
