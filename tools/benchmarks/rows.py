"""The rows of the benchmark: readings of devices, made by DuckDB from their numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    "A column of the readings."

    name: str
    type: str  # in Spark's DDL
    duckdb_type: str
    value: str  # SQL, from the row's number `i`


@dataclass(frozen=True)
class Oddness:
    "How much of the rows is not as the catalog says, and in which ways."

    share: float = 0.0  # of the rows, from 0 to 1
    kinds: tuple[str, ...] = ()  # added, misfit, missing, broken; each as often as the others

    def sql(self) -> str:
        "The kind of a row as SQL; an empty text if the row is as declared."
        if not self.kinds:
            return "''"
        kinds = ", ".join(f"'{kind}'" for kind in self.kinds)
        kind = f"[{kinds}][{pick(90, len(self.kinds))} + 1]"
        is_odd = f"{pick(91, 1_000_000)} < {self.share * 1e6:.0f}"
        return f"CASE WHEN {is_odd} THEN {kind} ELSE '' END"


def pick(
    seed: int,
    count: int,
) -> str:
    "SQL of a whole number below `count`, which depends on the row."
    return f"(hash(i + {seed}) % {count})::BIGINT"


def _number(seed: int, top: int, digits: int = 1) -> str:
    "SQL of a number from 0 to `top`."
    return f"round({pick(seed, top * 10**digits)} / {10**digits}, {digits})"


_FIRST = (
    Column("device_id", "STRING", "VARCHAR", f"format('dev-{{:06d}}', {pick(0, 20_000)})"),
    Column("farm_id", "STRING", "VARCHAR", f"format('farm-{{:03d}}', {pick(1, 120)})"),
    Column("kind", "STRING", "VARCHAR", f"['soil', 'air', 'water'][{pick(2, 3)} + 1]"),
    Column("firmware", "STRING", "VARCHAR", f"format('2.{{}}.{{}}', {pick(3, 9)}, {pick(4, 20)})"),
    Column("battery_pct", "DOUBLE", "DOUBLE", _number(5, 100)),
)
_TIME = Column(
    "reported_at",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TIMESTAMP '2026-01-07 06:00:00' + to_milliseconds(250 * i)",
)
FLAT = (
    *_FIRST,
    Column("latitude", "DOUBLE", "DOUBLE", f"36 + {_number(6, 7, 5)}"),
    Column("longitude", "DOUBLE", "DOUBLE", f"{_number(7, 9, 5)} - 7"),
    Column("temperature_c", "DOUBLE", "DOUBLE", f"{_number(8, 50, 2)} - 5"),
    Column("humidity_pct", "DOUBLE", "DOUBLE", _number(9, 100)),
    _TIME,
)
NESTED = (
    *_FIRST,
    Column(
        "position",
        "STRUCT<latitude: DOUBLE, longitude: DOUBLE>",
        "STRUCT(latitude DOUBLE, longitude DOUBLE)",
        f"{{'latitude': 36 + {_number(6, 7, 5)}, 'longitude': {_number(7, 9, 5)} - 7}}",
    ),
    Column(
        "readings",
        "ARRAY<STRUCT<metric: STRING, value: DOUBLE>>",
        "STRUCT(metric VARCHAR, value DOUBLE)[]",
        f"[{{'metric': 'temperature', 'value': {_number(8, 50, 2)}}}, "
        f"{{'metric': 'humidity', 'value': {_number(9, 100)}}}]",
    ),
    Column(
        "tags",
        "ARRAY<STRING>",
        "VARCHAR[]",
        f"['north', 'tank', 'test'][1:{pick(10, 4)}]",
    ),
    _TIME,
)


def ddl(columns: tuple[Column, ...]) -> str:
    "The columns as the catalog and Spark declare them."
    return ", ".join(f"{column.name} {column.type}" for column in columns)


def duckdb_columns(columns: tuple[Column, ...]) -> str:
    "The columns as DuckDB's readers take them."
    return str({column.name: column.duckdb_type for column in columns})


def select(
    columns: tuple[Column, ...],
    first: int,  # number of the first row
    count: int,
    oddness: Oddness = Oddness(),
) -> str:
    "SQL of some rows: their columns, after `odd`, the kind of oddness that each is to get."
    values = ", ".join(f"{column.value} AS {column.name}" for column in columns)
    return f"SELECT {oddness.sql()} AS odd, {values} FROM range({first}, {first + count}) t(i)"


def iso_times(columns: tuple[Column, ...]) -> str:
    "SQL: the columns, with times as ISO 8601 writes them."
    texts = [
        f"strftime({column.name}, '%Y-%m-%dT%H:%M:%S.%gZ') AS {column.name}"
        if column.type == "TIMESTAMP"
        else column.name
        for column in columns
    ]
    return ", ".join(texts)
