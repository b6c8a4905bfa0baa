"""A person's rows leave both tables and their old versions, wherever that is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from motor_ingesta.operations.erase import EraseError
from motor_ingesta.operations.erased import ErasedLedger
from motor_ingesta.tables import delta
from support.homes import Home
from support.operations import killed_at_each_write
from support.trust import json_files

SOURCE = 'kind: files, format: json, schema: "email STRING, age INT"'
PERSON = "ana@farm.es"
LINES = [
    '{"email": "ana@farm.es", "age": 44}',
    '{"email": "luis@farm.es", "age": 45}',
    '{"email": "ana@farm.es", "age": "x"}',
    '{"email": "ana@farm.es"',
    '{"email": "banana@farm.es", "friend": "ana"}',
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "a home")


def ingested(home: Home) -> None:
    home.land("a.json", "\n".join(LINES) + "\n")
    home.land("b.json", '{"email": "eva@farm.es"}\n')
    home.run(SOURCE, "rescue")
    assert home.is_clean(SOURCE)


def erase(home: Home, *values: str, column: str = "email"):
    return home.runner(SOURCE, "rescue").erase(home.name, column, *(values or (PERSON,)))


def emails(home: Home) -> list[str]:
    return [email for (email,) in home.bronze("email")]


OTHERS = ["banana@farm.es", "eva@farm.es", "luis@farm.es"]


def everything(home: Home) -> bytes:
    files = [file for file in Path(home.lake.datalake_root).rglob("*") if file.is_file()]
    return b"".join(file.read_bytes() for file in files)


def test_rows_are_gone_and_the_report_says_where_they_are_still(home):
    ingested(home)
    assert PERSON.encode() in everything(home)
    done = erase(home)
    assert (done.bronze, done.quarantine) == (2, 1)
    assert done.source_files == {"2026/01/07/a.json": 3}
    assert "a.json" in done.notes[0]
    assert done.old_files > 0
    assert emails(home) == OTHERS
    assert home.open_rows() == []
    assert home.is_clean(SOURCE)


def test_nothing_of_the_person_is_in_any_file(home):
    ingested(home)
    erase(home)
    written = everything(home).replace(b"banana@farm.es", b"")
    assert b"ana@farm.es" not in written


def test_the_tables_go_on(home):
    ingested(home)
    erase(home)
    home.land("c.json", '{"email": "ines@farm.es", "age": 1}\n{"email": "ana@farm.es"}\n')
    home.run(SOURCE, "rescue")
    assert emails(home) == sorted([*OTHERS, PERSON, "ines@farm.es"])
    assert home.is_clean(SOURCE)
    assert erase(home).bronze == 1
    assert home.is_clean(SOURCE)


def test_a_refresh_does_not_bring_the_person_back(home):
    ingested(home)
    erase(home)
    home.runner(SOURCE, "rescue").refresh(home.name)
    assert emails(home) == OTHERS
    assert home.open_rows() == []
    assert home.is_clean(SOURCE)
    strict = home.runner(SOURCE, "ignore")
    strict.refresh(home.name)
    assert PERSON.encode() not in everything(home).replace(b"banana@farm.es", b"")


def test_rescued_values_and_several_persons(home):
    home.land("a.json", '{"age": 1, "mail": "x"}\n{"email": ["ana@farm.es"], "age": 2}\n')
    home.land("b.json", '{"email": "luis@farm.es"}\n{"email": "eva@farm.es"}\n')
    home.run(SOURCE, "rescue")
    assert erase(home, '["ana@farm.es"]', "eva@farm.es").bronze == 2
    left = {(row["email"], row["age"]) for row in home.rows(home.lake.bronze(home.name))}
    assert left == {(None, 1), ("luis@farm.es", None)}
    assert home.is_clean(SOURCE)


def test_a_person_who_is_not_there(home):
    ingested(home)
    version = delta.open_table(home.lake.bronze(home.name)).version()
    done = erase(home, "nobody@farm.es")
    assert (done.bronze, done.quarantine) == (0, 0)
    assert delta.open_table(home.lake.bronze(home.name)).version() == version


def test_a_whole_file_in_the_quarantine(home):
    home.land("a.json.gz", b"\x1f\x8b ana@farm.es ")
    home.land("b.json", '{"email": "eva@farm.es"}\n')
    home.run(SOURCE, "rescue")
    assert erase(home).quarantine == 1
    assert home.is_clean(SOURCE)


def test_numbers_and_columns_that_there_are_not(home):
    ingested(home)
    assert erase(home, "45", column="age").bronze == 1
    with pytest.raises(EraseError, match="no column"):
        erase(home, column="_run_id")


def test_hashed_and_dropped_columns(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_PII_KEY", "a key")
    private = {"privacy": {"email": "hash", "phone": "drop"}, "privacy_key": "${env:TEST_PII_KEY}"}
    home = json_files(tmp_path, "email STRING, phone STRING", **private)
    home.land("a.json", '{"email": "ana@farm.es", "phone": "1"}\n{"email": "luis@farm.es"}\n')
    home.run()
    runner = home.runner()
    assert runner.erase("farm/readings", "email", PERSON).bronze == 1
    assert len(home.rows()) == 1
    assert home.difference() == 0
    with pytest.raises(EraseError, match="dropped"):
        runner.erase("farm/readings", "phone", "1")


def test_killed_at_each_write(tmp_path, monkeypatch):
    for home, moment in killed_at_each_write(tmp_path, monkeypatch, ingested, erase):
        if moment % 4 == 0:
            home.run(SOURCE, "rescue")
        erase(home)
        assert emails(home) == OTHERS, moment
        assert home.open_rows() == [], moment
        assert home.is_clean(SOURCE), moment
        ledger = ErasedLedger.of(home.checkpoint.store)
        assert ledger.files == {"2026/01/07/a.json": 3}, moment
        assert PERSON.encode() not in everything(home).replace(b"banana@farm.es", b""), moment
