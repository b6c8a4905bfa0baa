"""A plan says what a run would do, and a run then does that; nothing is written by a plan."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from motor_ingesta.formats.base import UnreadableFileError
from motor_ingesta.operations.plan import DatasetPlan
from motor_ingesta.sources.discovery import FileDiscovery
from support.trust import Home, csv_files, json_files


def plan(home: Home) -> DatasetPlan:
    return home.runner().plan().datasets[0]


def kinds(found: DatasetPlan) -> dict[str, str]:
    return {difference.column: difference.kind for difference in found.differences}


def everything_below(path: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.fixture
def home(tmp_path):
    return json_files(tmp_path, "id BIGINT, value INT")


def test_files_and_rows(home):
    for name in ("a", "b"):
        home.land(f"{name}.json", '{"id": 1, "value": 2}\n{"id": 2, "value": 3}\n')
    found = plan(home)
    assert (found.files, found.rows, found.is_exact) == (2, 4, True)
    assert found.bytes == 2 * 44
    assert found.names == ["2026/11/20/a.json", "2026/11/20/b.json"]
    assert found.differences == []


def test_nothing_is_written(home):
    home.land("a.json", '{"id": 1, "value": 2, "more": true}\n{"id"\n')
    before = everything_below(home.path)
    plan(home)
    assert everything_below(home.path) == before
    assert not (home.path / "datalakecaso").exists()


def test_nothing_is_written_after_a_run(home):
    home.land("a.json", '{"id": 1, "value": 2}\n')
    home.run()
    home.land("b.json", '{"id": 2, "value": 2.5, "more": true}\n')
    before = everything_below(home.path)
    assert plan(home).files == 1
    assert everything_below(home.path) == before


def test_what_is_ingested_is_not_planned(home):
    home.land("a.json", '{"id": 1, "value": 2}\n')
    home.run()
    assert (plan(home).files, plan(home).rows) == (0, 0)


def test_differences_by_kind(home):
    rows = [
        {"id": 1, "value": 3_000_000_000},
        {"id": "one", "value": 1},
        {"id": 2, "soil": {"ph": 6.5}},
    ]
    home.land("a.json", "".join(json.dumps(row) + "\n" for row in rows))
    found = plan(home)
    assert kinds(found) == {"value": "wider", "id": "misfit", "soil": "new"}
    by_name = {difference.column: difference for difference in found.differences}
    assert by_name["value"].found == "BIGINT"
    assert by_name["value"].examples == ("3000000000",)
    assert by_name["id"].examples == ("one",)
    assert by_name["soil"].found == "STRUCT<ph: DOUBLE>"


@pytest.mark.parametrize("mode", ["rescue", "evolve", "fail", "ignore"])
def test_each_mode_does_what_the_plan_says(tmp_path, mode):
    home = json_files(tmp_path, "id BIGINT, value INT", schema_changes=mode)
    home.land("a.json", '{"id": 1, "value": 2.5}\n{"id": 2, "value": 2, "soil": "clay"}\n')
    effects = {found.column: found.effects[mode] for found in plan(home).differences}
    if mode == "fail":
        assert "stops" in effects["soil"]
        assert "soil" in home.failure()
        return
    home.run()
    rows = {row["id"]: row for row in home.rows()}
    rescued = {key: row["_rescued_data"] for key, row in rows.items()}
    if mode == "rescue":
        assert "null" in effects["value"]
        assert (rows[1]["value"], rescued[1]) == (None, '{"value": 2.5}')
        assert rescued[2] == '{"soil": "clay"}'
    elif mode == "evolve":
        assert effects["value"] == "the column becomes DOUBLE in bronze"
        assert effects["soil"] == "bronze gets the column soil STRING"
        assert (rows[1]["value"], rows[2]["soil"]) == (2.5, "clay")
    else:
        assert "quarantine" in effects["value"]
        assert "left out" in effects["soil"]
        assert list(rows) == [2]
        assert rescued[2] is None


def test_rejected_rows_of_the_sample(home):
    home.land("a.json", '{"id": 1\n{"id": 2, "value": 3}\nno\n')
    assert plan(home).rejected == {"malformed_json": 2}


def test_a_large_file_is_estimated_from_its_beginning(home):
    lines = "".join(f'{{"id": {n:07}, "value": 1}}\n'.replace(": 0", ": 1") for n in range(100_000))
    home.land("a.json", lines)
    found = plan(home)
    assert not found.is_exact
    assert found.rows == pytest.approx(100_000, rel=0.02)
    assert found.sampled < 50_000


def test_compressed_files_are_counted_if_they_are_small(home):
    home.land("a.json.gz", gzip.compress(b'{"id": 1, "value": 1}\n' * 50))
    assert plan(home).rows == 50


def test_a_column_of_the_header_and_one_without_values(tmp_path):
    home = csv_files(tmp_path, "id BIGINT, value DOUBLE, note STRING")
    home.land("a.csv", "id,value,extra\n1,2.5,\n2,3.5,\n")
    assert kinds(plan(home)) == {"extra": "new", "note": "absent"}


def test_parquet_and_its_own_types(tmp_path):
    source = {"kind": "files", "format": "parquet", "schema": "id BIGINT, value INT"}
    home = Home(tmp_path, source=source)
    home.landing.mkdir(parents=True)
    table = pa.table({"id": [1, 2], "value": [1.5, 2.0], "more": ["x", None]})
    parquet.write_table(table, home.landing / "a.parquet")
    found = kinds(plan(home))
    assert found["more"] == "new"
    assert found["value"] == "wider"


def test_a_type_that_bronze_does_not_have(home):
    home.land("a.json", '{"id": 1, "value": 2}\n')
    home.run()
    home.edit(source={"schema": "id STRING, value BIGINT"})
    home.land("b.json", '{"id": "a", "value": 2}\n')
    found = {d.column: d.effects["rescue"] for d in plan(home).differences if d.kind == "type"}
    assert "fails" in found["id"]
    assert "rewritten with BIGINT" in found["value"]


def test_a_replaced_file_is_named(home):
    home.land("a.json", '{"id": 1, "value": 2}\n')
    home.run()
    home.land("a.json", '{"id": 1, "value": 2}\n{"id": 2, "value": 2}\n')
    assert "was replaced" in plan(home).notes[0]


def test_an_error_of_one_dataset_is_told(home, monkeypatch):
    def refuse(*_):
        raise UnreadableFileError("the folder is not to be read")

    monkeypatch.setattr(FileDiscovery, "discover", refuse)
    assert plan(home).error == "the folder is not to be read"
