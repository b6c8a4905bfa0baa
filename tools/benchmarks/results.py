"""The figures as `nbs/benchmarks.json` keeps them: one record per shape, host and peer."""

import datetime as dt
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from tools.benchmarks.measure import Measured, machine, versions


@dataclass(frozen=True)
class Options:
    "What the command line asks of every shape."

    hosts: list[str]
    rows: int
    runs: int  # of each contestant


@dataclass
class Record:
    "The engine on one shape and host, beside one peer."

    shape: str
    title: str
    host: str  # local or spark
    peer: str  # empty: there is nothing to compare with
    rows: int
    unit: str = "seconds"  # of the values
    value: float = 0.0  # median of the engine
    peer_value: float | None = None
    ratio: float | None = None  # median of the ratios of neighbouring runs
    spread: tuple[float, float] | None = None  # smallest and largest ratio
    goal: float | None = None  # the largest ratio; without a peer, the largest value
    cpu_seconds: float | None = None
    peer_cpu_seconds: float | None = None
    memory_mb: float | None = None  # peak of the Python processes
    peer_rows: int | None = None  # in the peer's table: it may lose some
    runs: int = 1
    note: str = ""
    profile: dict[str, float] = field(default_factory=dict)  # step → seconds, as `run --profile`
    date: str = field(default_factory=lambda: f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M}")
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    machine: str = field(default_factory=machine)
    versions: str = field(default_factory=versions)

    @property
    def key(self) -> tuple[str, str, str]:
        "What a later measurement replaces."
        return self.shape, self.host, self.peer

    def to_dict(self) -> dict:
        "The record as JSON has it, its figures rounded."
        return {name: _rounded(value) for name, value in asdict(self).items()} | {
            "met": self.is_met()
        }

    def is_met(self) -> bool | None:
        "Whether the goal is met; None if there is none."
        if self.goal is None:
            return None
        return (self.value if self.ratio is None else self.ratio) <= self.goal


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, tuple):
        return [round(item, 3) for item in value]
    return value


def compare(
    record: Record,
    engine: list[Measured],
    peer: list[Measured],  # of the same rounds
) -> Record:
    "Put the figures of some rounds into a record."
    ratios = sorted(
        mine.seconds / theirs.seconds for mine, theirs in zip(engine, peer, strict=True)
    )
    record.runs = len(ratios)
    record.ratio = median(ratios)
    record.spread = (ratios[0], ratios[-1])
    record.value = median(run.seconds for run in engine)
    record.peer_value = median(run.seconds for run in peer)
    record.cpu_seconds = median(run.cpu_seconds for run in engine)
    record.peer_cpu_seconds = median(run.cpu_seconds for run in peer)
    record.memory_mb = median(run.python_mb for run in engine)
    return record


def save(
    shape: str,
    records: list[Record],
    path: Path,
    why_failed: str = "",  # there are no records then
) -> None:
    "Write a shape's records into a file; those of other shapes, hosts and peers stay in it."
    content = json.loads(path.read_text()) if path.exists() else {"measurements": []}
    new = {record.key for record in records}
    kept = [
        old
        for old in content["measurements"]
        if (old["shape"], old["host"], old["peer"]) not in new
    ]
    content["measurements"] = kept + [record.to_dict() for record in records]
    failures = {name: why for name, why in content.get("failures", {}).items() if name != shape}
    content["failures"] = failures | ({shape: why_failed} if why_failed else {})
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
