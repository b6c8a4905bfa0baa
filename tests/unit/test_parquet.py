"Parquet files as other programs write them, and as nobody should."

import datetime as dt
import glob
import io
import json
import os
import random
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from motor_ingesta.errors import MotorIngestaError
from motor_ingesta.formats import parquet as module
from motor_ingesta.formats.base import Format, ReadSchema, UnreadableFileError
from motor_ingesta.formats.calendar import julian_to_gregorian_days, julian_to_gregorian_micros
from motor_ingesta.formats.parquet import FORMAT, ParquetOptions
from motor_ingesta.schemas.types import MOMENT

NTZ = pa.timestamp("us")
OPTIONS = ParquetOptions()
MOMENT_2024 = dt.datetime(2024, 1, 31, 10, 30)
EPOCH = dt.date(1970, 1, 1)


class BytesFile:
    name = "test.parquet"

    def __init__(self, data):
        self.data, self.size = data, len(data)

    def open_stream(self):
        return io.BytesIO(self.data)

    def open_random(self):
        return pa.BufferReader(self.data)


def written(table, metadata=None, **options):
    sink = io.BytesIO()
    table = table.replace_schema_metadata(metadata or {})
    parquet.write_table(table, sink, **options)
    return BytesFile(sink.getvalue())


def rows_of(file, columns=None, options=OPTIONS):
    columns = columns or FORMAT.file_schema(file, pa.schema([]), options)
    rows = []
    for block in FORMAT.blocks(file, columns, options):
        parsed = FORMAT.read(block, ReadSchema(columns), options)
        assert parsed.rejected.num_rows == 0
        rows += parsed.rows.to_pylist()
    return rows


def test_it_is_a_format():
    assert isinstance(FORMAT, Format)


NESTED = pa.table(
    {
        "id": pa.array([1, 2], pa.int32()),
        "lines": [[{"n": 1, "tags": ["a"]}], None],
        "by_day": pa.array([[("mon", 1.5)], []], pa.map_(pa.string(), pa.float64())),
    }
)


def test_nested_rows():
    rows = rows_of(written(NESTED))
    assert [{name: row[name] for name in NESTED.column_names} for row in rows] == NESTED.to_pylist()


@pytest.mark.parametrize("names", [["a`b", "_metadata"], ["US Gross", "año"], ["_rescued", "a.b"]])
def test_column_names_of_any_kind(names):
    file = written(pa.table([[1], ["x"]], names=names))
    assert FORMAT.file_schema(file, pa.schema([]), OPTIONS).names == names
    assert list(rows_of(file)[0].values()) == [1, "x", None]


def test_columns_that_differ_by_case_only():
    with pytest.raises(UnreadableFileError, match="ID, id"):
        rows_of(written(pa.table([[1], [2]], names=["id", "ID"])))


def test_int96_is_a_moment_and_a_wall_clock_is_not():
    table = pa.table(
        {"at": pa.array([MOMENT_2024, None], NTZ), "deep": [[{"at": MOMENT_2024}], None]}
    )
    assert FORMAT.file_schema(written(table), pa.schema([]), OPTIONS).field("at").type == NTZ
    old = written(table, use_deprecated_int96_timestamps=True)
    types = FORMAT.file_schema(old, pa.schema([]), OPTIONS)
    assert types.field("at").type == MOMENT
    assert types.field("deep").type.value_type.field("at").type == MOMENT
    at = MOMENT_2024.replace(tzinfo=dt.UTC)
    rows = rows_of(old)
    assert rows[0] == {"at": at, "deep": [{"at": at}], "_rescued_data": None}
    assert rows[1] == {"at": None, "deep": None, "_rescued_data": None}


def test_int96_beyond_the_nanoseconds_of_arrow():
    at = dt.datetime(9999, 12, 31, 23, 59, 59)
    file = written(pa.table({"at": pa.array([at], NTZ)}), use_deprecated_int96_timestamps=True)
    assert rows_of(file)[0]["at"] == at.replace(tzinfo=dt.UTC)


def test_nanoseconds_that_bronze_cannot_hold_are_rescued():
    file = written(pa.table({"at": pa.array([1_000, 1_001], pa.timestamp("ns"))}))
    rows = rows_of(file, pa.schema([("at", NTZ)]))
    assert rows[0]["at"] == dt.datetime(1970, 1, 1, 0, 0, 0, 1)
    assert json.loads(rows[1]["_rescued_data"]) == {"at": "1970-01-01T00:00:00.000001001"}


SPARK_2 = {"org.apache.spark.version": "2.4.8"}
SPARK_4 = {"org.apache.spark.version": "4.1.1"}


def old_dates():
    "Columns with 1500-01-01 as Julian days, and with a date of today's calendar."
    days = pa.array([(dt.date(1500, 1, 10) - EPOCH).days, 19_000, None], pa.int32())
    micros = pa.array([(dt.date(1500, 1, 10) - EPOCH).days * 86_400_000_000 + 1, 0, None])
    dates, moments = days.cast(pa.date32()), micros.cast(MOMENT)
    deep = pa.StructArray.from_arrays([dates], names=["day"])
    return pa.table({"day": dates, "at": moments, "deep": deep})


def first_row(metadata, options=OPTIONS, **how):
    return rows_of(written(old_dates(), metadata, **how), options=options)[0]


@pytest.mark.parametrize(
    ("metadata", "options"),
    [
        (SPARK_2, OPTIONS),
        (SPARK_2, ParquetOptions("CORRECTED", "CORRECTED")),  # the file knows better
        (SPARK_4 | {"org.apache.spark.legacyDateTime": ""}, OPTIONS),
        ({}, ParquetOptions("LEGACY", "LEGACY")),
    ],
)
def test_the_julian_calendar(metadata, options):
    row = first_row(metadata, options)
    assert row["day"] == dt.date(1500, 1, 1)
    assert row["at"] == dt.datetime(1500, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)
    assert row["deep"] == {"day": dt.date(1500, 1, 1)}


@pytest.mark.parametrize(
    ("metadata", "options"), [(SPARK_4, ParquetOptions("EXCEPTION")), ({}, OPTIONS)]
)
def test_the_calendar_of_today(metadata, options):
    assert first_row(metadata, options)["day"] == dt.date(1500, 1, 10)


def test_an_unknown_calendar_is_refused_where_it_matters():
    with pytest.raises(UnreadableFileError, match="does not say in which calendar"):
        first_row({}, ParquetOptions("EXCEPTION"))
    recent = written(pa.table({"day": [dt.date(2024, 1, 31)]}))
    assert rows_of(recent, options=ParquetOptions("EXCEPTION"))[0]["day"].year == 2024


def test_int96_has_a_calendar_of_its_own():
    spark_3_0 = {"org.apache.spark.version": "3.0.2"}
    row = first_row(spark_3_0, use_deprecated_int96_timestamps=True)
    assert row["day"] == dt.date(1500, 1, 10)
    assert row["at"].date() == dt.date(1500, 1, 1)


def test_a_leap_day_that_today_does_not_have():
    julian = (dt.date(1500, 3, 10) - EPOCH).days  # 1500-02-29 in the Julian calendar
    converted = julian_to_gregorian_days(np.array([julian]))[0]
    assert EPOCH + dt.timedelta(days=int(converted)) == dt.date(1500, 3, 1)


def spark_switches():
    pyspark = pytest.importorskip("pyspark")
    folder = os.path.dirname(pyspark.__file__)
    (jar,) = glob.glob(f"{folder}/jars/spark-sql-api_*.jar")
    with zipfile.ZipFile(jar) as archive:
        zones = json.loads(archive.read("julian-gregorian-rebase-micros.json"))
    return {zone["tz"]: (np.array(zone["switches"]), np.array(zone["diffs"])) for zone in zones}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Madrid", "America/Bogota", "Asia/Dubai"])
def test_moments_as_spark_converts_them(zone):
    switches, seconds = spark_switches()[zone]
    edges = np.concatenate([switches, switches[1:] - 1, switches + 1])
    anywhere = np.random.default_rng(1).integers(switches[0], 10**9, 3000)
    times = np.concatenate([edges, anywhere])
    expected = times + seconds[np.searchsorted(switches, times, side="right") - 1]
    assert (julian_to_gregorian_micros(times * 10**6, zone) == expected * 10**6).all()


DAMAGED = written(pa.table({"id": list(range(2000)), "s": [f"text {i}" for i in range(2000)]}))


@pytest.mark.parametrize("length", [1, 4, 11, 12, 1000, DAMAGED.size - 1])
def test_files_that_were_cut_off(length):
    with pytest.raises(UnreadableFileError):
        rows_of(BytesFile(DAMAGED.data[:length]), pa.schema([("id", pa.int64())]))


def test_damaged_bytes_never_raise_anything_else():
    generator = random.Random(1)
    for _ in range(150):
        data = bytearray(DAMAGED.data)
        for _ in range(generator.randint(1, 20)):
            data[generator.randrange(4, len(data) - 4)] = generator.randrange(256)
        columns = pa.schema([("id", pa.int64()), ("s", pa.string())])
        try:
            for block in FORMAT.blocks(BytesFile(bytes(data)), columns, OPTIONS):
                FORMAT.read(block, ReadSchema(columns), OPTIONS)
        except UnreadableFileError:
            pass


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PAR1" + bytes(20) + b"PARE", "encrypted"),
        (b"PK\x03\x04" + bytes(20), "does not begin with PAR1"),
        (b"PAR1" + bytes(20), "cut off"),
        (b"PAR1" + bytes(20) + b"PAR1", "cannot be read to its end"),
    ],
)
def test_what_a_file_is_instead(data, sentence):
    with pytest.raises(UnreadableFileError, match=sentence):
        FORMAT.file_schema(BytesFile(data), pa.schema([]), OPTIONS)


def test_a_store_that_fails_is_no_fault_of_the_file():
    class LostFile(BytesFile):
        def open_random(self):
            lost = io.BytesIO(self.data)
            lost.read = self.fail
            return pa.PythonFile(lost, "r")

        def fail(self, *_):
            raise ConnectionError("the store is away")

    with pytest.raises(ConnectionError):
        FORMAT.file_schema(LostFile(DAMAGED.data), pa.schema([]), OPTIONS)


@pytest.mark.parametrize(
    "how", [{}, {"use_dictionary": False, "column_encoding": {"s": "DELTA_BYTE_ARRAY"}}]
)
def test_little_that_unpacks_to_much_is_read_in_parts(how, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 4 * 2**20)
    monkeypatch.setattr(module, "BLOCK_BYTES", 2**20)
    file = written(pa.table({"s": ["x" * 200_000] * 300}), compression="zstd", **how)
    assert file.size < 100_000
    blocks = list(FORMAT.blocks(file, pa.schema([("s", pa.string())]), OPTIONS))
    assert sum(block.records.num_rows for block in blocks) == 300
    assert max(block.records.nbytes for block in blocks) < 6 * 2**20


def test_texts_that_are_not_utf8_are_rows_of_the_quarantine():
    column = pa.array([b"good", b"ma\xedz"], pa.binary()).view(pa.string())
    file = written(pa.table({"crop": column}))
    columns = pa.schema([("crop", pa.string())])
    (block,) = FORMAT.blocks(file, columns, OPTIONS)
    parsed = FORMAT.read(block, ReadSchema(columns), OPTIONS)
    assert parsed.rows["crop"].to_pylist() == ["good"]
    assert parsed.rejected["reason"].to_pylist() == ["invalid_encoding"]


def test_types_that_spark_lacks():
    table = pa.table(
        {
            "time": pa.array([dt.time(10, 30)]),
            "small": pa.array([255], pa.uint8()),
            "large": pa.array([2**64 - 1], pa.uint64()),
            "coded": pa.array(["a"]).dictionary_encode(),
        }
    )
    types = FORMAT.file_schema(written(table), pa.schema([]), OPTIONS).types
    assert types == [pa.string(), pa.int16(), pa.decimal128(20, 0), pa.string()]
    assert list(rows_of(written(table))[0].values())[:2] == ["10:30:00", 255]


@pytest.mark.parametrize("table", [pa.table({"a": pa.array([], pa.int64())}), NESTED.slice(0, 0)])
def test_no_rows(table):
    assert rows_of(written(table)) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"header": "true"}, "no option header"),
        ({"datetimeRebaseMode": "x"}, "datetimeRebaseMode is X"),
        ({"mergeSchema": "false"}, "mergeSchema is always true"),
    ],
)
def test_options_that_are_refused(options, sentence):
    with pytest.raises(MotorIngestaError, match=sentence):
        FORMAT.parse_options(options)


def test_a_local_file(tmp_path: Path):
    path = tmp_path / "a %20[1].parquet"
    path.write_bytes(DAMAGED.data)
    file = BytesFile(b"")
    file.open_random = lambda: pa.OSFile(str(path))
    assert len(rows_of(file)) == 2000
