"Typed values to columns: each conversion against a reference in plain Python."

import datetime as dt
import json
import math
from base64 import b64encode
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motor_ingesta.formats.arrow_layouts import plain_type
from motor_ingesta.formats.arrow_text import cast_texts, json_bytes
from motor_ingesta.formats.base import ReadSchema, UnreadableFileError
from motor_ingesta.formats.fit import fit_table, refuse_duplicate_names
from motor_ingesta.formats.fit_columns import fit_values
from motor_ingesta.schemas.types import MOMENT

MISFIT = "misfit"
NTZ = pa.timestamp("us")
UTC = dt.UTC
D = Decimal


def decimal(precision, scale):
    return pa.decimal128(precision, scale)


CASES = [
    # value, Arrow type of the source, type of the column, what the column has
    (127, pa.int64(), pa.int8(), 127),
    (128, pa.int64(), pa.int8(), MISFIT),
    (-1, pa.int32(), pa.int64(), -1),
    (2**64 - 1, pa.uint64(), pa.int64(), MISFIT),
    (2**64 - 1, pa.uint64(), decimal(20, 0), D(2**64 - 1)),
    (2**53, pa.int64(), pa.float64(), float(2**53)),
    (2**53 + 1, pa.int64(), pa.float64(), MISFIT),
    (2**63 - 1, pa.int64(), pa.float64(), MISFIT),
    (2**24 + 1, pa.int32(), pa.float32(), MISFIT),
    (12, pa.int32(), decimal(3, 1), D("12.0")),
    (123, pa.int32(), decimal(3, 1), MISFIT),
    (5.0, pa.float64(), pa.int32(), 5),
    (5.5, pa.float64(), pa.int32(), MISFIT),
    (float("nan"), pa.float64(), pa.int32(), MISFIT),
    (float("inf"), pa.float64(), pa.int64(), MISFIT),
    (2.0**63, pa.float64(), pa.int64(), MISFIT),
    (0.1, pa.float64(), pa.float32(), MISFIT),
    (0.5, pa.float64(), pa.float32(), 0.5),
    (0.1, pa.float64(), decimal(10, 2), D("0.10")),
    (0.125, pa.float64(), decimal(10, 2), MISFIT),
    (1e300, pa.float64(), decimal(38, 0), MISFIT),
    (D("12.500"), decimal(10, 3), decimal(10, 2), D("12.50")),
    (D("12.505"), decimal(10, 3), decimal(10, 2), MISFIT),
    (D("99999.0"), decimal(10, 1), decimal(4, 0), MISFIT),
    (D("0.1"), decimal(38, 20), pa.float64(), 0.1),
    (D("0.12345678901234567890"), decimal(38, 20), pa.float64(), MISFIT),
    # Arrow adds zeros without noticing that 128 bits overflow.
    (D(2**63 - 1), decimal(38, 0), decimal(38, 30), MISFIT),
    (D(2**63 - 1), decimal(20, 0), decimal(38, 19), D(2**63 - 1)),
    (D(10**30), decimal(38, 2), decimal(38, 18), MISFIT),
    (D(2**226), pa.decimal256(76, 0), decimal(38, 30), MISFIT),
    (2**63 - 1, pa.int64(), decimal(38, 30), MISFIT),
    (D("0.5"), decimal(38, 38), decimal(38, 0), MISFIT),
    (D("7.00"), decimal(10, 2), pa.int8(), 7),
    (D("7.01"), decimal(10, 2), pa.int8(), MISFIT),
    (D("300.00"), decimal(10, 2), pa.int8(), MISFIT),
    (True, pa.bool_(), pa.int32(), MISFIT),
    (1, pa.int32(), pa.bool_(), MISFIT),
    (True, pa.bool_(), pa.string(), "true"),
    ("12", pa.string(), pa.int32(), 12),
    ("12.5", pa.string(), pa.int32(), MISFIT),
    ("2024-01-31", pa.large_string(), pa.date32(), dt.date(2024, 1, 31)),
    ("1.5", pa.string_view(), decimal(3, 2), D("1.50")),
    (b"olivo", pa.binary(), pa.string(), "olivo"),
    (b"\xff", pa.binary(), pa.string(), MISFIT),
    ("olivo", pa.string(), pa.binary(), b"olivo"),
    (b"ab", pa.binary(2), pa.binary(), b"ab"),
    (b"12", pa.binary(), pa.int32(), MISFIT),
    (dt.date(2024, 1, 31), pa.date32(), MOMENT, dt.datetime(2024, 1, 31, tzinfo=UTC)),
    (dt.datetime(2024, 1, 31), NTZ, pa.date32(), dt.date(2024, 1, 31)),
    (dt.datetime(2024, 1, 31, 1), NTZ, pa.date32(), MISFIT),
    (dt.datetime(2024, 1, 31, 1), NTZ, MOMENT, dt.datetime(2024, 1, 31, 1, tzinfo=UTC)),
    (1_000, pa.timestamp("ns"), NTZ, dt.datetime(1970, 1, 1, 0, 0, 0, 1)),
    (1_001, pa.timestamp("ns"), NTZ, MISFIT),
    (2**62, pa.timestamp("s"), NTZ, MISFIT),
    (60, pa.timestamp("s", "Europe/Madrid"), MOMENT, dt.datetime(1970, 1, 1, 0, 1, tzinfo=UTC)),
    (dt.time(10, 30), pa.time64("us"), pa.string(), "10:30:00"),
    (dt.time(10, 30), pa.time64("us"), pa.int64(), MISFIT),
    (1.5, pa.float16(), pa.float64(), 1.5),
    ({"a": 1}, pa.struct([("a", pa.int64())]), pa.string(), '{"a":1}'),
    ({"b": 2, "a": 1}, pa.struct([("b", pa.int64()), ("a", pa.int64())]),
     pa.struct([("a", pa.int8()), ("c", pa.string())]), {"a": 1, "c": None}),
    ({"a": 300}, pa.struct([("a", pa.int64())]), pa.struct([("a", pa.int8())]), MISFIT),
    ([1, None], pa.large_list(pa.int64()), pa.list_(pa.int8()), [1, None]),
    ([1, 300], pa.list_(pa.int64()), pa.list_(pa.int8()), MISFIT),
    ([1, 2], pa.list_(pa.int64(), 2), pa.list_(pa.string()), ["1", "2"]),
    ([("1", 5)], pa.map_(pa.string(), pa.int64()), pa.map_(pa.int32(), pa.int8()), [(1, 5)]),
    ([("x", 5)], pa.map_(pa.string(), pa.int64()), pa.map_(pa.int32(), pa.int8()), MISFIT),
    ([("x", 500)], pa.map_(pa.string(), pa.int64()), pa.map_(pa.string(), pa.int8()), MISFIT),
    ([1], pa.list_(pa.int64()), pa.int64(), MISFIT),
    ("[1]", pa.string(), pa.list_(pa.int64()), MISFIT),
]  # fmt: skip


def one_value(value, kind):
    if pa.types.is_timestamp(kind) and isinstance(value, int):
        return pa.array([value], pa.int64()).cast(kind)
    if pa.types.is_string_view(kind):
        return pa.array([value]).cast(kind)
    return pa.array([value], kind)


@pytest.mark.parametrize(("value", "have", "want", "expected"), CASES)
def test_one_value(value, have, want, expected):
    values = one_value(value, have)
    both = pa.concat_arrays([pa.nulls(1, have), values, pa.nulls(1, have)])
    for array, position in ((values, 0), (both, 1), (both.slice(1), 0)):
        fitted = fit_values(array, want)
        fits = fitted.fits is None or fitted.fits[position].as_py()
        assert fitted.values.type == want
        assert fitted.values[position].as_py() == (None if expected == MISFIT else expected)
        assert fits == (expected != MISFIT)


@pytest.mark.parametrize(("value", "have", "want", "expected"), CASES)
def test_nothing_is_lost_in_a_table(value, have, want, expected):
    table = pa.table({"x": one_value(value, have)})
    row = fit_table(table, ReadSchema(pa.schema([("x", want)]))).rows.to_pylist()[0]
    if expected == MISFIT:
        assert row["x"] is None
        assert set(json.loads(row["_rescued_data"])) == {"x"}
    strict = fit_table(table, ReadSchema(pa.schema([("x", want)]), rejects_misfits=True))
    assert strict.rejected.num_rows == (expected == MISFIT)
    assert strict.rows.num_rows == (expected != MISFIT)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.decimals(-(10**12), 10**12, places=6, allow_nan=False)
        | st.integers(-(10**32) + 1, 10**32 - 1).map(D)
    ),
    st.integers(1, 38).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, p))),
)
def test_decimals_are_exact_or_misfits(numbers, size):
    precision, scale = size
    fitted = fit_values(pa.array(numbers, decimal(38, 6)), decimal(precision, scale))
    for number, value in zip(numbers, fitted.values.to_pylist(), strict=True):
        steps = number * 10**scale
        fits = steps == steps.to_integral_value() and abs(number) < 10 ** (precision - scale)
        assert value == (number if fits else None)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, width=64)))
def test_doubles_as_decimals_are_their_shortest_text(numbers):
    fitted = fit_values(pa.array(numbers, pa.float64()), decimal(30, 10))
    for number, value in zip(numbers, fitted.values.to_pylist(), strict=True):
        exact = D(repr(number)) if math.isfinite(number) else D("Infinity")
        decimals = -exact.as_tuple().exponent if math.isfinite(number) else 0
        fits = abs(exact) < D(10) ** 20 and (decimals <= 10 or exact == round(exact, 10))
        assert value == (exact if fits else None)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(width=64)))
def test_texts_of_doubles_are_javas(numbers):
    for number, text in zip(
        numbers, cast_texts(pa.array(numbers, pa.float64())).to_pylist(), strict=True
    ):
        assert text == java_text(number)


def java_text(number):
    "`Double.toString`, for a double whose shortest text Java and Python agree on."
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    sign, digits, exponent = D(repr(number)).normalize().as_tuple()
    if number == 0:
        return "-0.0" if math.copysign(1, number) < 0 else "0.0"
    if 1e-3 <= abs(number) < 1e7:
        plain = format(D(repr(number)), "f")
        return plain if "." in plain else plain + ".0"
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{fraction}E{exponent + len(digits) - 1}"


NESTED = pa.struct(
    [
        ("text", pa.string()),
        ("whole", pa.int64()),
        ("price", decimal(38, 10)),
        ("flags", pa.list_(pa.bool_())),
        ("by_name", pa.map_(pa.string(), pa.list_(pa.int8()))),
        ("data", pa.binary()),
    ]
)
nested_values = st.none() | st.fixed_dictionaries(
    {
        "text": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "price": st.none() | st.decimals(-(10**20), 10**20, places=10),
        "flags": st.none() | st.lists(st.none() | st.booleans()),
        "by_name": st.none() | st.dictionaries(st.text('añ"\\\n\x01'), st.none() | st.just([1])),
        "data": st.none() | st.binary(),
    }
)


def as_json(value):
    "What JSON should give for a value: the reference."
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items() if item is not None}
    return value


@settings(max_examples=200, deadline=None)
@given(st.lists(nested_values), st.integers(0, 3))
def test_json_is_read_back_as_it_was(values, start):
    rows = [
        value and {**value, "by_name": value["by_name"] and list(value["by_name"].items())}
        for value in values
    ]
    written = json_bytes(pa.array(rows, NESTED).slice(start)).to_pylist()
    for value, text in zip(values[start:], written, strict=True):
        if value is None:
            assert text is None
            continue
        expected = as_json({**value, "by_name": None})
        if value["by_name"] is not None:
            expected["by_name"] = value["by_name"]  # a map keeps its nulls
        assert json.loads(text, parse_float=D, parse_int=D) == expected


def test_json_of_moments_and_odd_numbers():
    moment = dt.datetime(2024, 1, 31, 10, 30, 0, 500000)
    assert json_bytes(pa.array([moment], MOMENT)).to_pylist() == [b'"2024-01-31T10:30:00.5Z"']
    assert json_bytes(pa.array([moment], NTZ)).to_pylist() == [b'"2024-01-31T10:30:00.5"']
    assert json_bytes(pa.array([1], pa.timestamp("ns"))).to_pylist() == [
        b'"1970-01-01T00:00:00.000000001"'
    ]
    assert json_bytes(pa.array([float("nan"), 1e20, 5.0])).to_pylist() == [
        b'"NaN"',
        b"1.0E20",
        b"5.0",
    ]


def test_unknown_columns_and_nested_fields_are_rescued_and_the_rest_is_kept():
    table = pa.table(
        {
            "place": [{"city": "Jaén", "zip": "23001"}, {"city": "Baeza", "zip": None}],
            "note": [None, "a"],
        }
    )
    schema = ReadSchema(pa.schema([("place", pa.struct([("city", pa.string())]))]))
    rows = fit_table(table, schema).rows.to_pylist()
    assert [row["place"] for row in rows] == [{"city": "Jaén"}, {"city": "Baeza"}]
    assert json.loads(rows[0]["_rescued_data"]) == {"place": {"city": "Jaén", "zip": "23001"}}
    assert json.loads(rows[1]["_rescued_data"]) == {"note": "a"}


def test_unknown_fields_are_no_reason_to_reject():
    table = pa.table({"id": [1], "note": ["a"]})
    parsed = fit_table(table, ReadSchema(pa.schema([("id", pa.int64())]), rejects_misfits=True))
    assert parsed.rows.to_pylist() == [{"id": 1, "_rescued_data": '{"note":"a"}'}]


def test_records_are_numbered_through_chunks():
    chunks = pa.chunked_array([[1, 300], [2, 400], [3]])
    schema = ReadSchema(pa.schema([("n", pa.int8())]), rejects_misfits=True)
    parsed = fit_table(pa.table({"n": chunks}), schema)
    assert parsed.records.to_pylist() == [0, 2, 4]
    assert parsed.rejected["record"].to_pylist() == [1, 3]
    assert parsed.rejected["detail"].to_pylist() == [
        "n is not TINYINT: 300",
        "n is not TINYINT: 400",
    ]
    assert parsed.rejected["raw"].to_pylist() == [b'{"n":300}', b'{"n":400}']


def test_details_name_all_misfits_and_cut_long_texts():
    table = pa.table({"a": ["x" * 200], "b": ["y"]})
    schema = ReadSchema(pa.schema([("a", pa.int32()), ("b", pa.date32())]), rejects_misfits=True)
    detail = fit_table(table, schema).rejected["detail"][0].as_py()
    assert detail == f"a is not INT: {'x' * 80}; b is not DATE: y"


def not_utf8():
    data = pa.array([b"good", b"ma\xedz", None], pa.binary())
    return data.view(pa.string())


@pytest.mark.parametrize("declared", [pa.string(), None])
def test_texts_that_are_not_utf8_reject_their_row(declared):
    nested = pa.StructArray.from_arrays([not_utf8()], names=["crop"])
    for column, kind in ((not_utf8(), pa.string()), (nested, nested.type)):
        columns = pa.schema([("crop", kind)] if declared else [("id", pa.int64())])
        parsed = fit_table(pa.table({"id": [1, 2, 3], "crop": column}), ReadSchema(columns))
        assert parsed.records.to_pylist() == [0, 2]
        assert parsed.rejected["reason"].to_pylist() == ["invalid_encoding"]
        assert b"ma\xedz" in parsed.rejected["raw"][0].as_py()


def test_absent_columns_are_null_and_order_is_the_schemas():
    columns = pa.schema([("b", pa.string()), ("a", pa.int64())])
    rows = fit_table(pa.table({"a": [1]}), ReadSchema(columns)).rows
    assert rows.to_pylist() == [{"b": None, "a": 1, "_rescued_data": None}]


def test_no_rows_and_no_columns():
    columns = ReadSchema(pa.schema([("a", pa.int64())]))
    assert fit_table(pa.table({"a": pa.array([], pa.string())}), columns).rows.num_rows == 0
    assert fit_table(pa.table({}), columns).rows.schema.names == ["a", "_rescued_data"]


def test_dictionaries_at_any_depth():
    coded = pa.array(["a", "b", "a"]).dictionary_encode()
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), coded)
    assert fit_values(lists, plain_type(lists.type)).values.to_pylist() == [["a", "b"], ["a"]]


def test_duplicate_names():
    with pytest.raises(UnreadableFileError, match="differ by case only: Id, id"):
        refuse_duplicate_names(["id", "n", "Id"])
