"""Wrong values in silence, and datasets that stop."""

import datetime as dt
import io
import json
from decimal import Decimal

import fastavro
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyarrow import parquet

from motor_ingesta.formats.avro import read_messages
from motor_ingesta.formats.base import ReadSchema
from motor_ingesta.schemas.avro import avro_schema
from support.trust import Home, csv_files, json_files


def landed_parquet(table, **options):
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


def landed_avro(schema, records, **options):
    sink = io.BytesIO()
    fastavro.writer(sink, fastavro.parse_schema(schema), records, **options)
    return sink.getvalue()


def typed_files(path, kind, schema, **source):
    return Home(path, source={"kind": "files", "format": kind, "schema": schema} | source)


# 10: defaults of the reader's schema

WRITER = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}]}
DAY = {"type": "int", "logicalType": "date"}
MOMENT = {"type": "long", "logicalType": "timestamp-millis"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}
TAGS = {"type": "array", "items": "string"}
RATES = {"type": "map", "values": "double"}
PLACE = {"type": "record", "name": "P", "fields": [{"name": "x", "type": "int"}]}
LEVEL = {"type": "enum", "name": "E", "symbols": ["LOW", "HIGH"]}
UTC = dt.UTC
DEFAULTS = {
    "long": ("long", 7, 7),
    "date": (DAY, 19_000, dt.date(2022, 1, 8)),
    "moment": (MOMENT, 1_600_000_000_000, dt.datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)),
    "decimal": (MONEY, "\u0001\u0000", Decimal("2.56")),
    "array": (TAGS, ["a", "b"], ["a", "b"]),
    "map": (RATES, {"k": 1.5}, [("k", 1.5)]),
    "record": (PLACE, {"x": 3}, {"x": 3}),
    "enum": (LEVEL, "HIGH", "HIGH"),
    "union": (["string", "null"], "text", "text"),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_of_the_readers_schema_is_its_value(name):
    """Was null, 1970 or the year 52671, or stopped the dataset, by which way was taken."""
    kind, default, value = DEFAULTS[name]
    field = {"name": "added", "type": kind, "default": default}
    reader = WRITER | {"fields": [*WRITER["fields"], field]}
    body = io.BytesIO()
    fastavro.schemaless_writer(body, WRITER, {"id": 1})
    messages = pa.array([b"\x00\x00\x00\x00\x05" + body.getvalue()], pa.binary())
    schema = ReadSchema(avro_schema(json.dumps(reader)), False)
    parsed = read_messages(messages, schema, {5: json.dumps(WRITER)}, json.dumps(reader))
    assert parsed.rejected.num_rows == 0
    assert parsed.rows["added"].to_pylist() == [value]
    assert parsed.rows["_rescued_data"].to_pylist() == [None]


# 11: the header that a quarantined row was under


@pytest.mark.parametrize("action", ["archive", "delete"])
def test_replay_knows_the_header_of_a_file_that_left_landing(tmp_path, action):
    """Read the row in the catalog's order: names in the wrong columns, audit clean."""
    rule = {"action": action, "after_days": 0}
    home = csv_files(tmp_path, "name STRING, town STRING, n INT", source={"after_ingest": rule})
    home.edit(schema_changes="fail")
    landed = home.land("a.csv", "town,n,name\nToledo,one,Ana\nSoria,2,Luis\n")
    home.run()
    assert not landed.exists()
    assert home.reasons() == {"schema_mismatch": 1}
    home.edit(source={"schema": "name STRING, town STRING, n STRING"}, schema_changes="rescue")
    home.edit(source={"schema": "name STRING, town STRING, n INT"})
    home.runner().replay("farm/readings")
    found = {(row["name"], row["town"], row["n"]) for row in home.rows()}
    assert found == {("Luis", "Soria", 2), ("Ana", "Toledo", None)}
    assert home.difference() == 0


def test_a_row_whose_header_is_nowhere_stays_in_the_quarantine(tmp_path):
    home = csv_files(tmp_path, "name STRING, n INT", schema_changes="fail")
    landed = home.land("a.csv", "n,name\none,Ana\n")
    home.run()
    landed.unlink()
    home.edit(schema_changes="rescue")
    result = home.runner().replay("farm/readings")
    assert home.rows() == []
    assert len(home.rows("quarantine")) == 1
    assert home.rows("quarantine")[0]["_replayed_at"] is None
    assert "header" in str(result)


# 12: one set of rules

OLD_DAYS = [dt.date(1, 1, 1), dt.date(1500, 2, 28), dt.date(1582, 10, 4), dt.date(1970, 1, 1)]


def test_days_of_the_legacy_calendar_are_the_days_that_were_written(tmp_path):
    """Were off by days on one of the two ways."""
    epoch = dt.date(1970, 1, 1).toordinal()
    same_days = [-1, dt.date(1500, 3, 9).toordinal(), dt.date(1582, 10, 14).toordinal(), epoch]
    julian = [day - epoch for day in same_days]  # 1 January of year 1 was 30 December of year 0
    table = pa.table({"day": pa.array(julian, pa.int32()).cast(pa.date32())})
    marks = {"org.apache.spark.version": "3.5.0", "org.apache.spark.legacyDateTime": ""}
    home = typed_files(tmp_path, "parquet", "day DATE")
    home.land("a.parquet", landed_parquet(table.replace_schema_metadata(marks)))
    home.run()
    assert [row["day"] for row in home.rows()] == OLD_DAYS


def test_a_decimal_with_an_exponent_is_none_under_a_locale(tmp_path):
    """`"1,5e3"` under en-US was 15000."""
    home = csv_files(
        tmp_path, "n DECIMAL(10,2)", source={"options": {"header": "true", "locale": "en-US"}}
    )
    home.land("a.csv", 'n\n"1,5e3"\n"1,500.25"\n')
    home.run()
    assert [row["n"] for row in home.rows()] == [None, Decimal("1500.25")]
    assert json.loads(home.rows()[0]["_rescued_data"])["n"] == "1,5e3"


def test_a_mark_on_a_later_line_is_no_beginning(tmp_path):
    home = json_files(tmp_path)
    home.land("a.json", b'\xef\xbb\xbf{"id": 1}\n\xef\xbb\xbf{"id": 2}\n')
    home.run()
    assert home.column("id") == [1]
    assert home.reasons() == {"malformed_json": 1}


def test_a_line_like_the_header_is_a_row(tmp_path):
    home = csv_files(tmp_path, "a STRING, b STRING")
    home.land("a.csv", "a,b\n1,2\na,b")
    home.run()
    assert {(row["a"], row["b"]) for row in home.rows()} == {("1", "2"), ("a", "b")}


def test_spaces_and_line_breaks_are_values(tmp_path):
    """A trailing space of the last line was lost on one way; `\\r\\n` in quotes became `\\n`."""
    options = {"header": "true", "multiLine": "true"}
    home = csv_files(tmp_path, "a STRING, b STRING", source={"options": options})
    home.land("a.csv", 'a,b\r\n"x\r\ny",1 \r\nz,2 ')
    home.run()
    assert {(row["a"], row["b"]) for row in home.rows()} == {("x\r\ny", "1 "), ("z", "2 ")}


def test_minus_zero(tmp_path):
    home = json_files(tmp_path, "i BIGINT, d DOUBLE, s STRING, n DECIMAL(4,1)")
    home.land("a.json", '{"i": -0, "d": -0, "s": -0, "n": -0}\n')
    home.run()
    row = home.rows()[0]
    assert (row["i"], str(row["d"]), row["s"], row["n"]) == (0, "-0.0", "-0", Decimal("0.0"))


# 13: timestamps as Spark writes them by default


def test_int96_timestamps_are_read(tmp_path):
    """The whole file was quarantined."""
    moments = [dt.datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC), None]
    table = pa.table({"at": pa.array(moments, pa.timestamp("us", "UTC"))})
    home = typed_files(tmp_path, "parquet", "at TIMESTAMP")
    home.land("a.parquet", landed_parquet(table, use_deprecated_int96_timestamps=True))
    home.run()
    assert [row["at"] for row in home.rows()] == moments
    assert home.reasons() == {}


# 16: one poisoned thing is one quarantined thing


def test_a_file_name_that_is_not_utf8(tmp_path):
    """Stopped its dataset for ever."""
    home = json_files(tmp_path)
    home.land("good.json", '{"id": 1}\n')
    with open(bytes(home.landing) + b"/bad\xff.json", "wb") as file:
        file.write(b'{"id": 2}\n')
    home.run()
    assert home.column("id") == [1]
    assert home.reasons() == {"unreadable_file": 1}
    assert "UTF-8" in home.rows("quarantine")[0]["_detail"]
    assert home.run().batches == 0


@pytest.mark.parametrize("name", ["with`tick", "_metadata", "a b", "a;b", "a=b", "id.x"])
def test_columns_with_odd_names(tmp_path, name):
    """A backtick or `_metadata` stopped its dataset; spaces asked for column mapping."""
    home = typed_files(tmp_path, "parquet", "")
    home.edit(source={"schema": None})
    home.land("a.parquet", landed_parquet(pa.table({"id": [1, 2], name: ["x", "y"]})))
    home.run()
    for row, value in zip(home.rows(), ["x", "y"], strict=True):
        rescued = json.loads(row["_rescued_data"] or "{}")
        assert value in row.values() or rescued == {name: value}
    assert home.difference() == 0


# 17: an empty selection


def test_an_empty_selection_is_no_error_of_a_thread_pool(tmp_path):
    """Was `max_workers must be greater than 0`."""
    home = json_files(tmp_path, groups=["hourly"])
    try:
        report = home.runner().run("farm/*", group="daily")
    except Exception as error:
        assert "max_workers" not in str(error)
        assert "daily" in str(error)
    else:
        assert report.datasets == []


# 18: packed input

# beyond the list: found by generated files and by JSONTestSuite


def test_numbers_that_are_not_finite_leave_a_table_readable(tmp_path):
    """The statistics of a file had `Infinity`, which is not JSON, and no NaN: queries failed."""
    numbers = [float("inf"), float("-inf"), float("nan"), 1.0]
    home = typed_files(tmp_path, "parquet", "id INT, number DOUBLE")
    table = pa.table({"id": pa.array(range(4), pa.int32()), "number": numbers})
    home.land("a.parquet", landed_parquet(table))
    home.run()
    assert home.difference() == 0
    bronze = DeltaTable(str(home.table_path("bronze")))
    query = QueryBuilder().register("bronze", bronze)
    found = pa.table(query.execute("SELECT id FROM bronze WHERE number > 5").read_all())
    assert sorted(found["id"].to_pylist()) == [0, 2]  # NaN is the largest number to Delta


@pytest.mark.parametrize("mode", ["rescue", "evolve", "ignore"])
@pytest.mark.parametrize("kind", ["json", "json_array"])
def test_half_a_surrogate_pair_in_a_name_stops_no_dataset(tmp_path, mode, kind):
    """UTF-8 has no such text: `evolve` and `fail` stopped with a bare `UnicodeEncodeError`."""
    records = [r'{"id": 1, "\uDFAA": 0}', r'{"id": 2, "new": {"\uDFAA": 0}}']
    home = json_files(tmp_path, "id BIGINT", schema_changes=mode, source={"format": kind})
    content = "\n".join(records) if kind == "json" else f"[{','.join(records)}]"
    home.land("a.json", content)
    home.run()
    assert home.column("id") == [1, 2]
    assert home.difference() == 0
    rescued = " ".join(row["_rescued_data"] or "" for row in home.rows())
    assert (r"\uDFAA" in rescued) == (mode != "ignore")
