"""Delta tables by Spark and by delta-rs, in turn: each goes on with what the other wrote."""

import datetime as dt
import os
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest

from motor_ingesta.local.session import session
from motor_ingesta.schemas.types import parse_ddl, to_ddl
from motor_ingesta.tables import delta, spark_delta
from motor_ingesta.tables.delta import ConcurrentCommitError, TypesDifferError
from motor_ingesta.tables.layout import Layout, RunContext, file_origin, spark_schema, table_columns

ORDERS = parse_ddl("id INT, name STRING")
EVERY_TYPE = parse_ddl(
    "id INT, i16 SMALLINT, i64 BIGINT, f64 DOUBLE, yes BOOLEAN, dec DECIMAL(38, 18), text STRING, "
    "raw BINARY, day DATE, at TIMESTAMP, list ARRAY<STRUCT<a: INT>>, map MAP<STRING, INT>, "
    "st STRUCT<x: ARRAY<DATE>>"
)
EVERY_VALUE = {
    "id": 1,
    "i16": -32768,
    "i64": 2**63 - 1,
    "f64": 1e-300,
    "yes": True,
    "dec": Decimal("12345678901234567890.123456789012345678"),
    "text": "ñ'\"\\\n",
    "raw": b"\x00\xff",
    "day": dt.date(1582, 10, 1),
    "at": dt.datetime(1901, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC),
    "list": [{"a": 1}, None, {"a": None}],
    "map": [("k", 5)],
    "st": {"x": [dt.date(2026, 2, 28)]},
}


@pytest.fixture(scope="module")
def spark():
    return session()


def batch(schema: pa.Schema, *rows: dict) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema)


def by_spark(spark, uri: str, batch_id: int, rows: pa.RecordBatch, app_id: str = "me") -> None:
    frame = spark.createDataFrame(pa.Table.from_batches([rows]), spark_schema(rows.schema))
    spark_delta.commit_batch(spark, uri, frame, app_id, batch_id)


def by_delta_rs(uri: str, batch_id: int, rows: pa.RecordBatch, app_id: str = "me") -> bool:
    table = delta.open_table(uri)
    return delta.commit_batch(table, rows.schema, lambda: [rows], app_id, batch_id)


def ids(uri: str) -> list[int]:
    return sorted(delta.open_table(uri).to_pyarrow_table()["id"].to_pylist())


def test_batch_of_one_writer_is_not_written_by_the_other(spark, tmp_path):
    uri = str(tmp_path / "orders")
    spark_delta.create_table(spark, uri, ORDERS, [])
    assert spark_delta.committed_batch(spark, uri, "me") == -1
    rows = batch(ORDERS, {"id": 1, "name": "a"})

    by_spark(spark, uri, 0, rows)
    assert by_delta_rs(uri, 0, rows) is False
    assert by_delta_rs(uri, 1, rows) is True
    by_spark(spark, uri, 1, rows)

    assert ids(uri) == [1, 1]
    assert spark_delta.committed_batch(spark, uri, "me") == 1


def test_batch_is_found_in_a_checkpoint_when_its_commit_was_cleaned_up(spark, tmp_path):
    uri = str(tmp_path / "orders")
    delta.create_table(uri, ORDERS, [])
    by_delta_rs(uri, 7, batch(ORDERS, {"id": 1}))
    for number in range(12):
        by_delta_rs(uri, number, batch(ORDERS, {"id": 2}), "other")
    for version in range(9):
        (tmp_path / "orders" / "_delta_log" / f"{version:020}.json").unlink()

    assert spark_delta.committed_batch(spark, uri, "me") == 7
    by_spark(spark, uri, 7, batch(ORDERS, {"id": 1}))
    assert len(ids(uri)) == 13


@pytest.mark.parametrize("first", ["spark", "delta-rs"])
def test_both_grow_a_table_alike_and_every_reader_agrees(spark, tmp_path, first):
    uri = str(tmp_path / "all")
    rows = batch(EVERY_TYPE, EVERY_VALUE, dict.fromkeys(EVERY_VALUE) | {"id": 2})
    wide = parse_ddl(
        "id BIGINT, i16 INT, list ARRAY<STRUCT<a: BIGINT, b: STRING>>, "
        "st STRUCT<x: ARRAY<DATE>, y: INT>, more STRING"
    )
    later = batch(parse_ddl("id BIGINT, day DATE"), {"id": 3})
    if first == "spark":
        spark_delta.create_table(spark, uri, EVERY_TYPE, ["day"])
        by_spark(spark, uri, 0, rows)
        changes = spark_delta.grow(spark, uri, wide)
        by_delta_rs(uri, 1, later)
    else:
        delta.create_table(uri, EVERY_TYPE, ["day"])
        by_delta_rs(uri, 0, rows)
        changes = delta.grow(delta.open_table(uri), wide)
        by_spark(spark, uri, 1, later)

    assert changes == [
        "new column list.element.b",
        "new column st.y",
        "new column more",
        "id INT → BIGINT",
        "i16 SMALLINT → INT",
        "list.element.a INT → BIGINT",
    ]
    assert spark_delta.grow(spark, uri, wide) == delta.grow(delta.open_table(uri), wide) == []
    table = delta.open_table(uri)
    assert delta.supports_protocol(table)
    assert table.metadata().partition_columns == ["day"]
    assert to_ddl(spark_delta.table_schema(spark, uri)) == to_ddl(delta.table_schema(table))

    expected = EVERY_VALUE | {
        "list": [{"a": 1, "b": None}, None, {"a": None, "b": None}],
        "st": {"x": [dt.date(2026, 2, 28)], "y": None},
        "more": None,
    }
    expected = [expected, dict.fromkeys(expected) | {"id": 2}, dict.fromkeys(expected) | {"id": 3}]
    schema = delta.table_schema(table)
    of_arrow = table.to_pyarrow_table().sort_by("id").select(list(expected[0]))
    assert of_arrow.to_pylist() == expected
    of_spark = spark.read.format("delta").load(uri).orderBy("id").toArrow()
    assert of_spark.cast(schema).select(list(expected[0])).to_pylist() == expected
    flat = [name for name in expected[0] if name != "map"]  # polars has no maps
    of_polars = pl.scan_delta(uri).sort("id").select(flat).collect().to_dicts()
    assert of_polars == [{name: row[name] for name in flat} for row in expected]


def test_spark_refuses_and_accepts_the_same_types(spark, tmp_path):
    uri = str(tmp_path / "orders")
    spark_delta.create_table(spark, uri, ORDERS, [])
    spark_delta.grow(spark, uri, parse_ddl("name INT"))  # no rows yet
    by_spark(spark, uri, 0, batch(parse_ddl("id INT, name INT"), {"id": 1, "name": 1}))
    with pytest.raises(TypesDifferError, match="id is INT in bronze and STRING in the catalog"):
        spark_delta.grow(spark, uri, parse_ddl("id STRING, more INT"))
    with pytest.raises(TypesDifferError, match="differs from it by case only"):
        spark_delta.grow(spark, uri, parse_ddl("ID INT"))
    assert spark_delta.grow(spark, uri, parse_ddl("id SMALLINT")) == []
    assert to_ddl(spark_delta.table_schema(spark, uri)) == "`id` INT, `name` INT"


def test_rewrite_that_was_not_alone_is_undone(spark, tmp_path, monkeypatch):
    uri = str(tmp_path / "orders")
    spark_delta.create_table(spark, uri, ORDERS, [])
    by_spark(spark, uri, 0, batch(ORDERS, {"id": 1}))
    with_schema = spark_delta._with_schema

    def while_a_rival_appends(rows, schema):
        by_delta_rs(uri, 0, batch(ORDERS, {"id": 2}), "rival")
        return with_schema(rows, schema)

    monkeypatch.setattr(spark_delta, "_with_schema", while_a_rival_appends)
    with pytest.raises(ConcurrentCommitError):
        spark_delta.grow(spark, uri, parse_ddl("id BIGINT"))
    assert ids(uri) == [1, 2]
    assert to_ddl(spark_delta.table_schema(spark, uri)) == to_ddl(ORDERS)
    assert spark_delta.committed_batch(spark, uri, "me") == 0


def test_table_that_has_type_widening_goes_on_with_it(spark, tmp_path):
    uri = str(tmp_path / "orders")
    spark_delta.create_table(spark, uri, ORDERS, [], {"delta.enableTypeWidening": "true"})
    by_spark(spark, uri, 0, batch(ORDERS, {"id": 1}))
    assert not delta.supports_protocol(delta.open_table(uri))
    assert spark_delta.grow(spark, uri, parse_ddl("id BIGINT")) == ["id INT → BIGINT"]
    assert spark.sql(f"DESCRIBE HISTORY delta.`{uri}`").first().operation == "CHANGE COLUMN"


def test_deleted_rows_are_those_of_the_files_and_offsets(spark, tmp_path):
    uri = str(tmp_path / "orders")
    schema = parse_ddl("id INT, _source_file STRING, _topic STRING, _partition INT, _offset BIGINT")
    files = ["file:/a/it's.json", "file:/a/back\\slash.json", "file:/a/%20.json"]
    from_files = [{"id": i, "_source_file": file} for i, file in enumerate(files)]
    from_kafka = [{"id": 5, "_topic": "t", "_partition": 0, "_offset": o} for o in range(4)]
    spark_delta.create_table(spark, uri, schema, [])
    by_spark(spark, uri, 0, batch(schema, *from_files, *from_kafka))
    assert spark_delta.delete_rows_of_files(spark, uri, files[:2]) == 2
    assert spark_delta.delete_rows_of_offsets(spark, uri, {"t": {"0": [1, 3]}}) == 2
    assert spark_delta.delete_rows_of_offsets(spark, uri, {}) == 0
    assert ids(uri) == [2, 5, 5]


@pytest.mark.parametrize("name", ["a%20b", "x[1]", "año it's ^|"])
def test_home_may_have_names_that_delta_rs_cannot_take(spark, tmp_path, name):
    uri = str(tmp_path / name / "orders")
    spark_delta.create_table(spark, uri, ORDERS, ["name"])
    by_spark(spark, uri, 0, batch(ORDERS, {"id": 1, "name": "x y"}))
    spark_delta.grow(spark, uri, parse_ddl("id BIGINT, more INT"))
    assert spark_delta.committed_batch(spark, uri, "me") == 0
    assert spark.read.format("delta").load(uri).first().id == 1
    assert os.listdir(tmp_path) == [name]


def test_layout_is_the_same_in_both(spark, tmp_path):
    columns = parse_ddl("`US Gross` BIGINT, cast ARRAY<STRUCT<`full name`: STRING>>")
    layout, here, there = Layout.for_files(), str(tmp_path / "here"), str(tmp_path / "there")
    schema = layout.bronze_schema(columns)
    table = delta.create_table(here, schema, ["ingestion_date"])
    spark_delta.create_table(spark, there, schema, ["ingestion_date"])
    assert spark_delta.table_schema(spark, there).equals(delta.table_schema(table))
    for uri in (here, there):
        found = spark_delta.table_schema(spark, uri)
        assert found.field("us_gross").metadata == {b"comment": b"source name: US Gross"}
    assert delta.open_table(there).metadata().partition_columns == ["ingestion_date"]

    context = RunContext("run-1", dt.datetime(2026, 11, 27, 20, 0, tzinfo=dt.UTC))
    values = [{"US Gross": 1, "cast": [{"full name": "A B"}]}]
    read = pa.Table.from_pylist(values, columns).append_column("_rescued_data", pa.array(["{}"]))
    rows = layout.bronze_rows(read, file_origin("/a b.json", 1, 0), context)
    by_delta_rs(here, 0, rows.to_batches()[0])
    by_spark(spark, there, 0, rows.to_batches()[0])
    tables = [delta.open_table(uri).to_pyarrow_table().to_pylist() for uri in (here, there)]
    assert tables[0] == tables[1] == rows.to_pylist()
    assert table_columns(columns).names == ["us_gross", "cast"]
