"""A recovery makes a checkpoint from sources and tables, wherever it is killed."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from motor_ingesta.catalog.models import Connections, Dataset
from motor_ingesta.engines.base import TableTarget
from motor_ingesta.engines.local import LocalEngine
from motor_ingesta.operations import recovery as recoveries
from motor_ingesta.operations.recovery import Recovery, recover
from motor_ingesta.pipeline.lock import validate_checkpoint
from motor_ingesta.storage import checkpoint as checkpoints
from motor_ingesta.storage.checkpoint import Checkpoint, CheckpointStore
from motor_ingesta.tables.layout import Layout
from support.homes import KILL_STEP, Home, Killed, Killer, catalog_of, csv_source

DAY = dt.datetime(2026, 1, 7, 6, tzinfo=dt.UTC)
SOURCE = csv_source()
ALL = [("east", 3.0), ("north", 1.0), ("south", 2.0)]

WRITES = [
    (LocalEngine, ["prepare", "append_batch", "delete_files", "delete_offsets"]),
    (CheckpointStore, ["write", "delete"]),
    (checkpoints, ["delete_folder"]),
    (recoveries, ["delete_folder", "move_file"]),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return ingested(tmp_path / "a home")


def ingested(root: Path, source: str = SOURCE) -> Home:
    "Three rows in bronze and two in the quarantine, from three files."
    home = Home(root)
    home.land("a.csv", "plot,ha\nnorth,1\nodd\n")
    home.land("b 1%.csv", "ha,plot\n2,south\n")
    home.run(source)
    home.land("c.csv", "plot,ha\neast,3\nodder\n")
    home.run(source)
    return home


def lose_checkpoint(home: Home) -> None:
    shutil.rmtree(home.checkpoint.uri)


def check(home: Home, source: str = SOURCE) -> None:
    home.run(source)
    assert home.bronze("plot", "ha") == ALL
    assert sorted(row["_raw"] for row in home.open_rows()) == [b"odd", b"odder"]
    assert home.is_clean(source)


def delete_rows(home: Home, name: str, table: str = "quarantine") -> None:
    uri = getattr(home.lake, table)(home.name)
    path = str(home.landing / name).replace("%", "%25").replace(" ", "%20")
    assert LocalEngine().delete_files(uri, {f"file:{path}"}) > 0


class TestFiles:
    def test_a_lost_checkpoint(self, home: Home):
        lose_checkpoint(home)
        assert home.runner(SOURCE).run().datasets[0].status == "failed"
        done = home.recover(SOURCE)
        assert (done.complete, done.removed) == (3, 0)
        check(home)

    def test_an_incomplete_file_is_read_again(self, home: Home):
        delete_rows(home, "a.csv")
        lose_checkpoint(home)
        done = home.recover(SOURCE)
        assert (done.complete, done.removed) == (2, 1)
        check(home)

    def test_rows_that_are_there_twice(self, home: Home):
        table = home.rows(home.lake.bronze(home.name))
        engine, uri = LocalEngine(), home.lake.bronze(home.name)
        schema = engine.table_schema(uri)
        rows = pa.Table.from_pylist(table, schema)
        engine.append(TableTarget(uri, schema), rows)
        lose_checkpoint(home)
        assert home.recover(SOURCE).removed == 8
        check(home)

    def test_an_old_copy_of_the_checkpoint(self, tmp_path: Path):
        home = Home(tmp_path / "home")
        home.land("a.csv", "plot,ha\nnorth,1\nodd\n")
        home.run(SOURCE)
        shutil.copytree(home.checkpoint.uri, tmp_path / "copy")
        home.land("b.csv", "ha,plot\n2,south\n")
        home.land("c.csv", "plot,ha\neast,3\nodder\n")
        home.run(SOURCE)
        lose_checkpoint(home)
        shutil.copytree(tmp_path / "copy", home.checkpoint.uri)
        assert home.runner(SOURCE).run().datasets[0].status == "failed"
        home.recover(SOURCE)
        check(home)

    def test_new_files_are_left_to_the_next_run(self, home: Home):
        lose_checkpoint(home)
        home.land("d.csv", "plot,ha\nwest,4\n")
        assert home.recover(SOURCE).complete == 3
        home.run(SOURCE)
        assert home.bronze("plot", "ha") == [*ALL, ("west", 4.0)]

    def test_a_home_that_was_moved(self, home: Home, tmp_path: Path):
        delete_rows(home, "a.csv")
        delete_rows(home, "b 1%.csv", "bronze")
        lose_checkpoint(home)
        home.root.rename(tmp_path / "elsewhere")
        moved = Home(tmp_path / "elsewhere")
        assert moved.recover(SOURCE).complete == 1
        check(moved)

    def test_an_incomplete_file_of_the_archive_is_read_again(self, tmp_path: Path):
        source = csv_source(more=", after_ingest: {action: archive}")
        home = ingested(tmp_path / "home", source)
        assert list(home.landing.glob("*")) == []
        delete_rows(home, "a.csv")
        lose_checkpoint(home)
        assert home.recover(source).complete == 2
        assert [file.name for file in home.landing.glob("*")] == ["a.csv"]
        check(home, source)

    @pytest.mark.parametrize("table", ["bronze", "quarantine"])
    def test_a_table_that_is_gone(self, home: Home, table: str):
        shutil.rmtree(getattr(home.lake, table)(home.name))
        assert home.runner(SOURCE).run().datasets[0].status == "failed"
        home.recover(SOURCE)
        check(home)

    def test_both_tables_are_gone(self, home: Home):
        for table in (home.lake.bronze, home.lake.quarantine):
            shutil.rmtree(table(home.name))
        home.recover(SOURCE)
        check(home)

    def test_replayed_rows(self, home: Home):
        file = home.landing / "a.csv"
        file.write_text("")
        whole = home.land("d.csv", "")
        home.run(SOURCE)
        file.write_text("plot,ha\nnorth,1\nodd\n")
        whole.write_text("plot,ha\nwest,4\nworse\n")
        assert home.replay(SOURCE).rows == 1
        lose_checkpoint(home)
        assert home.recover(SOURCE).complete == 4
        home.run(SOURCE)
        assert home.bronze("plot", "ha") == [*ALL, ("west", 4.0)]
        assert len(home.open_rows()) == 3

    def test_a_replay_that_is_half_delivered(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        "The file is gone, so that no comparison would find that its row is in both tables."
        more = ", after_ingest: {action: delete, after_days: 0}"
        home = Home(tmp_path / "home")
        home.land("a.csv", "plot,ha\nwest,4.5\n")
        home.run(csv_source("INT", more))
        killer = Killer(monkeypatch, [(LocalEngine, ["append_batch"])])
        with killer.armed(1), pytest.raises(Killed):
            home.replay(csv_source("DOUBLE", more))
        assert len(home.bronze("plot")) == len(home.open_rows()) == 1
        home.recover(csv_source("DOUBLE", more))
        assert home.bronze("plot", "ha") == [("west", 4.5)]
        assert home.open_rows() == []

    def test_the_schema_history_stays(self, home: Home):
        before = len(home.runner(SOURCE).schemas(home.name))
        home.recover(SOURCE)
        assert len(home.runner(SOURCE).schemas(home.name)) == before > 0


class TestKilled:
    "Killed at each write: a run refuses or is right, and the next recovery ends it."

    def broken(self, root: Path) -> Home:
        source = csv_source(more=", after_ingest: {action: archive}")
        home = ingested(root, source)
        delete_rows(home, "a.csv")
        delete_rows(home, "c.csv", "bronze")
        home.land("d.csv", "")
        return home

    def check(self, home: Home) -> None:
        home.run(SOURCE)
        assert home.bronze("plot", "ha") == ALL
        raw = sorted(row["_raw"] for row in home.open_rows())
        assert raw == [b"", b"odd", b"odder"]
        assert home.is_clean(SOURCE)

    @pytest.mark.parametrize("is_lost", [True, False])
    def test_at_each_write(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_lost: bool):
        killer = Killer(monkeypatch, WRITES)
        template = self.broken(tmp_path / "template")
        if is_lost:
            lose_checkpoint(template)
        counted = self._copy(template, tmp_path / "counted")
        with killer.armed(-1):
            counted.recover(SOURCE)
        self.check(counted)
        moments = killer.calls
        assert moments > 15
        for moment in range(0, moments, KILL_STEP):
            home = self._copy(template, tmp_path / f"home {moment}")
            with killer.armed(moment), pytest.raises(Killed):
                home.recover(SOURCE)
            home.runner(SOURCE).run()
            assert len(home.bronze("plot")) <= len(ALL)
            home.recover(SOURCE)
            self.check(home)

    def _copy(self, template: Home, root: Path) -> Home:
        shutil.copytree(template.root, root)
        return Home(root)


class TestTopics:
    "Offsets are complete up to the first gap; there is no broker."

    def dataset(self) -> Dataset:
        value = 'value: {format: json, schema: "id STRING"}'
        return catalog_of(f"kind: kafka, topic: orders, {value}").datasets[0]

    def write(self, home: Home, offsets: dict[int, list[int]], rejected: dict[int, list[int]]):
        layout, engine = Layout.for_kafka(), LocalEngine()
        stamp = {"_ingested_at": DAY, "_run_id": "run", "ingestion_date": DAY.date()}
        schemas = {
            home.lake.bronze(home.name): layout.bronze_schema(pa.schema([("id", pa.string())])),
            home.lake.quarantine(home.name): layout.quarantine_schema(),
        }
        for (uri, schema), found in zip(schemas.items(), (offsets, rejected), strict=True):
            rows = [
                stamp | {"_topic": "orders", "_partition": partition, "_offset": offset}
                for partition, those in found.items()
                for offset in those
            ]
            engine.prepare(TableTarget(uri, schema))
            engine.append(TableTarget(uri, schema), pa.Table.from_pylist(rows, schema))

    def recover(self, home: Home, monkeypatch: pytest.MonkeyPatch, complete: dict) -> Recovery:
        monkeypatch.setattr(recoveries, "complete_offsets", lambda *values: complete)
        return recover(home.lake, self.dataset(), LocalEngine(), Connections(), DAY)

    def checkpoint(self, home: Home) -> Checkpoint:
        return Checkpoint(home.lake.checkpoint(home.name), dataset=home.name)

    def test_rows_behind_the_first_gap(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        home = Home(tmp_path / "home")
        self.write(home, {0: [0, 1, 3, 5], 1: [7, 8]}, {0: [2, 6]})
        complete = {"orders": {"0": [0, 4], "1": [7, 9]}}
        done = self.recover(home, monkeypatch, complete)
        assert (done.complete, done.removed) == (6, 2)
        assert home.bronze("_partition", "_offset") == [(0, 0), (0, 1), (0, 3), (1, 7), (1, 8)]
        assert self.checkpoint(home).positions() == {"orders": {"0": 4, "1": 9}}
        assert self.checkpoint(home).starts() == {"orders": {"0": 0, "1": 7}}
        engine, tables = (
            LocalEngine(),
            (home.lake.bronze(home.name), home.lake.quarantine(home.name)),
        )
        validate_checkpoint(self.checkpoint(home), engine, *tables)

    def test_a_partition_without_rows_keeps_its_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        "`starting_offsets: latest` would begin behind the records that came since."
        home = Home(tmp_path / "home")
        self.write(home, {0: [0, 1]}, {})
        positions = {"orders": {"0": 0, "1": 500}}
        self.checkpoint(home).note_positions(positions, positions, {})
        complete = {"orders": {"0": [0, 2]}}
        killer = Killer(monkeypatch, WRITES)
        moment = 0
        while True:
            try:
                with killer.armed(moment):
                    self.recover(home, monkeypatch, complete)
                break
            except Killed:
                moment += 1
        assert moment > 10
        assert self.checkpoint(home).positions() == {"orders": {"0": 2, "1": 500}}
        assert home.bronze("_offset") == [(0,), (1,)]
