"""Parquet files whose types are not those of the catalog, but fit into them."""

import io
from collections.abc import Callable

import duckdb
import pyarrow as pa
from pyarrow import parquet

from tools.benchmarks.peers import DuckdbFiles, PlainFiles
from tools.benchmarks.rows import FLAT, NESTED, Column, Oddness, ddl, pick, select
from tools.benchmarks.shapes import Expected, FileShape, goals

COUNTED = (*FLAT, Column("uptime_seconds", "BIGINT", "BIGINT", pick(40, 2_000_000)))


def _arrow(columns: tuple[Column, ...], first: int, count: int) -> pa.Table:
    with duckdb.connect() as database:
        rows = database.sql(select(columns, first, count, Oddness())).to_arrow_table()
    return rows.drop_columns("odd")


def _cast(rows: pa.Table, types: dict[pa.DataType, pa.DataType]) -> pa.Table:
    fields = [field.with_type(types.get(field.type, field.type)) for field in rows.schema]
    return rows.cast(pa.schema(fields), safe=False)


def _write(
    columns: tuple[Column, ...], types: dict[pa.DataType, pa.DataType], **how: bool | str
) -> Callable[[int, int], tuple[bytes, Expected]]:
    def write(first: int, count: int) -> tuple[bytes, Expected]:
        content = io.BytesIO()
        parquet.write_table(_cast(_arrow(columns, first, count), types), content, **how)
        return content.getvalue(), Expected(count)

    return write


_MOMENT = pa.timestamp("us")
_DECLARED = {_MOMENT: pa.timestamp("us", "UTC")}
_NARROW = {_MOMENT: pa.timestamp("ns"), pa.float64(): pa.float32(), pa.int64(): pa.int32()}
_NANOSECONDS = {_MOMENT: pa.timestamp("ns", "UTC")}
_OTHERS = [f"{column.name}" for column in NESTED[:-1]]

SHAPES = (
    FileShape(
        "parquet_declared",
        "Parquet, as declared",
        {"format": "parquet", "schema": ddl(COUNTED)},
        _write(COUNTED, _DECLARED),
        "parquet",
        PlainFiles("parquet", ddl(COUNTED)),
        DuckdbFiles("read_parquet"),
        goals=goals(0.3, 1.2, 1.1),
    ),
    FileShape(
        "parquet_narrow",
        "Parquet with narrower types and INT96",
        {"format": "parquet", "schema": ddl(COUNTED)},
        _write(COUNTED, _NARROW, use_deprecated_int96_timestamps=True),
        "parquet",
        PlainFiles("parquet", ddl(COUNTED)),
        DuckdbFiles("read_parquet"),
        goals=goals(0.3, 1.2, 1.1),
    ),
    FileShape(
        "parquet_nested",
        "Parquet, nested, with nanoseconds",
        {"format": "parquet", "schema": ddl(NESTED)},
        _write(NESTED, _NANOSECONDS),
        "parquet",
        PlainFiles(
            "parquet",
            ddl(NESTED).replace("reported_at TIMESTAMP", "reported_at BIGINT"),
            columns=(*_OTHERS, "timestamp_micros(reported_at DIV 1000) AS reported_at"),
            settings={"spark.sql.legacy.parquet.nanosAsLong": "true"},
        ),
        DuckdbFiles("read_parquet"),
        goals=goals(0.3, 1.2, 1.1),
    ),
)
