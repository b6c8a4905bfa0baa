"""Which columns the two tables have, and what they are called."""

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motor_ingesta.formats.base import REJECTED_SCHEMA, RESCUED
from motor_ingesta.schemas.types import parse_ddl, to_ddl
from motor_ingesta.storage.lake import plain_path
from motor_ingesta.tables.layout import (
    RESERVED_NAMES,
    ColumnNameError,
    Layout,
    RunContext,
    columns_ddl,
    file_origin,
    is_fit_name,
    rename_columns,
    schema_json,
    source_names,
    source_uri,
    table_columns,
    table_names,
)

CONTEXT = RunContext("run-1", dt.datetime(2026, 11, 27, 23, 30, tzinfo=dt.UTC))
ORIGIN = file_origin("/lake/orders/2026/11/27/a.json", 12, 1_700_000_000_123_999_999)


def test_columns_of_a_table_that_exists_keep_their_order_and_types():
    bronze = Layout.for_files().bronze_schema(parse_ddl("id STRING"))
    assert to_ddl(bronze) == (
        "`id` STRING, `_ingested_at` TIMESTAMP, `_run_id` STRING, `_source_file` STRING, "
        "`_source_size` BIGINT, `_source_modified_at` TIMESTAMP, `_rescued_data` STRING, "
        "`ingestion_date` DATE"
    )
    quarantine = Layout.for_kafka(key_is_binary=True, has_schema_id=True).quarantine_schema()
    assert to_ddl(quarantine) == (
        "`_ingested_at` TIMESTAMP, `_run_id` STRING, `_topic` STRING, `_partition` INT, "
        "`_offset` BIGINT, `_timestamp` TIMESTAMP, `_key` BINARY, "
        "`_headers` ARRAY<STRUCT<key: STRING, value: BINARY>>, `_schema_id` INT, "
        "`_reason` STRING, `_detail` STRING, `_raw` BINARY, `_replayed_at` TIMESTAMP, "
        "`_replayed_by` STRING, `ingestion_date` DATE"
    )


def test_metadata_is_that_of_the_file_and_the_run():
    rows = pa.table({"id": ["a", "b"], RESCUED: pa.nulls(2, pa.string())})
    first = Layout.for_files().bronze_rows(rows, ORIGIN, CONTEXT).to_pylist()[0]
    assert first == {
        "id": "a",
        "_ingested_at": CONTEXT.ingested_at,
        "_run_id": "run-1",
        "_source_file": "file:/lake/orders/2026/11/27/a.json",
        "_source_size": 12,
        "_source_modified_at": dt.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=dt.UTC),
        "_rescued_data": None,
        "ingestion_date": dt.date(2026, 11, 27),
    }


def test_day_of_a_run_is_that_of_utc():
    tokyo = dt.timezone(dt.timedelta(hours=9))
    context = RunContext("run-1", dt.datetime(2026, 11, 28, 8, 30, tzinfo=tokyo))
    rows = pa.table({"id": ["a"], RESCUED: pa.nulls(1, pa.string())})
    bronze = Layout.for_files().bronze_rows(rows, ORIGIN, context)
    assert bronze["ingestion_date"].to_pylist() == [dt.date(2026, 11, 27)]


def test_rows_and_rejected_records_keep_their_own_offsets():
    layout = Layout.for_kafka()
    offsets = [{"_topic": "t", "_partition": 0, "_offset": offset} for offset in (5, 6, 7)]
    origin = pa.Table.from_pylist(offsets, layout.origin)
    rows = pa.table({"id": ["b", "c"], RESCUED: pa.nulls(2, pa.string())})
    rejected = pa.table([[0], ["null_value"], ["no value"], [None]], schema=REJECTED_SCHEMA)

    bronze = layout.bronze_rows(rows, origin, CONTEXT, records=pa.array([1, 2]))
    quarantine = layout.quarantine_rows(rejected, origin, CONTEXT)

    assert bronze["_offset"].to_pylist() == [6, 7]
    assert quarantine["_offset"].to_pylist() == [5]


def test_rows_of_a_slice_keep_nested_values():
    columns = parse_ddl("`a b` ARRAY<STRUCT<`c d`: STRING>>, `e f` MAP<STRING, STRUCT<`g;`: INT>>")
    values = [{"a b": [{"c d": str(i)}], "e f": [("k", {"g;": i})]} for i in range(5)]
    rows = pa.Table.from_pylist([*values[:2], {"a b": None, "e f": None}, *values[2:]], columns)
    renamed = rename_columns(rows.slice(1, 3), table_columns(columns))
    renamed.validate(full=True)
    assert renamed.to_pylist() == [
        {"a_b": [{"c_d": "1"}], "e_f": [("k", {"g": 1})]},
        {"a_b": None, "e_f": None},
        {"a_b": [{"c_d": "2"}], "e_f": [("k", {"g": 2})]},
    ]


@given(names=st.lists(st.text(max_size=12), max_size=8, unique=True), extra=st.text(max_size=12))
def test_names_are_fit_and_unique_and_a_new_column_changes_no_other(names, extra):
    found = table_names(names)
    lower = [name.lower() for name in found.values()]
    assert len(set(lower)) == len(names)
    assert all(map(is_fit_name, found.values()))
    assert not set(lower) & RESERVED_NAMES
    more = table_names([*names, extra])
    assert {name: more[name] for name in names} == found


def test_comments_give_the_mapping_back():
    columns = table_columns(parse_ddl("us_gross INT, `US Gross` BIGINT"))
    assert columns.names == ["us_gross", "us_gross_2"]
    assert source_names(columns) == {"US Gross": "us_gross_2"}
    assert "COMMENT 'source name: US Gross'" in columns_ddl(columns)
    assert schema_json(columns)["fields"][1]["metadata"] == {"comment": "source name: US Gross"}


@pytest.mark.parametrize("name", ["a b", "_OFFSET", "", "x`y"])
def test_override_that_a_table_cannot_have_is_refused(name):
    with pytest.raises(ColumnNameError):
        table_names(["id"], {"id": name})


def test_name_of_a_table_with_column_mapping_stays():
    assert table_names(["US Gross"], {"US Gross": "US Gross"}) == {"US Gross": "US Gross"}


@pytest.mark.parametrize("path", ["/a b/50%.csv", "/x[1]/año.json", "/a%20b/q?.csv", "/a/ü#1"])
def test_source_uri_leads_back_to_the_path(path):
    assert plain_path(source_uri(path)) == path


def test_file_name_that_is_not_utf8_can_be_stored():
    uri = source_uri("/landing/caf\udce9.csv")
    assert uri == "file:/landing/caf%E9.csv"
    uri.encode()
