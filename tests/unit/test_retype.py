"""A column gets another type with all its rows, exactly, or nothing is changed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from motor_ingesta.formats.convert import TextRules
from motor_ingesta.operations.retype import RetypeError, retyped
from motor_ingesta.schemas.history import SchemaHistory
from motor_ingesta.schemas.types import UnknownTypeError
from motor_ingesta.tables.delta import open_table, table_schema
from support.homes import Home, csv_source
from support.operations import killed_at_each_write


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "a home")


def ingested(home: Home, kind: str = "STRING") -> None:
    home.land("a.csv", "plot,ha\nnorth,1.5\nsouth,2\nwest,\n")
    home.run(csv_source(kind))


def retype(home: Home, to: str = "DECIMAL(10,2)", column: str = "ha", kind: str = "STRING"):
    return home.runner(csv_source(kind)).retype(home.name, column, to)


def column_type(home: Home) -> pa.DataType:
    return table_schema(open_table(home.lake.bronze(home.name))).field("ha").type


EXACT = [("north", Decimal("1.50")), ("south", Decimal("2.00")), ("west", None)]


def test_rows_are_rewritten_and_the_next_run_goes_on(home):
    ingested(home)
    done = retype(home)
    assert (done.have, done.to, done.rows) == ("STRING", "DECIMAL(10, 2)", 3)
    assert home.bronze("plot", "ha") == EXACT
    home.land("b.csv", "plot,ha\nzenith,9.75\n")
    home.run(csv_source("DECIMAL(10,2)"))
    assert home.bronze("plot", "ha") == [*EXACT, ("zenith", Decimal("9.75"))]
    assert home.is_clean(csv_source("DECIMAL(10,2)"))


def test_what_does_not_fit_is_named_and_nothing_is_changed(home):
    ingested(home)
    version = open_table(home.lake.bronze(home.name)).version()
    with pytest.raises(RetypeError, match=r"1 of 3 values of ha are not exactly INT: 1\.5"):
        retype(home, "INT")
    assert open_table(home.lake.bronze(home.name)).version() == version
    assert column_type(home) == pa.string()


@pytest.mark.parametrize("column", ["nothing", "_run_id", "ingestion_date"])
def test_columns_that_keep_their_type(home, column):
    ingested(home)
    with pytest.raises(RetypeError, match="no column"):
        retype(home, "INT", column)


def test_a_type_that_there_is_not(home):
    ingested(home)
    with pytest.raises(UnknownTypeError):
        retype(home, "GELD")


def test_a_dataset_without_a_table(home):
    with pytest.raises(RetypeError, match="no bronze table"):
        retype(home)


def test_the_history_has_it(home):
    ingested(home)
    retype(home)
    versions = SchemaHistory(home.checkpoint.store).versions()
    assert versions[-1].changes == ["ha STRING → DECIMAL(10, 2) (retype)"]
    assert versions[-1].types["ha"] == "DECIMAL(10, 2)"


def test_evolve_does_not_bring_the_old_type_back(home):
    source = 'kind: files, format: json, schema: "plot STRING, ha {}"'
    home.land("a.json", '{"plot": "north", "ha": "1.5"}\n')
    home.run(source.format("STRING"), "evolve")
    home.runner(source.format("STRING"), "evolve").retype(home.name, "ha", "DOUBLE")
    home.land("b.json", '{"plot": "south", "ha": 2.5}\n')
    home.run(source.format("DOUBLE"), "evolve")
    assert home.bronze("plot", "ha") == [("north", 1.5), ("south", 2.5)]


def test_rescued_values_come_back_by_a_refresh(home):
    home.land("a.csv", "plot,ha\nnorth,1.5\nsouth,2\n")
    home.run(csv_source("INT"), "rescue")
    retype(home, "DOUBLE", kind="INT")
    home.runner(csv_source("DOUBLE"), "rescue").refresh(home.name, rescued=True)
    assert home.bronze("plot", "ha") == [("north", 1.5), ("south", 2.0)]


@pytest.mark.parametrize(
    ("values", "to", "fits"),
    [
        (pa.array([1, 2**53 + 1, None]), pa.float64(), [True, False, True]),
        (pa.array([0.1, 1e300, float("inf")]), pa.float32(), [False, False, True]),
        (pa.array([3.0, 2.5]), pa.int64(), [True, False]),
        (pa.array([True, False]), pa.string(), [True, True]),
        (pa.array(["1", "1x", None, ""]), pa.int64(), [True, False, True, False]),
        (pa.array([Decimal("1.50"), Decimal("1.55")]), pa.decimal128(10, 1), [True, False]),
        (pa.array([1, 300], pa.int16()), pa.int8(), [True, False]),
    ],
)
def test_exactly_or_not(values, to, fits):
    found, told = retyped(values, to, TextRules())
    assert told.to_pylist() == fits
    assert found.type == to
    assert [value is not None for value in found.to_pylist()] == [
        fit and value is not None for fit, value in zip(fits, values.to_pylist(), strict=True)
    ]


def test_killed_at_each_write(tmp_path, monkeypatch):
    for home, moment in killed_at_each_write(tmp_path, monkeypatch, ingested, retype):
        retype(home)
        home.run(csv_source("DECIMAL(10,2)"))
        assert home.bronze("plot", "ha") == EXACT, moment
        assert home.is_clean(csv_source("DECIMAL(10,2)")), moment
        assert SchemaHistory(home.checkpoint.store).latest().types["ha"] == "DECIMAL(10, 2)"
