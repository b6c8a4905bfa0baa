"""Delta tables by delta-rs: each batch once, growth without loss, readers that agree."""

import datetime as dt
import json
import os
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from motor_ingesta.schemas.types import parse_ddl, to_ddl
from motor_ingesta.tables import delta
from motor_ingesta.tables.delta import (
    ConcurrentCommitError,
    TableError,
    TypesDifferError,
    UnsupportedPathError,
    checkpoint_version,
    commit_batch,
    committed_batch,
    create_table,
    delete_rows_of_files,
    delete_rows_of_offsets,
    grow,
    open_table,
    supports_protocol,
    sync_table,
    table_errors,
    table_schema,
)

ORDERS = parse_ddl("id INT, name STRING")


def batch(*ids: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"id": i, "name": f"n{i}"} for i in ids], ORDERS)


@pytest.fixture
def table(tmp_path) -> DeltaTable:
    return create_table(str(tmp_path / "orders"), ORDERS, [])


def ids(table: DeltaTable) -> list[int]:
    return sorted(DeltaTable(table.table_uri).to_pyarrow_table()["id"].to_pylist())


def commit(table: DeltaTable, batch_id: int, *rows: int, app_id: str = "me") -> bool:
    return commit_batch(table, ORDERS, lambda: [batch(*rows)], app_id, batch_id)


# Each batch once


def test_batch_is_written_once(table):
    assert [commit(table, 0, 1), commit(table, 0, 1), commit(table, 1, 2)] == [True, False, True]
    assert ids(table) == [1, 2]


def test_batch_is_found_behind_many_commits_of_others(table):
    commit(table, 3, 1)
    for number in range(125):
        commit(table, number, 100 + number, app_id="other")
    again = open_table(table.table_uri)
    assert committed_batch(again, "me") == 3
    assert commit(again, 3, 1) is False
    assert len(ids(table)) == 126


def test_batch_that_a_rival_commits_while_it_is_read_is_not_doubled(table):
    def rows_while_a_rival_commits():
        commit(DeltaTable(table.table_uri), 0, 1)
        yield batch(1)

    assert commit_batch(table, ORDERS, rows_while_a_rival_commits, "me", 0) is False
    assert ids(table) == [1]


def test_batch_is_read_again_after_the_metadata_changed(table):
    opened = []

    def rows():
        if not opened:
            other = parse_ddl("note STRING")
            grow(DeltaTable(table.table_uri), pa.schema([*ORDERS, *other]))
        opened.append(True)
        yield batch(1)

    assert commit_batch(table, ORDERS, rows, "me", 0) is True
    assert len(opened) == 2
    assert ids(table) == [1]


def test_endless_changes_of_the_metadata_end_in_a_transient_error(table):
    names = iter("abcdef")

    def rows():
        other = parse_ddl(f"{next(names)} STRING")
        now = DeltaTable(table.table_uri)
        grow(now, pa.schema([*table_schema(now), *other]))
        yield batch(1)

    with pytest.raises(ConcurrentCommitError) as error:
        commit_batch(table, ORDERS, rows, "me", 0)
    assert error.value.transient
    assert ids(table) == []


def test_error_of_the_reader_comes_out_as_it_is_and_nothing_is_committed(table):
    class OwnError(Exception):
        pass

    def rows():
        yield batch(1)
        raise OwnError("no more")

    with pytest.raises(OwnError):
        commit_batch(table, ORDERS, rows, "me", 0)
    assert (ids(table), committed_batch(table, "me")) == ([], -1)


def test_reader_may_use_delta_rs_itself(table):
    commit(table, 0, 1)

    def rows():
        yield from DeltaTable(table.table_uri).to_pyarrow_dataset().to_batches()

    commit_batch(table, ORDERS, rows, "me", 1)
    assert ids(table) == [1, 1]


def test_commit_tells_who_wrote_it(table):
    commit_batch(table, ORDERS, lambda: [batch(1)], "me", 4, {"run_id": "run-1"})
    said = json.loads(table.history(1)[0]["userMetadata"])
    assert said == {"writer": "me", "batch": 4, "run_id": "run-1"}


def test_batch_of_no_rows_is_on_record(table):
    assert commit_batch(table, ORDERS, list, "me", 0) is True
    assert committed_batch(table, "me") == 0


def test_log_gets_a_checkpoint_every_ten_commits(table):
    for number in range(21):
        commit(table, number, number)
    assert checkpoint_version(delta.table_location(table)) == 20
    assert committed_batch(open_table(table.table_uri), "me") == 20


def test_rows_of_other_types_are_refused_before_anything_is_read(table):
    text = parse_ddl("id STRING")
    with pytest.raises(TypesDifferError, match="id is INT in bronze and STRING in the catalog"):
        commit_batch(table, text, pytest.fail, "me", 0)
    with pytest.raises(TypesDifferError, match="has no column other"):
        commit_batch(table, parse_ddl("other INT"), pytest.fail, "me", 0)


# Growth

EVERY_TYPE = parse_ddl(
    "i8 TINYINT, i16 SMALLINT, i32 INT, i64 BIGINT, f32 FLOAT, f64 DOUBLE, yes BOOLEAN, "
    "dec DECIMAL(38, 18), text STRING, raw BINARY, day DATE, at TIMESTAMP, "
    "list ARRAY<STRUCT<a: INT>>, map MAP<STRING, DECIMAL(5, 2)>, st STRUCT<x: ARRAY<DATE>>"
)
EVERY_VALUE = {
    "i8": -128,
    "i16": 32767,
    "i32": -(2**31),
    "i64": 2**63 - 1,
    "f32": 0.5,
    "f64": 1e308,
    "yes": True,
    "dec": Decimal("12345678901234567890.123456789012345678"),
    "text": "ñ'\"\\\n",
    "raw": b"\x00\xff",
    "day": dt.date(1, 1, 1),
    "at": dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
    "list": [{"a": 1}, None, {"a": None}],
    "map": [("k", Decimal("-999.99"))],
    "st": {"x": [dt.date(2026, 2, 28)]},
}
NOTHING = dict.fromkeys(EVERY_VALUE)


def every_type_table(folder: Path) -> DeltaTable:
    table = create_table(str(folder / "all"), EVERY_TYPE, [])
    rows = pa.RecordBatch.from_pylist([EVERY_VALUE, NOTHING], EVERY_TYPE)
    commit_batch(table, EVERY_TYPE, lambda: [rows], "me", 0)
    return table


def test_widening_rewrites_the_table_and_no_value_changes(tmp_path):
    table = every_type_table(tmp_path)
    want = parse_ddl(
        "i8 SMALLINT, i16 INT, i32 BIGINT, i64 DECIMAL(20, 0), f32 DOUBLE, dec DECIMAL(38, 18), "
        "list ARRAY<STRUCT<a: BIGINT, b: STRING>>, st STRUCT<x: ARRAY<DATE>, y: INT>, more STRING"
    )
    changes = grow(table, want)
    assert changes == [
        "new column list.element.b",
        "new column st.y",
        "new column more",
        "i8 TINYINT → SMALLINT",
        "i16 SMALLINT → INT",
        "i32 INT → BIGINT",
        "i64 BIGINT → DECIMAL(20, 0)",
        "f32 FLOAT → DOUBLE",
        "list.element.a INT → BIGINT",
    ]
    expected = EVERY_VALUE | {
        "i64": Decimal(2**63 - 1),
        "list": [{"a": 1, "b": None}, None, {"a": None, "b": None}],
        "st": {"x": [dt.date(2026, 2, 28)], "y": None},
        "more": None,
    }
    assert table.to_pyarrow_table().to_pylist() == [expected, NOTHING | {"more": None}]
    assert committed_batch(table, "me") == 0
    assert table.protocol().reader_features is None
    assert supports_protocol(table)
    assert grow(table, want) == []


def test_rows_written_before_and_after_growth_are_read_alike(table):
    commit(table, 0, 1)
    wide = parse_ddl("id BIGINT, name STRING, note STRING")
    grow(table, wide)
    rows = pa.RecordBatch.from_pylist([{"id": 2**40, "name": "x", "note": "y"}], wide)
    commit_batch(table, wide, lambda: [rows], "me", 1)
    commit(table, 2, 3)  # a writer that still has the narrow type
    assert ids(table) == [1, 3, 2**40]


def test_other_types_are_refused_and_the_table_stays(table):
    commit(table, 0, 1)
    version = table.version()
    with pytest.raises(TypesDifferError, match="id is INT in bronze and STRING in the catalog"):
        grow(table, parse_ddl("id STRING, more INT"))
    assert open_table(table.table_uri).version() == version


def test_table_without_rows_takes_any_type(table):
    grow(table, parse_ddl("id STRING"))
    assert to_ddl(table_schema(table)) == "`id` STRING, `name` STRING"


def test_narrower_integer_is_stored_as_the_table_has_it(table):
    narrow = parse_ddl("id SMALLINT, name STRING")
    assert grow(table, narrow) == []
    rows = pa.RecordBatch.from_pylist([{"id": 7, "name": "x"}], narrow)
    commit_batch(table, narrow, lambda: [rows], "me", 0)
    assert to_ddl(table_schema(table)) == to_ddl(ORDERS)
    assert ids(table) == [7]


def test_name_that_differs_by_case_only_is_refused(table):
    with pytest.raises(TypesDifferError, match="differs from it by case only"):
        grow(table, parse_ddl("ID INT"))


def test_rewrite_keeps_rows_that_a_rival_appends_meanwhile(table, monkeypatch):
    commit(table, 0, 1)
    rows, calls = delta.read_batches, []

    def rows_while_a_rival_appends(opened):
        dataset = rows(opened)
        if not calls:
            commit(DeltaTable(table.table_uri), 0, 2, app_id="rival")
        calls.append(True)
        return dataset

    monkeypatch.setattr(delta, "read_batches", rows_while_a_rival_appends)
    grow(table, parse_ddl("id BIGINT"))
    assert len(calls) == 2
    assert ids(table) == [1, 2]


def test_partitions_properties_and_comments_survive_a_rewrite(tmp_path):
    commented = pa.field("gross", pa.int32(), metadata={"comment": "source name: US Gross"})
    schema = pa.schema([commented, pa.field("day", pa.date32())])
    properties = {"delta.logRetentionDuration": "interval 7 days", "owner": "farmia"}
    table = create_table(str(tmp_path / "movies"), schema, ["day"], properties)
    rows = [{"gross": 1, "day": dt.date(2026, 1, 1)}, {"gross": 2, "day": None}]
    commit_batch(table, schema, lambda: [pa.RecordBatch.from_pylist(rows, schema)], "me", 0)

    grow(table, pa.schema([pa.field("gross", pa.int64()), pa.field("new", pa.date32())]))

    table = open_table(table.table_uri)
    assert table.metadata().partition_columns == ["day"]
    assert table.metadata().configuration == properties
    assert table_schema(table).field("gross").metadata == {b"comment": b"source name: US Gross"}
    assert table.to_pyarrow_table().sort_by("gross").select(["gross", "day"]).to_pylist() == rows


# Deletion


def test_rows_of_some_files_are_deleted(tmp_path):
    schema = parse_ddl("id INT, _source_file STRING")
    table = create_table(str(tmp_path / "orders"), schema, [])
    files = ["file:/a/it's.json", "file:/a/back\\slash.json", "file:/a/%20.json"]
    rows = [{"id": i, "_source_file": file} for i, file in enumerate(files)]
    commit_batch(table, schema, lambda: [pa.RecordBatch.from_pylist(rows, schema)], "me", 0)
    assert delete_rows_of_files(table, files[:2], {"run_id": "run-2"}) == 2
    assert ids(table) == [2]
    assert delete_rows_of_files(table, []) == 0
    assert committed_batch(table, "me") == 0


def test_rows_of_some_offsets_are_deleted(tmp_path):
    schema = parse_ddl("id INT, _topic STRING, _partition INT, _offset BIGINT")
    table = create_table(str(tmp_path / "orders"), schema, [])
    rows = [{"id": i, "_topic": "a.b", "_partition": i % 2, "_offset": i} for i in range(8)]
    commit_batch(table, schema, lambda: [pa.RecordBatch.from_pylist(rows, schema)], "me", 0)
    assert delete_rows_of_offsets(table, {"a.b": {"0": [2, 6], "1": [7, 9]}, "c": {}}) == 3
    assert ids(table) == [0, 1, 3, 5, 6]


def test_values_of_every_type_survive_a_deletion(tmp_path):
    schema = pa.schema([*EVERY_TYPE, pa.field("_source_file", pa.string())])
    table = create_table(str(tmp_path / "all"), schema, [])
    rows = [EVERY_VALUE | {"_source_file": "a"}, NOTHING | {"_source_file": "b"}]
    commit_batch(table, schema, lambda: [pa.RecordBatch.from_pylist(rows, schema)], "me", 0)
    assert delete_rows_of_files(table, ["b"]) == 1
    assert table.to_pyarrow_table().to_pylist() == rows[:1]


# Readers


def test_polars_duckdb_and_arrow_read_the_same(tmp_path):
    table = every_type_table(tmp_path)
    grow(table, parse_ddl("i32 BIGINT, new STRUCT<a: INT>"))
    expected = [EVERY_VALUE | {"new": None}, NOTHING | {"new": None}]
    dataset = table.to_pyarrow_dataset()
    by_duckdb = duckdb.connect().sql("SELECT * FROM dataset").to_arrow_table()
    assert by_duckdb.cast(dataset.schema).to_pylist() == expected
    without_map = [name for name in table_schema(table).names if name != "map"]  # polars has none
    by_polars = pl.scan_delta(table.table_uri).select(without_map).collect().to_dicts()
    assert by_polars == [{n: row[n] for n in without_map} for row in expected]


# Places


@pytest.mark.parametrize("name", ["a b", "año ñ", "100%", "q?x", "h#x", "it's", "{b}", "a=b", "😀"])
def test_home_may_have_any_usual_name(tmp_path, name):
    table = create_table(str(tmp_path / name / "orders"), ORDERS, ["name"])
    commit(table, 0, 1, 2)
    grow(table, parse_ddl("id BIGINT"))
    assert ids(open_table(str(tmp_path / name / "orders"))) == [1, 2]
    assert sync_table(table) == table.version()
    assert [folder.name for folder in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a%20b", "x[1]", "a^b", "a|b", "a\\b", "\udce9"])
def test_home_that_delta_rs_would_mix_up_is_refused(tmp_path, name):
    with pytest.raises(UnsupportedPathError, match="engine: spark"):
        create_table(str(tmp_path / name / "orders"), ORDERS, [])
    assert list(tmp_path.iterdir()) == []


# Errors


def test_panic_becomes_an_error_for_people():
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    message = "delta-rs failed at the table /lake/t: no domain"
    with pytest.raises(TableError, match=message), table_errors("/lake/t"):
        raise panic("no domain\nstack")


def test_keyboard_interrupt_is_no_error_of_the_table():
    with pytest.raises(KeyboardInterrupt), table_errors("/lake/t"):
        raise KeyboardInterrupt


def test_broken_log_is_an_error_and_not_an_absent_table(table):
    log = Path(delta.table_location(table), "_delta_log", f"{0:020}.json")
    log.write_text("{")
    with pytest.raises(TableError):
        open_table(table.table_uri)


def test_table_with_a_feature_of_spark_is_not_for_delta_rs(table):
    log = Path(delta.table_location(table), "_delta_log", f"{1:020}.json")
    protocol = {
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": ["typeWidening"],
        "writerFeatures": ["typeWidening"],
    }
    log.write_text(json.dumps({"protocol": protocol}))
    table.update_incremental()
    assert not supports_protocol(table)


# On disk


def test_sync_reaches_data_log_and_folders(tmp_path, monkeypatch):
    table = create_table(str(tmp_path / "bronze" / "shop" / "orders"), ORDERS, ["name"])
    commit(table, 0, 1)
    first = table.version()
    commit(table, 1, 2)
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))

    assert sync_table(table, after_version=first) == first + 1

    below = {os.path.relpath(path, tmp_path) for path in synced}
    data = {path for path in below if path.endswith(".parquet")}
    assert {os.path.dirname(path) for path in data} == {"bronze/shop/orders/name=n2"}
    log = "bronze/shop/orders/_delta_log"
    assert below - data == {
        f"{log}/{first + 1:020}.json",
        log,
        "bronze/shop/orders/name=n2",
        "bronze/shop/orders",
        "bronze/shop",
        "bronze",
    }


def test_sync_after_the_log_was_cleaned_reaches_all_data(table, monkeypatch):
    for number in range(11):
        commit(table, number, number)
    Path(delta.table_location(table), "_delta_log", f"{2:020}.json").unlink()
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    sync_table(table)
    assert len({path for path in synced if path.endswith("snappy.parquet")}) == 11


def test_old_home_goes_on(tmp_path):
    """The version before wrote with delta-rs, with identities and metadata of the same form."""
    uri = str(tmp_path / "orders")
    DeltaTable.create(uri, ORDERS)
    said = CommitProperties(
        custom_metadata={"userMetadata": "{}"}, app_transactions=[Transaction("old", 12)]
    )
    write_deltalake(uri, pa.Table.from_batches([batch(1)]), mode="append", commit_properties=said)
    assert committed_batch(open_table(uri), "old") == 12
