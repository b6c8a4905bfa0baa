"""Rows lost or doubled: each of these was seen once."""

import json
import os
import shutil
from collections import Counter

import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from motor_ingesta.sources import files
from motor_ingesta.storage import lake
from support.trust import json_files


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


CONTROL_CHARACTERS = {
    "tab": b'{"id": 1, "note": "a\tb"}',
    "nul": b'{"id": 1, "note": "a\x00b"}',
    "escape": b'{"id": 1, "note": "a\x1bb"}',
    "line feed is a line": b'{"id": 1, "note": "a\nb"}',
}


@pytest.mark.parametrize("name", CONTROL_CHARACTERS)
def test_control_character_in_a_string_is_rejected(tmp_path, name):
    """Was a row of nulls in bronze: nothing rescued, nothing in the quarantine, audit clean."""
    home = json_files(tmp_path, "id BIGINT, note STRING")
    home.land("a.json", CONTROL_CHARACTERS[name] + b'\n{"id": 2, "note": "fine"}\n')
    home.run()
    assert home.column("id") == [2]
    assert set(home.reasons()) == {"malformed_json"}
    raw = b"\n".join(row["_raw"] for row in home.rows("quarantine"))
    assert raw == CONTROL_CHARACTERS[name]
    assert home.difference() == 0


@pytest.mark.parametrize("mode", ["rescue", "evolve", "fail", "ignore"])
def test_no_row_of_nulls_is_made_of_anything(tmp_path, mode):
    """Its class: a line that no rule claims. Every line is in one of the tables, none is all null."""
    odd = [b"[]", b"1", b'"x"', b"{", b"\xff", b"nul", b"}{", b'{"id": 1}}', b'{"id": 1} x', b"{]"]
    home = json_files(tmp_path, "id BIGINT, note STRING", schema_changes=mode)
    home.land("a.json", b"\n".join(odd) + b"\n")
    home.run()
    assert home.rows() == []
    assert sorted(row["_raw"] for row in home.rows("quarantine")) == sorted(odd)


def test_an_edited_catalog_does_not_change_a_batch_that_is_half_written(tmp_path, monkeypatch):
    """Killed between the tables, then `schema_changes` edited: rows were in no table, or in both."""
    home = json_files(tmp_path, schema_changes="rescue")
    home.land("a.json", '{"id": 1, "value": 1.5}\n{"id": "two"}\n{"id": 3\n')
    fail_after_the_quarantine(monkeypatch)
    home.failure()
    monkeypatch.undo()
    assert home.reasons() == {"malformed_json": 1}
    home.edit(schema_changes="fail", source={"schema": "id STRING, value STRING"})
    home.run()
    assert [row["id"] for row in home.rows()] == [1, None]
    assert home.reasons() == {"malformed_json": 1}
    assert home.difference() == 0


def test_the_next_batch_has_the_edited_catalog(tmp_path, monkeypatch):
    """A batch of which no table has anything is done under the catalog of now."""
    home = json_files(tmp_path)
    home.land("a.json", '{"id": "two"}\n')
    monkeypatch.setattr(files.FileReader, "read", lambda *_: stop())
    home.failure()
    monkeypatch.undo()
    home.edit(source={"schema": "id STRING, value DOUBLE"})
    home.run()
    assert home.column("id") == ["two"]


def fail_after_the_quarantine(monkeypatch):
    from motor_ingesta.engines import local

    real = local._commit_files

    def commit(batch, target, data_files):
        if target is batch.bronze:
            stop()
        real(batch, target, data_files)

    monkeypatch.setattr(local, "_commit_files", commit)


def stop():
    raise RuntimeError("killed here")


def test_a_moved_home_goes_on_and_audits_to_zero(tmp_path):
    """Paths were absolute: after a move the audit said that every row is missing."""
    home = json_files(tmp_path / "here")
    home.land("a.json", lines({"id": 1}, {"id": 2}))
    home.run()
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved = json_files(tmp_path / "there")
    assert moved.difference() == 0
    moved.land("b.json", lines({"id": 3}))
    moved.run()
    assert moved.column("id") == [1, 2, 3]
    assert moved.difference() == 0


def test_a_moved_home_recovers_without_a_row_twice(tmp_path):
    """`recover` after a move read everything again: 30 rows became 60."""
    home = json_files(tmp_path / "here")
    home.land("a.json", lines(*({"id": number} for number in range(30))))
    home.run()
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved = json_files(tmp_path / "there")
    shutil.rmtree(moved.checkpoint)
    assert moved.runner().recover("farm/readings").complete == 1
    moved.run()
    assert moved.column("id") == list(range(30))
    assert moved.difference() == 0


RECOVERY_WRITES = [
    "delete:identity",
    "delete_folder:plans",
    "delete_folder:commits",
    "write:commits/",
    "write:plans/",
    "write:identity",
    "append_batch",
]


@pytest.mark.parametrize("place", RECOVERY_WRITES)
def test_a_recovery_that_is_killed_half_way_doubles_nothing(tmp_path, monkeypatch, place):
    """Killed after the plan and before the commit, the next run read 30 rows once more."""
    home = json_files(tmp_path)
    home.land("a.json", lines(*({"id": number} for number in range(30))))
    home.run()
    fail_at(monkeypatch, place)
    with pytest.raises(RuntimeError, match="killed here"):
        home.runner().recover("farm/readings")
    monkeypatch.undo()
    report = home.runner().run().datasets[0]
    if report.status == "failed":  # it asks for a recovery
        assert "recover" in report.error
    assert max(Counter(home.column("id")).values(), default=1) == 1
    home.runner().recover("farm/readings")
    home.run()
    assert home.column("id") == list(range(30))
    assert home.difference() == 0


def fail_at(monkeypatch, place):
    "Stop at a write of the checkpoint whose name begins so, or at a call."
    from motor_ingesta.engines.local import LocalEngine
    from motor_ingesta.storage import checkpoint

    kind, _, name = place.partition(":")
    owner = {"append_batch": LocalEngine, "delete_folder": checkpoint}.get(
        kind, checkpoint.CheckpointStore
    )
    real = getattr(owner, kind)

    def instead(*arguments):
        named = [a for a in arguments if isinstance(a, str)]
        file = named[-1].rpartition("/")[2] if kind == "delete_folder" else "".join(named[:1])
        if kind == "append_batch" or file.startswith(name):
            stop()
        return real(*arguments)

    monkeypatch.setattr(owner, kind, instead)


def foreign_commits(home, count):
    "Commits of others to bronze, as a compaction or a job of the users makes them."
    table = DeltaTable(str(home.table_path("bronze")))
    for number in range(count):
        said = CommitProperties(app_transactions=[Transaction("another", number)])
        write_deltalake(
            table, table.to_pyarrow_table().slice(0, 0), mode="append", commit_properties=said
        )


def test_a_batch_is_known_behind_125_foreign_commits(tmp_path, monkeypatch):
    """Only the last 100 commits were looked at: the retry doubled the rows."""
    home = json_files(tmp_path)
    home.land("a.json", lines({"id": 1}, {"id": 2}))
    monkeypatch.setattr("motor_ingesta.storage.checkpoint.Checkpoint.commit", lambda *_: stop())
    home.failure()
    monkeypatch.undo()
    foreign_commits(home, 125)
    home.run()
    assert home.column("id") == [1, 2]
    assert home.difference() == 0


def test_tables_are_on_disk_before_a_source_is_deleted(tmp_path, monkeypatch):
    """Neither data files nor the log nor folders were synced, and the source was unlinked."""
    home = json_files(tmp_path, source={"after_ingest": {"action": "delete", "after_days": 0}})
    landed = home.land("a.json", lines({"id": 1}, {"id": "two"}, {"id": 3}) + "{\n")
    events = []
    real_sync, real_delete = os.fsync, lake.delete_file

    def fsync(descriptor):
        events.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real_sync(descriptor)

    def delete(path):
        events.append(f"deleted {path}")
        real_delete(path)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(files, "delete_file", delete)
    home.run()
    assert not landed.exists()
    before = set(events[: events.index(f"deleted {landed}")])
    for zone in ("bronze", "quarantine"):
        root = home.table_path(zone)
        parts = {str(path) for path in root.rglob("*.parquet")}
        log = {str(path) for path in (root / "_delta_log").glob("*.json")}
        folders = {str(root), str(root / "_delta_log")}
        assert parts and log
        assert parts | log | folders <= before
    assert any(path.startswith(str(home.checkpoint)) for path in before)


def test_a_source_stays_where_the_disk_refuses(tmp_path, monkeypatch):
    """A sync that fails is no reason to remove what can be read again."""
    home = json_files(tmp_path, source={"after_ingest": {"action": "delete", "after_days": 0}})
    landed = home.land("a.json", lines({"id": 1}))

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "no space left" in home.failure()
    assert landed.exists()
    monkeypatch.undo()
    home.run()
    assert home.column("id") == [1]
    assert not landed.exists()


@pytest.mark.parametrize("everything", [False, True])
def test_every_audit_notices_a_quarantine_that_is_gone(tmp_path, everything):
    """Only `audit --all` noticed it."""
    home = json_files(tmp_path)
    home.land("a.json", lines({"id": 1}, {"id": 2}) + "{\n")
    home.run()
    assert home.runner().audit().difference == 0
    shutil.rmtree(home.table_path("quarantine"))
    assert home.runner().audit(everything=everything).difference > 0
    assert "quarantine" in home.failure()


def test_a_clean_dataset_has_a_quarantine_too(tmp_path):
    home = json_files(tmp_path)
    home.land("a.json", lines({"id": 1}))
    home.run()
    shutil.rmtree(home.table_path("quarantine"))
    assert "is gone" in home.failure()


def test_a_source_that_is_gone_after_both_commits_is_not_said_to_be_unreadable(
    tmp_path, monkeypatch
):
    """Killed before the batch was on record, then landing was emptied by hand."""
    home = json_files(tmp_path)
    landed = home.land("a.json", lines({"id": 1}, {"id": 2}))
    monkeypatch.setattr("motor_ingesta.storage.checkpoint.Checkpoint.commit", lambda *_: stop())
    home.failure()
    monkeypatch.undo()
    landed.unlink()
    home.run()
    assert home.column("id") == [1, 2]
    assert home.rows("quarantine") == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_divided_file_of_which_a_range_breaks_is_in_quarantine_once(tmp_path, monkeypatch, place):
    """The first range failed alone: its file was in quarantine, and its other rows in bronze."""
    from motor_ingesta.formats.base import UnreadableFileError
    from motor_ingesta.formats.json import JsonFormat

    monkeypatch.setattr(files, "SPLIT_BYTES", 64 * 1024)
    home = json_files(tmp_path)
    home.land("a.json", lines(*({"id": number} for number in range(15_000))))
    home.land("b.json", lines({"id": -1}))
    real = JsonFormat.blocks

    def blocks(self, file, *settings):
        if getattr(file, "start", -1) == place * 64 * 1024:
            raise UnreadableFileError("the disk fails here")
        return real(self, file, *settings)

    monkeypatch.setattr(JsonFormat, "blocks", blocks)
    home.run()
    assert home.column("id") == [-1]
    assert home.reasons() == {"unreadable_file": 1}


@pytest.mark.parametrize("mode", ["rescue", "evolve", "fail", "ignore"])
def test_a_number_of_5000_digits_stops_no_dataset(tmp_path, mode):
    """`evolve` and `fail`: Python refuses to make an integer of it, and the dataset stopped."""
    home = json_files(tmp_path, "id BIGINT, x DOUBLE", schema_changes=mode)
    home.land("a.json", '{"id": 1}\n{"id": 2, "x": ' + "9" * 5000 + "}\n")
    home.run()
    assert len(home.rows()) + len(home.rows("quarantine")) == 2
    assert home.difference() == 0


@pytest.mark.parametrize(
    "value",
    [[{}, 1.5], [{}, "x"], {"c": [{}, 1]}, [1] * 1500 + ["x"], {}],
    ids=["object and number", "object and text", "inside", "1501st element", "no fields"],
)
def test_a_new_column_that_cannot_hold_all_its_values_stops_no_dataset(tmp_path, value):
    """The column grew once, still did not take the value, and the dataset stopped."""
    home = json_files(tmp_path, "id BIGINT", schema_changes="evolve")
    home.land("a.json", json.dumps({"id": 1}) + "\n" + json.dumps({"id": 2, "new": value}) + "\n")
    home.run()
    assert home.column("id") == [1, 2]
    assert home.difference() == 0


def test_audit_takes_no_text_for_a_number(tmp_path):
    """`"-0"` does not fit INT; the audit looked for a row with the key 0."""
    home = json_files(tmp_path, "n INT")
    home.land("a.json", '{"n": "-0"}\n')
    home.run()
    assert home.difference() == 0
