"""Files are read again under the catalog of now, and their rows swapped, wherever that is killed."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from motor_ingesta.operations.refresh import RefreshError
from motor_ingesta.operations.replay import FilesChangedError
from motor_ingesta.schemas.history import SchemaChangedError
from motor_ingesta.tables.delta import TypesDifferError, open_table
from support.homes import Home, csv_source
from support.operations import killed_at_each_write

COMMA = 'kind: files, format: csv, schema: "plot STRING, ha DECIMAL(10,2)", options: {header: "true", sep: ";"'
WRONG = f"{COMMA}}}"
RIGHT = f"{COMMA}, locale: es-ES}}"
BEFORE = [("east", None), ("north", None), ("south", None)]
AFTER = [("east", 3.75), ("north", 1.5), ("south", 2.25)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "a home")


def land(home: Home) -> None:
    home.land("a.csv", "plot;ha\nnorth;1,5\nsouth;2,25\n")
    home.land("b.csv", "plot;ha\neast;3,75\nbroken\n")


def misread(home: Home) -> None:
    land(home)
    home.run(WRONG, "rescue")


def refresh(home: Home, source: str = RIGHT, changes: str = "rescue", **selection):
    return home.runner(source, changes).refresh(home.name, **selection)


def values(home: Home) -> list[tuple]:
    return [(plot, None if ha is None else float(ha)) for plot, ha in home.bronze("plot", "ha")]


def test_misread_values_are_mended(home):
    misread(home)
    assert values(home) == BEFORE
    done = refresh(home)
    assert (done.files, done.rescued) == (2, 0)
    assert done.before == done.after == {"bronze": 3, "quarantine": 1}
    assert values(home) == AFTER
    assert len(home.open_rows()) == 1
    assert home.is_clean(RIGHT)


def test_one_commit_a_table(home):
    misread(home)
    uris = (home.lake.bronze(home.name), home.lake.quarantine(home.name))
    before = [open_table(uri).version() for uri in uris]
    refresh(home)
    assert [open_table(uri).version() for uri in uris] == [version + 1 for version in before]


@pytest.mark.parametrize(
    ("selection", "files"),
    [
        ({}, 2),
        ({"files": ("a.csv",)}, 1),
        ({"files": ("2026/01/07/*",)}, 2),
        ({"files": ("2025/*",)}, 0),
        ({"day": dt.datetime.now(dt.UTC).date()}, 2),
        ({"day": dt.date(2020, 1, 1)}, 0),
        ({"rescued": True}, 2),
    ],
)
def test_a_part(home, selection, files):
    misread(home)
    assert refresh(home, **selection).files == files
    mended = [value for value in values(home) if value[1] is not None]
    assert len(mended) == {0: 0, 1: 2, 2: 3}[files]
    assert home.is_clean(RIGHT)


def test_only_files_with_rescued_rows(home):
    misread(home)
    refresh(home, files=("a.csv",))
    done = refresh(home, rescued=True)
    assert done.files == 1
    assert values(home) == AFTER


def test_a_file_that_was_replaced(home):
    misread(home)
    home.land("a.csv", "plot;ha\nwest;9\n")
    refresh(home, files=("a.csv",))
    assert values(home) == [("east", None), ("west", 9.0)]
    assert home.is_clean(RIGHT)
    report = home.runner(RIGHT, "rescue").run().datasets[0]
    assert (report.files, report.warnings) == (0, [])


def test_files_in_the_archive(home):
    more = ", after_ingest: {action: archive}"
    land(home)
    home.run(WRONG + more, "rescue")
    assert not list(home.landing.glob("*.csv"))
    refresh(home, RIGHT + more)
    assert values(home) == AFTER
    assert home.is_clean(RIGHT + more)
    (origin,) = {Path(file).parent.name for (file,) in home.bronze("_source_file")}
    assert origin == "07"
    assert all("/landingcaso/" in file for (file,) in home.bronze("_source_file"))


def test_a_file_that_is_gone_keeps_its_rows(home):
    misread(home)
    (home.landing / "a.csv").unlink()
    done = refresh(home)
    assert (done.files, len(done.notes)) == (1, 1)
    assert "a.csv" in done.notes[0]
    assert values(home) == [("east", 3.75), ("north", None), ("south", None)]


def test_replayed_rows_are_not_doubled(home):
    home.land("a.csv", "plot,ha\nnorth,1.5\nsouth,2\n")
    home.run(csv_source("INT"))
    home.replay(csv_source())
    refresh(home, csv_source())
    assert home.bronze("plot", "ha") == [("north", 1.5), ("south", 2.0)]
    assert home.is_clean(csv_source())


def test_a_column_that_the_schema_lacked(home):
    source = 'kind: files, format: json, schema: "plot STRING{}"'
    home.land("a.json", '{"plot": "north", "soil": "clay"}\n')
    home.run(source.format(""), "rescue")
    refresh(home, source.format(", soil STRING"))
    assert home.bronze("plot", "soil", "_rescued_data") == [("north", "clay", None)]


def test_evolve_grows_the_schema(home):
    source = 'kind: files, format: json, schema: "plot STRING"'
    home.land("a.json", '{"plot": "north", "soil": "clay"}\n')
    home.run(source, "rescue")
    refresh(home, source, "evolve")
    assert home.bronze("plot", "soil") == [("north", "clay")]


def test_fail_stops_and_nothing_is_on_record(home):
    source = 'kind: files, format: json, schema: "plot STRING"'
    home.land("a.json", '{"plot": "north", "soil": "clay"}\n')
    home.run(source, "rescue")
    with pytest.raises(SchemaChangedError):
        refresh(home, source, "fail")
    assert home.checkpoint.replays() == []
    assert json.loads(home.bronze("_rescued_data")[0][0]) == {"soil": "clay"}


def test_a_type_that_bronze_refuses(home):
    misread(home)
    with pytest.raises(TypesDifferError):
        refresh(home, RIGHT.replace("DECIMAL(10,2)", "BOOLEAN"))
    assert home.checkpoint.replays() == []
    assert values(home) == BEFORE


def test_a_file_that_changes_meanwhile(home, monkeypatch):
    misread(home)
    monkeypatch.setattr("motor_ingesta.operations.refresh.changed_files", lambda files: files)
    with pytest.raises(FilesChangedError):
        refresh(home)
    assert home.checkpoint.replays() == []


def test_an_unfinished_batch_comes_first(home):
    misread(home)
    home.checkpoint.begin(files=[])
    with pytest.raises(RefreshError, match="not finished"):
        refresh(home)


def test_topics_are_not_files(home):
    misread(home)
    with pytest.raises(RefreshError, match="no topics"):
        refresh(home, topic="plots")


def test_a_broken_file_goes_to_the_quarantine_whole(home):
    misread(home)
    home.land("a.csv", "")
    refresh(home)
    assert sorted(row["_reason"] for row in home.open_rows()) == ["empty_file", "malformed_csv"]
    assert home.is_clean(RIGHT)


def test_killed_at_each_write(tmp_path, monkeypatch):
    for home, moment in killed_at_each_write(tmp_path, monkeypatch, misread, refresh):
        if moment % 4 == 0:
            home.run(RIGHT, "rescue")
        if moment >= 0:
            refresh(home)
        assert values(home) == AFTER, moment
        assert len(home.open_rows()) == 1, moment
        assert home.is_clean(RIGHT), moment
        assert {noted["state"] for noted in home.checkpoint.replays()} == {"done"}


def test_killed_after_it_is_on_record_and_ended_by_a_run(tmp_path, monkeypatch):
    for home, moment in killed_at_each_write(tmp_path, monkeypatch, misread, refresh):
        is_on_record = any(noted["state"] == "staged" for noted in home.checkpoint.replays())
        home.run(RIGHT, "rescue")
        if is_on_record:
            assert values(home) == AFTER, moment
        assert home.is_clean(RIGHT), moment
