"""JSON lines and JSON arrays: as declared, and odd in the ways that JSON is odd."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa

from tools.benchmarks.peers import DuckdbFiles, PlainFiles
from tools.benchmarks.rows import (
    FLAT,
    NESTED,
    Column,
    Oddness,
    ddl,
    duckdb_columns,
    iso_times,
    pick,
    select,
)
from tools.benchmarks.shapes import Expected, FileShape, goals

AS_DECLARED = Oddness()
TIMESTAMP = "yyyy-MM-dd'T'HH:mm:ss.SSSX"  # quicker for Spark than finding out
EXACT = (
    *FLAT,
    Column(
        "amount",
        "DECIMAL(38,8)",
        "DECIMAL(38,8)",
        f"format('1{{:018d}}123.{{:08d}}', {pick(20, 10**18)}, {pick(21, 10**8)})",
    ),
)  # numbers of 30 digits


def json_lines(
    columns: tuple[Column, ...], first: int, count: int, oddness: Oddness
) -> tuple[list[str], Expected]:
    "Some rows as JSON objects."
    fields = ", ".join(f"{column.name} := {column.name}" for column in columns)
    query = f"""
        SELECT odd, CASE odd
            WHEN 'added' THEN json_merge_patch(line, '{{"signal_dbm": -70}}')::VARCHAR
            WHEN 'misfit' THEN json_merge_patch(line, '{{"battery_pct": "low"}}')::VARCHAR
            WHEN 'missing' THEN json_merge_patch(line, '{{"firmware": null}}')::VARCHAR
            WHEN 'broken' THEN left(line, length(line) // 2)
            ELSE line END AS line
        FROM (SELECT odd, to_json(struct_pack({fields}))::VARCHAR AS line
              FROM (SELECT odd, {iso_times(columns)}
                    FROM ({select(columns, first, count, oddness)})))"""
    with duckdb.connect() as database:
        found = database.sql(query).to_arrow_table()
    return found["line"].to_pylist(), Expected.of(found["odd"].to_pylist())


def _lines_writer(
    columns: tuple[Column, ...], oddness: Oddness, compress: Callable[[bytes], bytes]
) -> Callable[[int, int], tuple[bytes, Expected]]:
    def write(first: int, count: int) -> tuple[bytes, Expected]:
        lines, expected = json_lines(columns, first, count, oddness)
        return compress(("\n".join(lines) + "\n").encode()), expected

    return write


def _write_array(first: int, count: int) -> tuple[bytes, Expected]:
    lines, expected = json_lines(EXACT, first, count, AS_DECLARED)
    exact = (line.replace('"amount":"', '"amount":')[:-2] + "}" for line in lines)
    return ("[" + ",\n".join(exact) + "]\n").encode(), expected


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, 6, mtime=0)


def _zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def _lines_shape(
    name: str,
    title: str,
    columns: tuple[Column, ...] = FLAT,
    oddness: Oddness = AS_DECLARED,
    compression: str = "",
    **more: Any,
) -> FileShape:
    compress = {"": bytes, "gz": _gzip, "zst": _zstd}[compression]
    schema = ddl(columns)
    options = f"format='newline_delimited', columns={duckdb_columns(columns)}, ignore_errors=true"
    return FileShape(
        name,
        title,
        {"format": "json", "schema": schema},
        _lines_writer(columns, oddness, compress),
        f"json.{compression}" if compression else "json",
        PlainFiles("json", schema, {"timestampFormat": TIMESTAMP}),
        DuckdbFiles("read_json", options),
        **more,
    )


FLAT_LINES = _lines_shape("json_flat", "JSON lines, as declared", goals=goals(0.15, 1.1, 1.0))
ARRAYS = FileShape(
    "json_array",
    "JSON arrays, decimals of 30 digits",
    {"format": "json_array", "schema": ddl(EXACT)},
    _write_array,
    "json",
    PlainFiles("json", ddl(EXACT), {"timestampFormat": TIMESTAMP, "multiLine": "true"}),
    goals=goals(0.3, spark=1.1),
)
ALL_WAYS = ("added", "misfit", "missing", "broken")
SHAPES = (
    FLAT_LINES,
    _lines_shape(
        "json_nested", "JSON lines, nested, as declared", NESTED, goals=goals(0.15, 1.1, 1.0)
    ),
    _lines_shape(
        "json_added",
        "JSON lines, a column more in every row",
        oddness=Oddness(1.0, ("added",)),
        goals=goals(0.3, 1.5, 1.1),
    ),
    _lines_shape(
        "json_broken",
        "JSON lines, 0.1 % broken",
        oddness=Oddness(0.001, ("broken",)),
        goals=goals(0.25, 1.3, 1.1),
    ),
    _lines_shape(
        "json_misfit",
        "JSON lines, 1 % with a misfit",
        oddness=Oddness(0.01, ("misfit",)),
        goals=goals(0.25, 1.3, 1.1),
    ),
    _lines_shape(
        "json_third_odd",
        "JSON lines, a third odd in some way",
        oddness=Oddness(1 / 3, ALL_WAYS),
        goals=goals(0.6, 2, 1.5),
    ),
    _lines_shape("json_gzip", "JSON lines, gzip", compression="gz", goals=goals(0.3, 1.2, 1.1)),
    _lines_shape("json_zstd", "JSON lines, zstd", compression="zst", goals=goals(0.3, 1.2, 1.1)),
    ARRAYS,
    replace(
        FLAT_LINES,
        name="json_one_file",
        title="JSON lines, one large file",
        files=1,
        scale=4,
        rows_a_piece=500_000,
        goals=goals(1.0, spark=1.1),
    ),
    replace(
        FLAT_LINES,
        name="json_tiny",
        title="JSON lines, 20,000 tiny files",
        files=20_000,
        scale=0.1,
        goals=goals(0.06, spark=0.5),
    ),
    replace(
        ARRAYS,
        name="json_array_tiny",
        title="JSON arrays, 20,000 tiny files",
        files=20_000,
        scale=0.1,
        goals=goals(0.06, spark=0.5),
    ),
)
