"""Hypothesis strategies for rows and files, as sources send them and as they should not."""

import csv
import io
import json

import fastavro
import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import parquet

# Names and values

ODD_NAMES = [
    "",
    " ",
    "a b",
    "a.b",
    "`",
    "'",
    '"',
    "\\",
    "x,y",
    "a: b",
    "a:b",
    "OBJECT<",
    "VARIANT",
    "ARRAY<INT>",
    "DECIMAL(1, 2)",
    "VOID",
    "STRUCT<a: INT>",
    "né",
    "😀",
    "$",
    "$.id",
    "null",
    "a\nb",
    "=",
    "N",
    "iD",
    "_run_id",
    "_rescued_data",
    "_Source_File",
    "ingestion_date",
    "_corrupt",
    "_parsed",
    "row",
    "keys",
]
ODD_TEXTS = [
    "2026-01-07T06:30:00Z",
    "2026-02-30",
    "99999-01-01",
    "12.345",
    "1e400",
    "-0",
    "{}",
    "[",
    "NaN",
]

texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)
names = st.one_of(
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from(ODD_NAMES),
    st.text(st.characters(blacklist_categories=("Cs",)), max_size=4),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.sampled_from(ODD_TEXTS),
)


def _nested(inner):
    lists = st.lists(inner, max_size=3)
    objects = st.dictionaries(names, inner, max_size=3)
    return st.one_of(lists, objects)


values = st.recursive(scalars, _nested, max_leaves=6)

# JSON

_places = st.fixed_dictionaries(
    {}, optional={"x": st.integers(0, 9), "y": st.lists(texts, max_size=2)}
)
_declared = {
    "id": st.one_of(texts, values),
    "n": st.one_of(st.integers(-(2**31), 2**31 - 1), values),
    "at": st.one_of(st.just("2026-01-07T06:30:00Z"), values),
    "price": st.one_of(st.decimals(-(10**6), 10**6, places=2).map(float), values),
    "place": st.one_of(_places, values),
}


def _with_more(declared, more):
    return more | declared


json_rows = st.builds(
    _with_more,
    st.fixed_dictionaries({}, optional=_declared),
    st.dictionaries(names, values, max_size=2),
)
ODD_LINES = [
    '{"id": "cut',
    "[1, 2]",
    "7",
    '{"id": "a"} x',
    '{"id": 1, "id": 2}',
    '{"n": NaN}',
    '{"id": "\\x"}',
    "null",
    "{}",
    '"text"',
    "{" * 300,
    '{"n": 1e99999}',
    '{"": {"": [{}]}}',
]
ODD_BYTES = [
    b'{"id": "\xff\xfe"}',
    b"\x00",
    b"\xef\xbb\xbf{}",
    '{"id": "ñ"}'.encode("latin-1"),
    b'{"id": "a\x00b"}',
    b"\xed\xa0\x80",
]
odd_lines = st.one_of(st.sampled_from(ODD_LINES), texts.filter(str.strip))
_LINES = [json_rows] * 8 + [odd_lines, st.sampled_from(ODD_BYTES)]
json_lines = st.integers(0, 9).flatmap(_LINES.__getitem__)


def line_bytes(line):
    "A drawn line as bytes: an object, a text, or bytes already."
    if isinstance(line, bytes):
        return line
    if isinstance(line, str):
        return line.encode()
    return json.dumps(line).encode()


def json_file(lines):
    "Content, and how many rows it has."
    written = [line_bytes(line) for line in lines]
    rows = [line for line in written if line.strip(b" ")]
    return b"".join(line + b"\n" for line in written), len(rows)


def json_array_file(rows):
    "Content, and how many rows it has."
    return json.dumps(rows).encode(), len(rows)


json_files = st.lists(json_lines, min_size=1, max_size=8).map(json_file)
_elements = st.one_of(json_rows, json_rows, scalars.filter(lambda value: value is not None))
json_array_files = st.lists(_elements, min_size=1, max_size=6).map(json_array_file)

# CSV

cells = st.text("abc 17,\"'.-{", max_size=6).map(str.strip)


@st.composite
def csv_files(draw):
    "Content with a header, and how many rows it has."
    columns = draw(st.permutations(["id", "n", "at", "new"]))
    header = columns[: draw(st.integers(1, 4))]
    if not {"id", "n"} & set(header):
        header.append("id")
    row = st.lists(cells, min_size=len(header), max_size=len(header) + 1).filter(any)
    rows = draw(st.lists(row, max_size=6))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", escapechar="\\").writerows([header, *rows])
    return out.getvalue().encode(), len(rows)


# Parquet

_digits = st.integers(0, 9)
ARROW_COLUMNS = [  # a type, and its values
    (pa.int8(), st.integers(-(2**7), 2**7 - 1)),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats(allow_nan=True)),
    (pa.float32(), st.floats(width=32)),
    (pa.string(), texts),
    (pa.bool_(), st.booleans()),
    (pa.binary(), st.binary(max_size=5)),
    (pa.date32(), st.dates()),
    (pa.timestamp("us", "UTC"), st.datetimes()),
    (pa.timestamp("ns"), st.integers(-(2**60), 2**60)),
    (pa.decimal128(20, 3), st.decimals(-(10**9), 10**9, places=3)),
    (pa.list_(pa.int32()), st.lists(_digits, max_size=3)),
    (
        pa.struct([("x", pa.int64()), ("w", pa.string())]),
        st.fixed_dictionaries({"x": _digits, "w": texts}),
    ),
    (
        pa.list_(pa.struct([("x", pa.int32())])),
        st.lists(st.fixed_dictionaries({"x": _digits}), max_size=2),
    ),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from("ab")),
    (
        pa.map_(pa.string(), pa.int32()),
        st.lists(st.tuples(st.sampled_from("ab"), _digits), max_size=1),
    ),
    (pa.null(), st.none()),
]
_PARQUET_NAMES = ["id", "n", "at", "price", "place", "new", "a b", "x.y", "_run_id"]


@st.composite
def arrow_arrays(draw, count):
    "An array of any type."
    kind, members = draw(st.sampled_from(ARROW_COLUMNS))
    nullable = st.one_of(st.none(), members)
    return pa.array(draw(st.lists(nullable, min_size=count, max_size=count)), kind)


@st.composite
def parquet_files(draw):
    "Content, and how many rows it has."
    count = draw(st.integers(1, 5))
    columns = draw(
        st.dictionaries(
            st.sampled_from(_PARQUET_NAMES), arrow_arrays(count), min_size=1, max_size=5
        )
    )
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out)
    return out.getvalue(), count


# Avro

_PLACE = {
    "type": "record",
    "name": "P",
    "fields": [{"name": "x", "type": "int"}, {"name": "w", "type": ["null", "string"]}],
}
AVRO_FIELDS = [  # a type, and its values
    ("int", st.integers(-(2**31), 2**31 - 1)),
    ("long", st.integers(-(2**63), 2**63 - 1)),
    ("double", st.floats(allow_nan=False)),
    ("float", st.floats(width=32, allow_nan=False)),
    ("string", texts),
    ("boolean", st.booleans()),
    ("bytes", st.binary(max_size=4)),
    ({"type": "int", "logicalType": "date"}, st.integers(-(10**5), 10**5)),
    ({"type": "long", "logicalType": "timestamp-micros"}, st.integers(-(10**15), 10**15)),
    ({"type": "array", "items": "int"}, st.lists(_digits, max_size=3)),
    (
        {"type": "map", "values": "string"},
        st.dictionaries(st.sampled_from("ab"), texts, max_size=2),
    ),
    ({"type": "enum", "name": "K", "symbols": ["p", "q"]}, st.sampled_from("pq")),
    (_PLACE, st.fixed_dictionaries({"x": _digits, "w": st.one_of(st.none(), texts)})),
    (["int", "string"], st.one_of(_digits, texts)),
]
_AVRO_NAMES = ["id", "n", "at", "price", "place", "new", "N", "_run_id"]


@st.composite
def avro_records(draw, most=5):
    "A schema with some of the dataset's fields and some new ones, of any type, and records."
    chosen = draw(
        st.lists(st.sampled_from(_AVRO_NAMES), min_size=1, max_size=4, unique_by=str.lower)
    )
    fields = []
    members = {}
    defined = set()
    for field in chosen:
        kind, of_kind = draw(st.sampled_from(AVRO_FIELDS))
        if isinstance(kind, list):
            fields.append({"name": field, "type": kind})
            members[field] = of_kind
            continue
        fields.append({"name": field, "type": ["null", _defined_once(kind, defined)]})
        members[field] = st.one_of(st.none(), of_kind)
    schema = {"type": "record", "name": "R", "fields": fields}
    return schema, draw(st.lists(st.fixed_dictionaries(members), max_size=most))


def _defined_once(kind, defined):
    "The type, or its name where the schema has defined it before."
    if not isinstance(kind, dict) or "name" not in kind:
        return kind
    if kind["name"] in defined:
        return kind["name"]
    defined.add(kind["name"])
    return kind


def avro_file(drawn):
    "Content, and how many rows it has."
    schema, records = drawn
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(schema, _write_hint=False), records)
    return out.getvalue(), len(records)


# Files by format: content, and how many rows it has; records of topics by format

FILES = {
    "json": json_files,
    "json_array": json_array_files,
    "csv": csv_files(),
    "parquet": parquet_files(),
    "avro": avro_records().map(avro_file),
}
_nullable_lines = st.one_of(json_lines, json_lines, json_lines, st.none())
_avro_values = st.one_of(avro_records(12), st.binary(max_size=12), st.none())
RECORDS = {
    "kafka_json": st.lists(_nullable_lines, min_size=10, max_size=60),
    "kafka_avro": st.lists(_avro_values, min_size=3, max_size=10),
}
DDL = "id STRING, n INT, at TIMESTAMP, price DECIMAL(9,2), place STRUCT<x: INT, y: ARRAY<STRING>>"
CSV_DDL = "id STRING, n INT, at TIMESTAMP"


def files_source(kind):
    "The source of a dataset that reads generated files of a format, as a catalog has it."
    source = {"kind": "files", "format": kind, "schema": CSV_DDL if kind == "csv" else DDL}
    if kind == "csv":
        source["options"] = {"header": "true"}
    return source
