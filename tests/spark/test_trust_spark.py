"""Nothing lost, nothing doubled where Spark writes, and between the engines.

Runs are ended by an exception at each write, which leaves on disk what a kill leaves there.
"""

import json
import re
import shutil
import time
from collections import Counter

import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from motor_ingesta.engines import spark as spark_engine
from motor_ingesta.local.session import session
from motor_ingesta.tables import spark_delta
from support.kills import Places, watch_checkpoint
from support.trust import Home


class Killed(BaseException):
    "Where a process would have ended."


@pytest.fixture(scope="module")
def spark():
    return session()


def home_at(path, engine="spark", **dataset):
    schema = "key STRING, value DOUBLE"
    source = {"kind": "files", "format": "json", "schema": schema} | dataset.pop("source", {})
    return Home(path, engine=engine, source=source, **dataset)


def content(numbers):
    a, b, c, d = (f"k{number}" for number in numbers)
    rows = [{"key": a, "value": 1.5}, {"key": b, "value": "much"}, {"key": c, "extra": True}]
    return "".join(json.dumps(row) + "\n" for row in rows) + f'{{"key": "{d}", "value"\n'


def keys(home):
    found = Counter(row["key"] for row in home.rows())
    for row in home.rows("quarantine"):
        found.update(re.findall(r"k\d+", row["_raw"].decode()))
    return found


def stop(*_):
    raise Killed


def test_a_batch_is_known_behind_125_foreign_commits(spark, tmp_path, monkeypatch):
    """The Spark way hung for ever in `Observation.get`: Delta had skipped the write."""
    home = home_at(tmp_path)
    home.land("a.json", content(range(4)))
    monkeypatch.setattr("motor_ingesta.storage.checkpoint.Checkpoint.commit", stop)
    with pytest.raises(Killed):
        home.run()
    monkeypatch.undo()
    table = DeltaTable(str(home.table_path("bronze")))
    none = table.to_pyarrow_table().slice(0, 0)
    for number in range(125):
        said = CommitProperties(app_transactions=[Transaction("another", number)])
        write_deltalake(table, none, mode="append", commit_properties=said)
    began = time.monotonic()
    home.run()
    assert time.monotonic() - began < 50
    assert keys(home) == Counter(f"k{number}" for number in range(4))
    assert home.difference() == 0


def test_a_write_that_delta_skips_does_not_hang(spark, tmp_path, monkeypatch):
    """The engine believes that bronze lacks the batch; Delta knows better."""
    home = home_at(tmp_path)
    home.land("a.json", content(range(4)))
    monkeypatch.setattr("motor_ingesta.storage.checkpoint.Checkpoint.commit", stop)
    with pytest.raises(Killed):
        home.run()
    monkeypatch.undo()
    monkeypatch.setattr(spark_engine, "_PATIENCE_SECONDS", 3.0)
    monkeypatch.setattr(spark_engine.SparkEngine, "_has", lambda *_: False)
    home.run()
    assert keys(home) == Counter(f"k{number}" for number in range(4))


@pytest.mark.parametrize("other", ["local", "spark"])
def test_kill_at_each_write(spark, tmp_path, other):
    """Ended at each write in Spark, the catalog edited, finished by one engine or the other."""
    template = home_at(tmp_path / "template")
    template.land("a.json", content(range(4)))
    template.run()
    template.land("b.json", content(range(4, 8)))
    template.land("c.json", content(range(8, 12)))
    whole = tmp_path / "whole"
    names = ended_at(template, whole, -1)
    expected = Counter(f"k{number}" for number in range(12))
    assert any("before commit" in name for name in names)
    for place, name in enumerate(names):
        path = tmp_path / str(place)
        assert ended_at(template, path, place) is None, name
        home = home_at(path, other)
        home.edit(schema_changes="evolve")
        home.run()
        assert keys(home) == expected, name
        assert home.difference() == 0, name
        shutil.rmtree(path)


def ended_at(template, path, place):
    "Run a copy with Spark up to a place; the places, None if it ended there."
    shutil.copytree(template.path, path)
    places = Places(place, stop)
    with pytest.MonkeyPatch.context() as patch:
        watch_checkpoint(places, patch.setattr)
        places.around(spark_delta, "commit_batch", "commit", patch.setattr)
        places.around(spark_engine.SparkEngine, "prepare", "prepare", patch.setattr)
        try:
            home_at(path).run()
        except Killed:
            return None
    return places.names


def test_begun_by_one_engine_and_finished_by_the_other(spark, tmp_path, monkeypatch):
    home = home_at(tmp_path, "local")
    home.land("a.json", content(range(4)))
    from motor_ingesta.engines import local

    real = local._commit_files

    def commit(batch, target, data_files):
        if target is batch.bronze:
            raise Killed
        real(batch, target, data_files)

    monkeypatch.setattr(local, "_commit_files", commit)
    with pytest.raises(Killed):
        home.run()
    monkeypatch.undo()
    home.engine = "spark"
    home.edit(schema_changes="fail", source={"schema": "key STRING, value STRING"})
    home.run()
    assert keys(home) == Counter(f"k{number}" for number in range(4))
    assert home.reasons() == {"malformed_json": 1}
    assert home.difference() == 0


def test_a_file_that_changes_while_spark_reads_it_is_read_once(spark, tmp_path, monkeypatch):
    home = home_at(tmp_path)
    landed = home.land("a.json", content(range(4)))
    home.land("b.json", content(range(4, 8)))
    real = spark_delta.commit_batch

    def commit(*arguments):
        real(*arguments)
        if not landed.read_text().endswith("{\n"):
            landed.write_text(content(range(8, 12)) + "{\n")

    monkeypatch.setattr(spark_delta, "commit_batch", commit)
    began = time.monotonic()
    home.run()
    assert time.monotonic() - began < 50
    monkeypatch.undo()
    home.run()
    home.run()
    assert keys(home) == Counter(f"k{number}" for number in range(4, 12))
    assert home.difference() == 0


def test_tables_are_on_disk_before_a_source_is_deleted(spark, tmp_path, monkeypatch):
    import os

    from motor_ingesta.sources import files

    home = home_at(tmp_path, source={"after_ingest": {"action": "delete", "after_days": 0}})
    landed = home.land("a.json", content(range(4)))
    synced, at_deletion = set(), set()
    real = os.fsync

    def fsync(descriptor):
        synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(files, "delete_file", lambda path: at_deletion.update(synced))
    home.run()
    for zone in ("bronze", "quarantine"):
        root = home.table_path(zone)
        assert {str(path) for path in root.rglob("part-*.parquet")} <= at_deletion
        assert {str(path) for path in root.glob("_delta_log/*.json")} <= at_deletion
    assert landed.exists()
