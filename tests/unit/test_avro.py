"Avro: what notebooks cannot hold. Random schemas, damaged bytes, defaults, hostile files."

from __future__ import annotations

import bz2
import datetime as dt
import io
import json
import lzma
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal

import fastavro
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motor_ingesta.errors import MotorIngestaError
from motor_ingesta.formats import avro_container
from motor_ingesta.formats.avro import FORMAT, AvroOptions
from motor_ingesta.formats.avro_decoding import decode_records, records_of
from motor_ingesta.formats.avro_messages import read_messages
from motor_ingesta.formats.avro_record import UndecodableError, read_record
from motor_ingesta.formats.base import RESCUED, ReadSchema, UnreadableFileError
from motor_ingesta.schemas.avro import (
    AvroSchemaError,
    avro_columns,
    parse_avro_schema,
    stored_type,
    with_stored_fields,
)
from motor_ingesta.schemas.avro_resolution import resolve

UTC = dt.UTC

# ---- helpers


def record(*fields, name="R"):
    "A record schema from (name, type) or (name, type, default)."
    keys = ("name", "type", "default")
    described = [dict(zip(keys, field, strict=False)) for field in fields]
    return {"type": "record", "name": name, "fields": described}


def parsed_schema(schema):
    return parse_avro_schema(json.dumps(schema))


def encoded(row, schema):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, json.loads(json.dumps(schema)), row)
    return out.getvalue()


def message(row, schema, schema_id=1):
    return b"\0" + struct.pack(">i", schema_id) + encoded(row, schema)


def read(values, writer, reader=None, columns=None, rejects_misfits=False):
    "Messages that were all written with one schema, its id 1."
    columns = columns or avro_columns(parsed_schema(reader or writer))
    return read_messages(
        pa.array(values, pa.binary()),
        ReadSchema(columns, rejects_misfits),
        {1: json.dumps(writer)},
        json.dumps(reader) if reader else None,
    )


class BytesFile:
    name = "x.avro"

    def __init__(self, content):
        self.content, self.size = content, len(content)

    def open_random(self):
        return pa.BufferReader(self.content)


def avro_file(rows, schema, **kwargs):
    out = io.BytesIO()
    fastavro.writer(out, json.loads(json.dumps(schema)), rows, **kwargs)
    return BytesFile(out.getvalue())


def read_file(file, columns=None, options=None, rejects_misfits=False):
    options = FORMAT.parse_options(options or {})
    columns = columns or FORMAT.file_schema(file, None, options)
    read_schema = ReadSchema(columns, rejects_misfits)
    return [
        FORMAT.read(block, read_schema, options) for block in FORMAT.blocks(file, columns, options)
    ]


# ---- random schemas: fastavro writes, both readers read

PRIMITIVES = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=20),
    "string": st.text(max_size=20),
}


class Kind:
    "A schema, with a strategy of (what fastavro is given, what is expected)."

    def __init__(self, schema, values):
        self.schema, self.values = schema, values


def same(values):
    return values.map(lambda value: (value, value))


@st.composite
def kinds(draw, depth=2, in_union=False, names=None):
    names = [0] if names is None else names
    choices = [*PRIMITIVES, "enum", "fixed"]
    if depth:
        choices += ["array", "map", "record"] + ([] if in_union else ["union"])
    choice = draw(st.sampled_from(choices))
    if choice in PRIMITIVES:
        return Kind(choice, same(PRIMITIVES[choice]))
    names[0] += 1
    name = f"N{names[0]}"
    inner = kinds(depth=depth - 1, names=names)
    if choice == "enum":
        symbols = ["A", "B", "C"]
        schema = {"type": "enum", "name": name, "symbols": symbols}
        return Kind(schema, same(st.sampled_from(symbols)))
    if choice == "fixed":
        size = draw(st.integers(1, 20))
        content = st.binary(min_size=size, max_size=size)
        return Kind({"type": "fixed", "name": name, "size": size}, same(content))
    if choice == "array":
        item = draw(inner)
        return Kind({"type": "array", "items": item.schema}, lists(item))
    if choice == "map":
        item = draw(inner)
        return Kind({"type": "map", "values": item.schema}, maps(item))
    if choice == "record":
        return record_kind([draw(inner) for _ in range(draw(st.integers(1, 3)))], name)
    return draw(unions(depth, names))


def lists(item):
    return st.lists(item.values, max_size=4).map(
        lambda pairs: ([given for given, _ in pairs], [expected for _, expected in pairs])
    )


def maps(item):
    entries = st.dictionaries(st.text(max_size=3), item.values, max_size=3)
    return entries.map(
        lambda found: (
            {key: given for key, (given, _) in found.items()},
            [(key, expected) for key, (_, expected) in found.items()],
        )
    )


def record_kind(inner, name):
    fields = {f"f{i}": kind for i, kind in enumerate(inner)}
    schema = record(*((n, kind.schema) for n, kind in fields.items()), name=name)
    values = st.tuples(*(kind.values for kind in inner)).map(
        lambda pairs: (
            dict(zip(fields, (given for given, _ in pairs), strict=True)),
            dict(zip(fields, (expected for _, expected in pairs), strict=True)),
        )
    )
    return Kind(schema, values)


@st.composite
def unions(draw, depth, names):
    found = {}
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(kinds(depth=depth - 1, in_union=True, names=names))
        found.setdefault(branch_name(kind.schema), kind)
    kept = [name for name in found if name != "null"]
    is_number = set(kept) in ({"int", "long"}, {"float", "double"})
    is_struct = len(kept) > 1 and not is_number
    values = [
        kind.values.map(
            lambda pair, name=name: (
                tagged(name, pair[0]),
                expected_member(pair[1], kept, name) if is_struct and name in kept else pair[1],
            )
        )
        for name, kind in found.items()
    ]
    return Kind([kind.schema for kind in found.values()], st.one_of(values))


def branch_name(schema):
    if isinstance(schema, str):
        return schema
    return schema.get("name", schema["type"])


def tagged(name, value):
    "fastavro's way to choose a branch; it finds arrays and maps by itself."
    return value if name in ("array", "map", "null") else (name, value)


def expected_member(value, kept, name):
    return {f"member{i}": value if n == name else None for i, n in enumerate(kept)}


@st.composite
def written(draw):
    inner = [draw(kinds()) for _ in range(draw(st.integers(1, 4)))]
    for place, kind in enumerate(inner):  # names are unique in one schema
        kind.schema = renamed(kind.schema, f"c{place}")
    kind = record_kind(inner, "Top")
    rows = draw(st.lists(kind.values, min_size=1, max_size=6))
    return kind.schema, rows


def renamed(schema, namespace):
    "A named type in a namespace of its own."
    text = json.dumps(schema)
    return json.loads(text.replace('"name": "N', f'"name": "{namespace}.N'))


def retagged(value, namespace):
    "Branch names of tuples in the same namespace."
    if isinstance(value, tuple):
        name, inner = value
        is_named = name[0] == "N"
        return (f"{namespace}.{name}" if is_named else name, retagged(inner, namespace))
    if isinstance(value, list):
        return [retagged(item, namespace) for item in value]
    if isinstance(value, dict):
        return {key: retagged(item, namespace) for key, item in value.items()}
    return value


def bodies_of(schema, rows):
    tagged_rows = [
        {name: retagged(value, f"c{i}") for i, (name, value) in enumerate(given_row.items())}
        for given_row, _ in rows
    ]
    return [encoded(row, schema) for row in tagged_rows]


def rows_of(decoded):
    "Row of each record, in the order of the records."
    found = {}
    for table, places in decoded.tables:
        found |= dict(zip(places.tolist(), table.to_pylist(), strict=True))
    return found


@settings(max_examples=100, deadline=None)
@given(written())
def test_both_readers_give_what_was_written(case):
    schema, rows = case
    kind = parsed_schema(schema)
    bodies = bodies_of(schema, rows)
    expected = {place: row for place, (_, row) in enumerate(rows)}
    assert rows_of(decode_records(records_of(pa.array(bodies, pa.binary())), kind)) == expected
    one_by_one = [read_record(body, kind)[0] for body in bodies]
    assert pa.Table.from_pylist(one_by_one, avro_columns(kind)).to_pylist() == [*expected.values()]


LOGICAL = [
    ("id", "string"),
    ("price", {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}),
    ("fee", {"type": "fixed", "name": "F", "size": 18, "logicalType": "decimal", "precision": 38}),
    ("day", {"type": "int", "logicalType": "date"}),
    ("at", {"type": "long", "logicalType": "timestamp-millis"}),
    ("nano", ["null", {"type": "long", "logicalType": "timestamp-nanos"}]),
    ("lines", {"type": "array", "items": record(("n", "int"), ("t", "string"), name="L")}),
    ("any", ["null", "int", "string", {"type": "enum", "name": "E", "symbols": ["A", "B"]}]),
    ("tags", {"type": "map", "values": ["null", "long"]}),
    ("ok", "boolean"),
]
A_ROW = {
    "id": "ñandú",
    "price": b"\x04\xe2",
    "fee": bytes(17) + b"\x07",
    "day": 19_000,
    "at": 1_700_000_000_000,
    "nano": 1_700_000_000_000_000_000,
    "lines": [{"n": 1, "t": "a"}, {"n": -70, "t": "bc"}],
    "any": "text",
    "tags": {"k": 5, "l": None},
    "ok": True,
}


def without_logical(schema):
    return json.loads(json.dumps(schema).replace("logicalType", "note"))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255), st.integers(0, 3)), max_size=4))
def test_damaged_bytes_are_judged_alike(changes):
    "The reader of many records and the reader of one agree on every record, also on its misfits."
    schema = record(*LOGICAL)
    body = encoded(A_ROW, without_logical(schema))
    bodies = [body, *(damaged(body, *change) for change in changes), body]
    kind = parsed_schema(schema)
    decoded = decode_records(records_of(pa.array(bodies, pa.binary())), kind)
    expected, undecodable = {}, []
    for place, each in enumerate(bodies):
        try:
            row, stored = read_record(each, kind)
        except UndecodableError:
            undecodable.append(place)
            continue
        columns = avro_columns(with_stored_fields(kind, stored))
        expected[place] = pa.Table.from_pylist([row], columns).to_pylist()[0]
    assert decoded.undecodable.tolist() == undecodable
    assert repr(sorted(rows_of(decoded).items())) == repr(sorted(expected.items()))


def damaged(body, place, byte, how):
    place = min(place, len(body) - 1)
    if how == 0:
        return body[:place]
    if how == 1:
        return body[:place] + bytes([byte]) + body[place:]
    if how == 2:
        return body[:place] + body[place + 1 :]
    return body[:place] + bytes([byte]) + body[place + 1 :]


def test_a_decimal_of_any_size_is_exact():
    sizes = [1, 7, 8, 9, 15, 16, 17, 20]
    numbers = [0, 1, -1, 127, -128, 10**15, -(10**16), 2**63, -(2**63) - 1, 10**38 - 1, 1 - 10**38]
    kind = {"type": "bytes", "logicalType": "decimal", "precision": 38}
    schema = record(("n", kind))
    bodies, expected = [], []
    for number in numbers:
        for size in sizes:
            if -(2 ** (8 * size - 1)) <= number < 2 ** (8 * size - 1):
                content = number.to_bytes(size, "big", signed=True)
                bodies.append(encoded({"n": content}, without_logical(schema)))
                expected.append(number)
    decoded = decode_records(records_of(pa.array(bodies)), parsed_schema(schema))
    assert len(decoded.tables) == 1
    found = decoded.tables[0][0]["n"].to_pylist()
    assert [int(value) for value in found] == expected


# ---- misfits and rescued values


def test_a_value_beyond_its_logical_type_is_rescued():
    schema = record(("id", "int"), ("at", {"type": "long", "logicalType": "timestamp-millis"}))
    values = [message({"id": 1, "at": 0}, schema), message({"id": 2, "at": 10**17}, schema)]
    parsed = read(values, schema)
    assert parsed.rows["at"].to_pylist() == [dt.datetime(1970, 1, 1, tzinfo=UTC), None]
    assert [json.loads(t) if t else None for t in parsed.rows[RESCUED].to_pylist()] == [
        None,
        {"at": 10**17},
    ]
    rejecting = read(values, schema, rejects_misfits=True)
    assert rejecting.records.to_pylist() == [0]
    assert rejecting.rejected["reason"].to_pylist() == ["schema_mismatch"]
    assert rejecting.rejected["raw"].to_pylist() == [values[1]]
    assert rejecting.rejected["record"].to_pylist() == [1]


def test_a_field_that_the_dataset_lacks_is_rescued():
    schema = record(("id", "int"), ("extra", "string"))
    columns = pa.schema([("id", pa.int32())])
    parsed = read([message({"id": 1, "extra": "x"}, schema)], schema, columns=columns)
    assert json.loads(parsed.rows[RESCUED][0].as_py()) == {"extra": "x"}


def test_several_writers_and_wrong_messages_are_all_accounted_for():
    old, new = record(("id", "int")), record(("id", "long"), ("name", "string"))
    recursive = record(("next", ["null", "R"]))
    rng = np.random.default_rng(3)
    values = []
    for i in range(500):
        values.append(
            [
                message({"id": i}, old, 1),
                message({"id": i, "name": f"n{i}"}, new, 2),
                b"\0\0\0\0\x03\0",
                b"\0\0\0\0\x01",
                None,
                b"\0\0\0\0\x04\x02",
            ][rng.integers(0, 6)]
        )
    writers = {1: json.dumps(old), 2: json.dumps(new), 3: json.dumps(recursive), 4: '"string"'}
    columns = avro_columns(parsed_schema(new))
    parsed = read_messages(pa.array(values, pa.binary()), ReadSchema(columns), writers)
    rejected = parsed.rejected["record"].to_pylist()
    assert sorted(parsed.records.to_pylist() + rejected) == list(range(500))
    assert [values[i] for i in rejected] == parsed.rejected["raw"].to_pylist()
    for place, row in zip(parsed.records.to_pylist(), parsed.rows.to_pylist(), strict=True):
        assert row["id"] == place
    details = set(parsed.rejected["detail"].to_pylist())
    assert any("contains itself" in detail for detail in details)
    assert any("only the fields of a record" in detail for detail in details)
    assert "the bytes end early or do not fit the schema 1" in details


def test_a_slice_of_an_array_is_read_as_a_slice():
    schema = record(("id", "int"))
    values = pa.array([message({"id": i}, schema) for i in range(10)], pa.binary()).slice(3, 4)
    columns = ReadSchema(avro_columns(parsed_schema(schema)))
    for each in (values, values.cast(pa.large_binary())):
        parsed = read_messages(each, columns, {1: json.dumps(schema)})
        assert parsed.rows["id"].to_pylist() == [3, 4, 5, 6]


def test_a_writer_without_fields_is_no_table():
    parsed = read([b"\0\0\0\0\1"] * 3, record(), columns=pa.schema([("id", pa.int32())]))
    assert parsed.rows.num_rows == 0
    assert parsed.rejected["reason"].to_pylist() == ["undecodable_avro"] * 3
    assert "has no fields" in parsed.rejected["detail"][0].as_py()


def test_numbers_that_are_not_finite_are_kept():
    schema = record(("d", "double"), ("f", "float"))
    parsed = read([message({"d": float("inf"), "f": float("-inf")}, schema)], schema)
    assert parsed.rows.to_pylist()[0] == {"d": float("inf"), "f": float("-inf"), RESCUED: None}


def test_threads_get_the_same_rows():
    schema = record(*LOGICAL[:5])
    values = [encoded(A_ROW | {"id": str(i)}, without_logical(schema)) for i in range(3_000)]
    values = pa.array([b"\0\0\0\0\1" + value for value in values])
    columns = ReadSchema(avro_columns(parsed_schema(schema)))
    writers = {1: json.dumps(schema)}

    def rows(_):
        return read_messages(values, columns, writers).rows

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(rows, range(8))
    assert first.num_rows == 3_000
    assert all(other.equals(first) for other in others)


def test_no_messages_give_no_rows():
    schema = record(("id", "int"))
    parsed = read([], schema)
    assert parsed.rows.column_names == ["id", RESCUED]
    assert parsed.rows.num_rows == parsed.rejected.num_rows == 0


# ---- schema resolution

DATE = {"type": "int", "logicalType": "date"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
LOCAL = {"type": "long", "logicalType": "local-timestamp-micros"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
POINT = record(("x", "int", 4), ("y", "int"), name="Point")


@pytest.mark.parametrize(
    ("kind", "default", "expected"),
    [
        ("string", "a", "a"),
        ("double", 1, 1.0),
        (MILLIS, 1_000, dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (LOCAL, 1_000_000, dt.datetime(1970, 1, 1, 0, 0, 1)),
        (DATE, 19_000, dt.date(2022, 1, 8)),
        (MONEY, "\u00ff", Decimal("-0.01")),
        ("bytes", "\u00ffA", b"\xffA"),
        ({"type": "array", "items": MILLIS}, [0], [dt.datetime(1970, 1, 1, tzinfo=UTC)]),
        ({"type": "map", "values": "int"}, {"a": 1}, [("a", 1)]),
        (POINT, {"y": 2}, {"x": 4, "y": 2}),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B"),
        (["null", "string"], None, None),
        (["string", "null"], "x", "x"),
        (["int", "string"], "x", {"member0": None, "member1": "x"}),
        ("int", "not an int", None),  # a wrong default counts as none
    ],
)
def test_defaults_of_the_reader(kind, default, expected):
    writer, reader = record(("id", "int")), record(("id", "int"), ("new", kind, default))
    parsed = read([message({"id": 1}, writer)] * 2, writer, reader)
    assert parsed.rows["new"].to_pylist() == [expected, expected]
    assert parsed.rows["id"].to_pylist() == [1, 1]


def test_a_default_for_no_column_of_the_dataset_is_left_out():
    writer, reader = record(("id", "int")), record(("id", "int"), ("new", "int", 3))
    columns = avro_columns(parsed_schema(writer))
    parsed = read([message({"id": 1}, writer)], writer, reader, columns)
    assert parsed.rows.to_pylist() == [{"id": 1, RESCUED: None}]


def test_aliases_and_defaults_inside_records_arrays_and_maps():
    old = record(("town", "string"), name="Place")
    new = record(("city", "string"), ("country", "string", "ES"), name="Place")
    new["fields"][0]["aliases"] = ["town"]
    many = {"type": "array", "items": "Place"}
    places = {"one": old, "many": many, "by": {"type": "map", "values": "Place"}}
    writer = record(*places.items())
    reader = record(*(places | {"one": new}).items())
    row = {"one": {"town": "Soria"}, "many": [{"town": "León"}] * 2, "by": {"k": {"town": "Ávila"}}}
    parsed = read([message(row, writer), message(row, writer)], writer, reader)
    assert parsed.rows.to_pylist()[1] == {
        "one": {"city": "Soria", "country": "ES"},
        "many": [{"city": "León", "country": "ES"}] * 2,
        "by": [("k", {"city": "Ávila", "country": "ES"})],
        RESCUED: None,
    }


def test_promotions_are_exact():
    writer = record(("a", "int"), ("b", "float"), ("c", "bytes"), ("d", "string"), ("e", "int"))
    wider = {"a": "long", "b": "double", "c": "string", "d": "bytes", "e": "double"}
    reader = record(*wider.items())
    row = {"a": 7, "b": 0.5, "c": "ñ".encode(), "d": "ñ", "e": 3}
    parsed = read([message(row, writer)], writer, reader)
    expected = {"a": 7, "b": 0.5, "c": "ñ", "d": "ñ".encode(), "e": 3.0, RESCUED: None}
    assert parsed.rows.to_pylist() == [expected]


def test_a_symbol_that_the_reader_lacks_becomes_its_default():
    writer = record(("e", {"type": "enum", "name": "E", "symbols": ["A", "NEW"]}))
    kind = {"type": "enum", "name": "E", "symbols": ["A", "OTHER"], "default": "OTHER"}
    parsed = read([message({"e": e}, writer) for e in ("A", "NEW")], writer, record(("e", kind)))
    assert parsed.rows["e"].to_pylist() == ["A", "OTHER"]


@pytest.mark.parametrize(
    ("written_as", "read_as", "value", "expected"),
    [
        ("string", ["null", "string"], "x", "x"),
        ("string", ["int", "string"], "x", {"member0": None, "member1": "x"}),
        (["null", "int"], ["string", "long"], 3, {"member0": None, "member1": 3}),
        (["int", "string"], ["string", "int"], "x", {"member0": "x", "member1": None}),
        (["int", "long"], "long", 5, 5),
        (["int", "string"], ["int", "string", "null"], 3, {"member0": 3, "member1": None}),
    ],
)
def test_unions_are_resolved(written_as, read_as, value, expected):
    writer, reader = record(("u", written_as)), record(("u", read_as))
    parsed = read([message({"u": value}, writer)], writer, reader)
    assert parsed.rows.to_pylist() == [{"u": expected, RESCUED: None}]


def test_a_branch_that_the_reader_lacks_is_not_lost():
    writer, reader = record(("u", ["int", "string", "boolean"])), record(("u", ["int", "string"]))
    parsed = read([message({"u": True}, writer)], writer, reader)
    assert "true" in parsed.rows[RESCUED][0].as_py()


def test_resolution_agrees_with_fastavro():
    writer = record(("a", "int"), ("b", ["null", "string"]), ("gone", "string"))
    numbers = {"type": "array", "items": "int"}
    reader = record(("b", ["null", "string"]), ("a", "long"), ("c", numbers, [1]))
    rows = [{"a": i, "b": None if i % 2 else "x", "gone": "g"} for i in range(6)]
    parsed = read([message(row, writer) for row in rows], writer, reader)
    for row, found in zip(rows, parsed.rows.drop_columns([RESCUED]).to_pylist(), strict=True):
        body = io.BytesIO(encoded(row, writer))
        assert found == fastavro.schemaless_reader(body, writer, reader)


@pytest.mark.parametrize(
    "schema",
    [
        "{",
        '"nonsense"',
        "[]",
        '{"type": "record", "fields": []}',
        '{"type": "record", "name": "R", "fields": [{"name": "a"}]}',
        '{"type": "array"}',
        '{"type": "enum", "name": "E"}',
        '{"type": "fixed", "name": "F", "size": -1}',
        '{"type": "record", "name": "R", "fields": [{"name": "a", "type": ["int", ["int"]]}]}',
        json.dumps(record(("a", "int"), ("A", "int"))),
        json.dumps(record(("a", record(name="Empty")))),
        '{"type": "enum", "name": "E", "symbols": ["A"]}',
        '["null", "int"]',
        "7",
        "null",
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema):
    with pytest.raises(AvroSchemaError):
        avro_columns(parse_avro_schema(schema))


def test_names_are_looked_up_in_their_namespace():
    schema = {
        "type": "record",
        "name": "a.b.R",
        "fields": [
            {"name": "x", "type": {"type": "fixed", "name": "F", "size": 2}},
            {"name": "y", "type": "F"},
            {"name": "z", "type": {"type": "enum", "name": "c.E", "symbols": ["S"]}},
            {"name": "w", "type": ["null", "c.E"]},
        ],
    }
    fields = {f.name: f.type for f in parsed_schema(schema).fields}
    assert fields["y"].name == "a.b.F"
    assert fields["w"].branches[1].name == "c.E"


def test_resolving_to_the_same_schema_does_nothing():
    kind = parsed_schema(record(("id", "int")))
    rows = pa.table({"id": pa.array([1], pa.int32())})
    assert resolve(rows, kind, kind, ["id"]) is rows
    assert stored_type(kind) == kind


# ---- files


def test_a_file_is_read_as_fastavro_reads_it():
    schema = record(*LOGICAL)
    rows = [A_ROW | {"id": f"r{i}", "any": [None, i, "A"][i % 3]} for i in range(2_000)]
    file = avro_file(rows, without_logical(schema), sync_interval=3_000)
    columns = avro_columns(stored_type(parsed_schema(schema)))
    (parsed,) = read_file(file, columns)
    assert parsed.rows["id"].to_pylist() == [row["id"] for row in rows]
    assert parsed.rows["any"].to_pylist()[1]["member0"] == 1
    assert parsed.rejected.num_rows == 0


def packed_file(rows, schema, codec, pack):
    "A file of one block, packed by a function."
    plain = avro_file(rows, schema, sync_interval=10**9)
    (block,) = fastavro.block_reader(io.BytesIO(plain.content))
    content = pack(block.bytes_.getvalue())
    metadata = {"avro.schema": json.dumps(schema), "avro.codec": codec}
    entries = [with_length(key.encode()) + with_length(v.encode()) for key, v in metadata.items()]
    header = b"Obj\1" + number(2) + b"".join(entries) + number(0) + bytes(16)
    return BytesFile(header + number(len(rows)) + with_length(content) + bytes(16))


def number(value):
    return avro_container._long_bytes(value)


def with_length(content):
    return number(len(content)) + content


def snappy(content):
    return pa.compress(content, "snappy", asbytes=True) + struct.pack(">I", zlib.crc32(content))


def zstandard(content):
    return pa.compress(content, "zstd", asbytes=True)


PACKERS = {
    "null": bytes,
    "deflate": lambda content: zlib.compress(content)[2:-4],
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "snappy": snappy,
    "zstandard": zstandard,
}


@pytest.mark.parametrize("codec", PACKERS)
def test_codecs(codec):
    schema = record(("id", "int"), ("text", "string"))
    rows = [{"id": i, "text": "x" * 50} for i in range(1_000)]
    file = packed_file(rows, schema, codec, PACKERS[codec])
    (parsed,) = read_file(file)
    assert parsed.rows["id"].to_pylist() == list(range(1_000))
    for place in (len(file.content) - 20, len(file.content) - 17):
        damaged_file = bytearray(file.content)
        damaged_file[place] ^= 0xFF
        with suppress(UnreadableFileError):
            read_file(BytesFile(bytes(damaged_file)))


@pytest.mark.parametrize("codec", PACKERS)
def test_a_block_never_unpacks_beyond_the_limit(codec, monkeypatch):
    monkeypatch.setattr(avro_container, "MAX_BLOCK_BYTES", 2**20)
    file = packed_file([{"text": "x" * 2**21}], record(("text", "string")), codec, PACKERS[codec])
    with pytest.raises(UnreadableFileError, match="MiB, unpacked|cannot be read"):
        read_file(file)


def test_an_unknown_codec_is_named():
    file = packed_file([{"id": 1}], record(("id", "int")), "brotli", bytes)
    with pytest.raises(UnreadableFileError, match="brotli"):
        read_file(file)


def test_every_cut_of_a_file_is_noticed():
    schema = record(("id", "int"), ("text", "string"))
    file = avro_file([{"id": i, "text": "abc"} for i in range(200)], schema, sync_interval=100)
    whole = file.content
    lengths = set()
    for size in range(0, len(whole), 7):
        try:
            rows = sum(parsed.rows.num_rows for parsed in read_file(BytesFile(whole[:size])))
        except UnreadableFileError:
            continue
        lengths.add(rows)
        assert is_at_a_block_end(whole, size)
    assert 200 not in lengths


def is_at_a_block_end(whole, size):
    return size > 16 and whole[:size].endswith(whole[-16:])


def test_damaged_files_never_raise_anything_else():
    schema = record(*LOGICAL)
    whole = avro_file([A_ROW] * 20, without_logical(schema), sync_interval=300).content
    rng = np.random.default_rng(5)
    for _ in range(150):
        content = bytearray(whole)
        content[rng.integers(0, len(whole))] = rng.integers(0, 256)
        with suppress(UnreadableFileError):
            read_file(BytesFile(bytes(content)))


def test_a_string_that_is_not_utf8_rejects_its_row_only():
    schema = record(("text", "string"))
    file = avro_file([{"text": "good"}, {"text": "evil"}, {"text": "good"}], schema)
    (parsed,) = read_file(BytesFile(file.content.replace(b"evil", b"\xff\xfe\xfd\xfc")))
    assert parsed.records.to_pylist() == [0, 2]
    assert parsed.rejected["reason"].to_pylist() == ["undecodable_avro"]
    assert parsed.rejected["raw"].to_pylist() == [b"\x08\xff\xfe\xfd\xfc"]


def test_a_small_file_cannot_fill_the_memory(monkeypatch):
    schema = record(("text", "string"))
    rows = [{"text": "x" * 1_000}] * 20_000
    file = avro_file(rows, schema, codec="deflate", sync_interval=10**9)
    assert file.size < 200_000
    monkeypatch.setattr(avro_container, "BLOCK_BYTES", 2**20)
    blocks = list(FORMAT.blocks(file, None, AvroOptions()))
    assert len(blocks) > 15
    monkeypatch.setattr(avro_container, "MAX_BLOCK_BYTES", 2**20)
    with pytest.raises(UnreadableFileError, match="MiB, unpacked"):
        list(FORMAT.blocks(file, None, AvroOptions()))


def test_items_and_records_without_bytes_are_bounded():
    items = record(("a", {"type": "array", "items": "null"}))
    huge = b"\0\0\0\0\x01" + number(2**40) + b"\0"
    parsed = read([huge, message({"a": [None] * 5}, items)], items)
    assert parsed.rejected["reason"].to_pylist() == ["undecodable_avro"]
    assert parsed.rows["a"].to_pylist() == [[None] * 5]
    nothing = record(("a", "null"))
    file = avro_file([{"a": None}], nothing)
    assert read_file(file)[0].rows.num_rows == 1
    block = file.content[-18:]
    assert block[:2] == b"\x02\0"
    many = file.content[:-18] + number(2**40) + block[1:]
    with pytest.raises(UnreadableFileError, match="records in 0 bytes"):
        read_file(BytesFile(many))


def test_a_file_whose_schema_no_table_can_have_is_unreadable():
    for schema in (record(("next", ["null", "R"])), record(("a", "int"), ("A", "int"))):
        with pytest.raises(UnreadableFileError, match="schema cannot be read"):
            FORMAT.file_schema(avro_file([], schema), None, AvroOptions())
    with pytest.raises(UnreadableFileError, match="no Avro file"):
        read_file(BytesFile(b"PK\x03\x04 something else"))


def hybrid_days(year, month, day):
    "Days since 1970 of a date in the Julian calendar, by counting."
    a = (14 - month) // 12
    y, m = year + 4800 - a, month + 12 * a - 3
    return day + (153 * m + 2) // 5 + 365 * y + y // 4 - 32083 - 2440588


LEGACY_FILES = [
    {"org.apache.spark.version": "2.4.8"},
    {"org.apache.spark.version": "3.5.0", "org.apache.spark.legacyDateTime": ""},
]


@pytest.mark.parametrize("metadata", LEGACY_FILES)
def test_dates_of_old_spark_files_stay_the_same_dates(metadata):
    many = {"type": "array", "items": DATE}
    schema = record(("day", DATE), ("at", ["null", MILLIS]), ("days", many))
    dates = [(1, 1, 1), (1000, 2, 29), (1500, 2, 29), (1582, 10, 4)]
    days = [hybrid_days(*date) for date in dates] + [-141_427, 0]
    rows = [{"day": n, "at": None if n == 0 else n * 86_400_000 + 5, "days": [n, n]} for n in days]
    (parsed,) = read_file(file_of_stored_values(rows, schema, metadata))
    expected = ["0001-01-01", "1000-03-01", "1500-03-01", "1582-10-04", "1582-10-15", "1970-01-01"]
    assert [str(day) for day in parsed.rows["day"].to_pylist()] == expected
    assert [str(each[1]) for each in parsed.rows["days"].to_pylist()] == expected
    assert str(parsed.rows["at"][0].as_py())[:10] == "0001-01-01"
    assert parsed.rows["at"][5].as_py() is None


def file_of_stored_values(rows, schema, metadata):
    "A file with logical types and any numbers in them; fastavro would convert or refuse them."
    plain = avro_file(rows, without_logical(schema), metadata=metadata).content
    text = fastavro.reader(io.BytesIO(plain)).metadata["avro.schema"]
    logical = text.replace('"note"', '"logicalType"')
    old = with_length(text.encode())
    assert old in plain
    return BytesFile(plain.replace(old, with_length(logical.encode())))


def test_a_modern_file_keeps_its_numbers():
    rows = [{"day": -719_164}]
    metadata = {"org.apache.spark.version": "3.5.0"}
    (parsed,) = read_file(file_of_stored_values(rows, record(("day", DATE)), metadata))
    assert parsed.rows["day"].to_pylist() == [None]  # before the year 1
    assert json.loads(parsed.rows[RESCUED][0].as_py()) == {"day": -719_164}


def test_union_members_can_be_named_by_type():
    schema = record(("u", ["null", "int", "string"]))
    file = avro_file([{"u": 3}, {"u": "x"}, {"u": None}], schema)
    options = {"enableStableIdentifiersForUnionType": "true"}
    (parsed,) = read_file(file, options=options)
    assert parsed.rows["u"].to_pylist() == [
        {"member_int": 3, "member_string": None},
        {"member_int": None, "member_string": "x"},
        None,
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"positionalFieldMatching": "true"},
        {"recursiveFieldMaxDepth": "3"},
        {"datetimeRebaseMode": "EXCEPTION"},
        {"nonsense": "1"},
    ],
)
def test_options_that_cannot_be_honoured_are_refused(options):
    with pytest.raises(MotorIngestaError, match=next(iter(options))):
        FORMAT.parse_options(options)
