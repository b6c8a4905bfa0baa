"""A home with one dataset of files, and a process that is killed at a chosen write."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from motor_ingesta import MotorIngesta
from motor_ingesta.catalog.models import Catalog, parse_catalog
from motor_ingesta.operations.audit import audit_files
from motor_ingesta.operations.recovery import Recovery
from motor_ingesta.operations.replay import Replay
from motor_ingesta.storage.checkpoint import Checkpoint
from motor_ingesta.storage.lake import Lake
from motor_ingesta.tables import delta


def catalog_of(source: str, schema_changes: str = "fail") -> Catalog:
    "A catalog with the dataset `farm/plots`, whose source is given in YAML."
    return parse_catalog(
        "datasets: [{datasource: farm, dataset: plots, "
        f"schema_changes: {schema_changes}, source: {{{source}}}}}]"
    )


def csv_source(ha: str = "DOUBLE", more: str = "") -> str:
    schema = f'schema: "plot STRING, ha {ha}"'
    return f'kind: files, format: csv, {schema}, options: {{header: "true"}}{more}'


KILL_STEP = int(os.environ.get("KILL_STEP", "2"))  # 1: kill after every write, not every second


class Killed(BaseException):
    "Stands for the end of the process."


class Killer:
    "Kills the process after one of its writes; what lies between two writes changes nothing."

    def __init__(self, monkeypatch: pytest.MonkeyPatch, writes: list[tuple[Any, list[str]]]):
        self.monkeypatch, self.writes = monkeypatch, writes
        self.calls, self.kill_at = 0, -1

    @contextmanager
    def armed(self, kill_at: int) -> Iterator[None]:
        "Within this block, the given moment is the last one; -1: only count the moments."
        self.calls, self.kill_at = 0, kill_at
        with self.monkeypatch.context() as patch:
            for owner, names in self.writes:
                for name in names:
                    patch.setattr(owner, name, self._wrapped(getattr(owner, name)))
            yield

    def _wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            result = function(*values, **named)
            self._tick()
            return result

        return call

    def _tick(self) -> None:
        self.calls += 1
        if self.calls - 1 == self.kill_at:
            raise Killed


@dataclass
class Home:
    "A home with one dataset of files, ingested by the local engine."

    root: Path
    name: str = "farm/plots"

    @property
    def lake(self) -> Lake:
        return Lake(self.root)

    @property
    def landing(self) -> Path:
        return Path(self.lake.landing(self.name), "2026/01/07")

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.lake.checkpoint(self.name), self.lake.landing(self.name), self.name)

    def land(self, name: str, content: str | bytes) -> Path:
        file = self.landing / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def runner(self, source: str, schema_changes: str = "fail") -> MotorIngesta:
        return MotorIngesta(self.root, catalog_of(source, schema_changes), engine="local")

    def run(self, source: str, schema_changes: str = "fail") -> None:
        report = self.runner(source, schema_changes).run()
        done = report.datasets[0]
        assert done.status in ("succeeded", "rejected"), done.error

    def replay(self, source: str, schema_changes: str = "fail", **selection: Any) -> Replay:
        return self.runner(source, schema_changes).replay(self.name, **selection)

    def recover(self, source: str) -> Recovery:
        return self.runner(source).recover(self.name)

    def rows(self, uri: str) -> list[dict]:
        table = delta.open_table(uri)
        return [] if table is None else table.to_pyarrow_table().to_pylist()

    def bronze(self, *columns: str) -> list[tuple]:
        rows = self.rows(self.lake.bronze(self.name))
        return sorted(tuple(row[column] for column in columns) for row in rows)

    def open_rows(self) -> list[dict]:
        rows = self.rows(self.lake.quarantine(self.name))
        return [row for row in rows if row["_replayed_at"] is None]

    def is_clean(self, source: str) -> bool:
        dataset = catalog_of(source).datasets[0]
        return audit_files(self.lake, dataset, everything=True).is_clean
