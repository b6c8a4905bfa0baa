"""JSON: the vectorised readers against the reference, and the rules that a notebook cannot show."""

import io
import json
import threading
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motor_ingesta.formats.base import RESCUED, Block, ReadSchema, UnreadableFileError
from motor_ingesta.formats.json import FORMAT, read_records, rows_table
from motor_ingesta.formats.json_array import FORMAT as ARRAY_FORMAT
from motor_ingesta.formats.json_options import JsonOptionError, json_options
from motor_ingesta.formats.json_record import read_record
from motor_ingesta.formats.json_text import RejectedRecordError
from motor_ingesta.schemas.types import parse_ddl

COLUMNS = parse_ddl(
    "s STRING, i INT, b BIGINT, t TINYINT, d DOUBLE, f FLOAT, n DECIMAL(10, 2), w DECIMAL(38, 30), "
    "o BOOLEAN, day DATE, at TIMESTAMP, raw BINARY, "
    "list ARRAY<INT>, r STRUCT<x: INT, y: STRING, at: TIMESTAMP>, m MAP<STRING, DOUBLE>, "
    "deep ARRAY<STRUCT<k: STRING, v: ARRAY<DECIMAL(5, 1)>>>"
)
WITHOUT_MAPS = pa.schema([column for column in COLUMNS if not pa.types.is_map(column.type)])
SIMPLE = ReadSchema(parse_ddl("id STRING, n BIGINT, f DOUBLE"))


class MemoryFile:
    "A file in memory."

    def __init__(self, data, name="a.json"):
        self.data, self.name, self.size = data, name, len(data)

    def open_stream(self):
        return io.BytesIO(self.data)


def read_lines(data, schema=SIMPLE, options=None, form=FORMAT):
    "The rows, rescued texts and rejected records of a file."
    options = form.parse_options(options or {})
    rows, rejected = [], []
    for block in form.blocks(MemoryFile(data), schema.columns, options):
        parsed = form.read(block, schema, options)
        rows += parsed.rows.to_pylist()
        rejected += parsed.rejected.to_pylist()
    return rows, rejected


def as_decimals(text):
    return text and json.loads(text, parse_float=Decimal, parse_int=Decimal)


def by_reference(records, schema, options):
    "What the reference says of each record: a row, or a reason and a detail."
    found = []
    for raw in records:
        try:
            row = read_record(raw, schema, options)
        except RejectedRecordError as error:
            found.append((error.reason, error.message))
            continue
        table = rows_table([row], schema.columns)
        found.append(comparable(table.to_pylist()[0]))
    return found


def comparable(row):
    return repr({**row, RESCUED: as_decimals(row[RESCUED])})


def by_vectors(records, schema, options):
    parsed = read_records(pa.array(records, pa.binary()), schema, options)
    parsed.rows.validate(full=True)
    places = range(len(records)) if parsed.records is None else parsed.records.to_pylist()
    found = {
        place: comparable(row) for place, row in zip(places, parsed.rows.to_pylist(), strict=True)
    }
    for row in parsed.rejected.to_pylist():
        assert row["record"] not in found
        assert row["raw"] == records[row["record"]].removesuffix(b"\n").removesuffix(b"\r")
        found[row["record"]] = (row["reason"], row["detail"])
    return [found[place] for place in range(len(records))]


def assert_same(records, schema, options=None):
    options = json_options(options or {})
    expected = by_reference(records, schema, options)
    found = by_vectors(records, schema, options)
    for raw, want, have in zip(records, expected, found, strict=True):
        assert have == want, raw


# Texts of values, good and odd: each may stand wherever a value may.
NUMBERS = st.sampled_from(
    [
        "0",
        "-0",
        "1",
        "-1",
        "7",
        "127",
        "128",
        "-128",
        "-129",
        "32768",
        "2147483647",
        "2147483648",
        "-2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "1.0",
        "5.0",
        "1.5",
        "1.50",
        "-0.0",
        "0.1",
        "12.505",
        "12.500",
        "99999999.99",
        "123456789",
        "100000000",
        "1e2",
        "1E+2",
        "1e-2",
        "1e400",
        "-1e400",
        "1e39",
        "1e-400",
        "0e5",
        "0.000000000000000000000000000000001",
        "3.0000000000000000000000000000001",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "0.1234567890123456789012345678",
        "0.00",
        "0.0000000000000000000000000000000000000000000000000000",
        "1e-30",
        "99999999",
        "1e37",
        "1e7",
        "1e8",
        "01",
        "+1",
        ".5",
        "1.",
        "-",
        "1e",
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "-inf",
        "0x1",
    ]
)
STRINGS = st.sampled_from(
    [
        '""',
        '"a"',
        '"Peñón"',
        '"a\\"b"',
        '"\\\\"',
        '"a\\\\\\""',
        '"\\u00f1"',
        '"\\ud83d\\ude00"',
        '"\\ud83d"',
        '"\\u0000"',
        '"\\x"',
        '"{"',
        '"}"',
        '"[,]"',
        '"a:b"',
        '"2026-01-07"',
        '"2026-02-30"',
        '"2026-01-07T10:00:00Z"',
        '"2026-01-07 10:00:00"',
        '"1.5"',
        '"1.505"',
        '"+1"',
        '".5"',
        '"5."',
        '"1e2"',
        '" 1"',
        '"1 "',
        '"1,234.5"',
        '"12"',
        '"true"',
        '"YWJj"',
        '"YWJ"',
        '"null"',
        '"NaN"',
        '"Infinity"',
        '"\t"',
        '"\x7f"',
        '"\u2028"',
        '"-"',
        '"0x10"',
        '"1_0"',
        '"\u0661"',
        '"\\/"',
        '"\\n"',
    ]
)
WORDS = st.sampled_from(["null", "true", "false", "nul", "True", "undefined"])
NAMES = st.sampled_from(
    [
        *COLUMNS.names,
        "x",
        "y",
        "k",
        "v",
        "more",
        "",
        "a b",
        "é",
        "\\u0073",
        "\\ud83d",
        'q\\"',
        "Id",
        "S",
    ]
)
SPACE = st.sampled_from(["", "", "", " ", "\n", "\t ", "   "])


def objects(values):
    member = st.tuples(SPACE, NAMES, SPACE, values, SPACE).map(
        lambda p: f'{p[0]}"{p[1]}"{p[2]}:{p[3]}{p[4]}'
    )
    return st.lists(member, max_size=5).map(lambda members: "{" + ",".join(members) + "}")


def arrays(values):
    return st.tuples(st.lists(values, max_size=4), st.sampled_from([",", ", ", " ,"])).map(
        lambda p: "[" + p[1].join(p[0]) + "]"
    )


VALUES = st.recursive(
    NUMBERS | STRINGS | WORDS,
    lambda inner: (
        objects(inner) | arrays(inner) | arrays(inner).map(lambda t: t.replace("]", ",]"))
    ),
    max_leaves=6,
)

FITTING = {
    "s": STRINGS,
    "i": st.integers(-100, 100).map(str),
    "b": st.integers().map(str),
    "t": NUMBERS,
    "d": NUMBERS,
    "f": NUMBERS,
    "n": NUMBERS | STRINGS,
    "w": NUMBERS | STRINGS,
    "o": WORDS,
    "day": STRINGS,
    "at": STRINGS,
    "raw": STRINGS,
    "list": arrays(NUMBERS),
    "r": objects(NUMBERS | STRINGS),
    "m": objects(NUMBERS | WORDS),
    "deep": arrays(objects(STRINGS | arrays(NUMBERS))),
}


@st.composite
def records_of(draw):
    names = draw(st.lists(st.sampled_from(COLUMNS.names), unique=True, max_size=6))
    members = [
        f'"{name}":{draw(SPACE)}{draw(FITTING[name] | VALUES if draw(st.booleans()) else FITTING[name])}'
        for name in names
    ]
    if draw(st.integers(0, 3)) == 0:
        members.append(f'"{draw(NAMES)}" : {draw(VALUES)}')
    text = draw(SPACE) + "{" + f"{draw(SPACE)},{draw(SPACE)}".join(members) + "}" + draw(SPACE)
    raw = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(raw)))
        raw = (
            raw[:at]
            + draw(st.sampled_from([b"", b"\xff", b'"', b"}", b"{", b",", b"null", b"\x00", b"//"]))
            + raw[at + draw(st.integers(0, 2)) :]
        )
    return raw + draw(st.sampled_from([b"\n", b"\r\n", b""]))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(records_of(), min_size=1, max_size=12), st.booleans(), st.booleans())
def test_vectors_agree_with_the_reference(records, rejects_misfits, has_maps):
    assert_same(records, ReadSchema(COLUMNS if has_maps else WITHOUT_MAPS, rejects_misfits))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_one_column_agrees_with_the_reference(data):
    "Nearly clean blocks: the way through Arrow's reader is taken more often."
    name = data.draw(st.sampled_from(WITHOUT_MAPS.names))
    texts = data.draw(st.lists(FITTING[name] | VALUES, min_size=1, max_size=4))
    records = [f'{{"{name}": {text}}}\n'.encode("utf-8", "surrogatepass") for text in texts]
    assert_same(records, ReadSchema(pa.schema([COLUMNS.field(name)])))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(records_of(), min_size=1, max_size=6), st.sampled_from(["es-ES", "en-US"]))
def test_lenient_options_agree_with_the_reference(records, locale):
    names = [
        "allowNonNumericNumbers",
        "allowNumericLeadingZeros",
        "allowUnquotedControlChars",
        "allowBackslashEscapingAnyCharacter",
    ]
    assert_same(
        records,
        ReadSchema(COLUMNS),
        {**dict.fromkeys(names, "true"), "locale": locale, "maxNumLen": "20"},
    )


LINE = '{"id": "a", "n": 1, "f": 1.5}\n'
DEEP = '{"id": ' + "[" * 900 + "]" * 900 + "}\n"

# name -> (bytes, rows, reasons)
FILES = {
    "good": (LINE * 3, 3, []),
    "no line end at the end": (LINE + '{"id": "b"}', 2, []),
    "windows": (LINE.replace("\n", "\r\n") * 2, 2, []),
    "byte order mark": (b"\xef\xbb\xbf" + LINE.encode() * 2, 2, []),
    "byte order mark on the second line": (
        LINE.encode() + b"\xef\xbb\xbf" + LINE.encode(),
        1,
        ["malformed_json"],
    ),
    "latin": ('{"id": "ñ"}\n'.encode("latin-1") + LINE.encode(), 1, ["invalid_encoding"]),
    "nul": (b"\x00\x00\n" + LINE.encode(), 1, ["malformed_json"]),
    "blank lines": ("\n   \n" + LINE + "\n\r\n\n", 1, []),
    "cut": (LINE + '{"id": "b", "n', 1, ["malformed_json"]),
    "array": ("[" + LINE.strip() + "]\n", 0, ["malformed_json"]),
    "two on a line": (LINE.strip() * 2 + "\n", 0, ["malformed_json"]),
    "a null at the beginning": ("null\n" + LINE, 1, ["malformed_json"]),
    "a null behind": (LINE + LINE.strip() + " null\n", 1, ["malformed_json"]),
    "twice": ('{"id": "a", "id": "b"}\n', 0, ["duplicate_key"]),
    "twice, escaped": ('{"id": "a", "\\u0069d": "b"}\n', 0, ["duplicate_key"]),
    "not a number": ('{"f": NaN}\n{"f": Infinity}\n{"f": -1e400}\n', 1, ["malformed_json"] * 2),
    "not a number, unknown": (
        '{"g": NaN}\n{"g": [1, {"h": -Infinity}]}\n',
        0,
        ["malformed_json"] * 2,
    ),
    "trailing comma": ('{"id": "a",}\n{"g": [1,]}\n', 0, ["malformed_json"] * 2),
    "control character in a string": ('{"id": "a\tb"}\n{"x": "\x01"}\n', 0, ["malformed_json"] * 2),
    "escapes": ('{"id": "\\ud83d\\ude00 \\u0000 \\" \\\\"}\n{"id": "\\ud83d"}\n', 2, []),
    "bad escape": ('{"id": "\\x"}\n', 0, ["malformed_json"]),
    "deep": (DEEP, 1, []),
    "too deep": (
        DEEP.replace("[" * 900, "[" * 1500).replace("]" * 900, "]" * 1500) + LINE,
        1,
        ["malformed_json"],
    ),
    "far too deep": (
        '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}\n" + LINE,
        1,
        ["malformed_json"],
    ),
    "ten megabytes": (json.dumps({"id": "x" * 10_000_000}) + "\n" + LINE, 2, []),
}


@pytest.mark.parametrize("name", FILES)
def test_files(name):
    data, rows, reasons = FILES[name]
    data = data if isinstance(data, bytes) else data.encode()
    found, rejected = read_lines(data)
    assert len(found) == rows
    assert [row["reason"] for row in rejected] == reasons


def test_rescued_texts_are_as_written():
    found, _ = read_lines(
        b'{"id": 1.50, "n": 5.0, "new": 123456789012345678901234567890.10, "f":1}\n'
    )
    assert found == [
        {
            "id": "1.50",
            "n": None,
            "f": 1.0,
            RESCUED: '{"n": 5.0,"new": 123456789012345678901234567890.10}',
        }
    ]


def test_misfits_are_rejected_where_wanted():
    schema = ReadSchema(SIMPLE.columns, rejects_misfits=True)
    found, rejected = read_lines(b'{"f": "y", "n": "x", "new": 1}\n{"new": 1}\n', schema)
    assert [row[RESCUED] for row in found] == ['{"new": 1}']
    assert [(r["reason"], r["detail"]) for r in rejected] == [
        ("schema_mismatch", "n is not BIGINT: x; f is not DOUBLE: y")
    ]
    assert rejected[0]["raw"] == b'{"f": "y", "n": "x", "new": 1}'


def test_an_empty_value_of_a_topic_is_malformed():
    parsed = read_records(
        pa.array([b"", b" ", None, b'{\n "id": "a"\n}'], pa.binary()), SIMPLE, json_options({})
    )
    assert parsed.rejected["reason"].to_pylist() == [
        "malformed_json",
        "malformed_json",
        "null_value",
    ]
    assert parsed.records.to_pylist() == [3]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "windows-1252", "cp037"])
def test_encodings(encoding):
    text = '{"id": "ñ", "n": 1}\n{"id": "ü", "n": {\n'
    found, rejected = read_lines(text.encode(encoding), options={"encoding": encoding})
    assert [row["id"] for row in found] == ["ñ"]
    assert rejected[0]["reason"] == "malformed_json"
    assert "ü" in rejected[0]["detail"]


# option -> (line, value of its only column)
OPTIONS = {
    "allowComments": ('{"id": /* c */ "a//"} // d', "a//"),
    "allowUnquotedFieldNames": ('{id: "a"}', "a"),
    "allowSingleQuotes": ("""{'id': 'it"s'}""", 'it"s'),
    "allowNumericLeadingZeros": ('{"id": 007}', "7"),
    "allowBackslashEscapingAnyCharacter": ('{"id": "\\q"}', "q"),
    "allowUnquotedControlChars": ('{"id": "a\tb"}', "a\tb"),
    "allowNonNumericNumbers": ('{"id": NaN}', "NaN"),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_works(option):
    line, value = OPTIONS[option]
    assert read_lines(line.encode())[0] == []
    assert read_lines(line.encode(), options={option: "true"})[0][0]["id"] == value


def test_non_numeric_numbers_of_doubles():
    found, _ = read_lines(
        b'{"f": NaN}\n{"f": -Infinity}\n{"f": +INF}\n{"n": NaN}\n',
        options={"allowNonNumericNumbers": "true"},
    )
    assert [repr(row["f"]) for row in found] == ["nan", "-inf", "inf", "None"]
    assert found[3][RESCUED] == '{"n": NaN}'


@pytest.mark.parametrize("option", ["maxNestingDepth", "maxNumLen", "maxStringLen"])
def test_limits(option):
    line = '{"id": "%s", "n": 12345678, "f": [[[[[[1]]]]]]}\n' % ("x" * 20)
    assert len(read_lines(line.encode())[0]) == 1
    assert read_lines(line.encode(), options={option: "5"})[1][0]["reason"] == "malformed_json"


def test_line_separator_and_date_options():
    schema = ReadSchema(parse_ddl("d DATE, t TIMESTAMP, n DECIMAL(10, 2)"))
    options = {
        "lineSep": ";;",
        "dateFormat": "dd/MM/yyyy",
        "timestampFormat": "dd.MM.yyyy HH:mm",
        "timeZone": "Europe/Madrid",
        "locale": "es-ES",
    }
    found, rejected = read_lines(
        b'{"d": "07/01/2026", "t": "07.07.2026 12:00", "n": "1.234,5"};;{"n": 1.5};;{x;;',
        schema,
        options,
    )
    assert str(found[0]["d"]) == "2026-01-07"
    assert found[0]["t"].isoformat() == "2026-07-07T10:00:00+00:00"
    assert [row["n"] for row in found] == [Decimal("1234.50"), Decimal("1.50")]
    assert rejected[0]["raw"] == b"{x"


@pytest.mark.parametrize(
    "options",
    [
        {"allowComments": "yes"},
        {"multiLine": "true"},
        {"encoding": "klingon"},
        {"lineSep": ""},
        {"maxNumLen": "0"},
        {"enableDateTimeParsingFallback": "true"},
        {"timeZone": "timeZone"},
    ],
)
def test_options_that_are_refused(options):
    with pytest.raises(JsonOptionError, match=next(iter(options))):
        FORMAT.parse_options(options)


def test_threads_read_the_same():
    lines = [LINE, '{"id": "x", "new": 1}\n', "{\n"] * 500
    block = Block(pa.array([line.encode() for line in lines], pa.binary()))
    results = []

    def read():
        results.append(FORMAT.read(block, SIMPLE, json_options({})).rows)

    threads = [threading.Thread(target=read) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(results) == 6
    assert all(rows.equals(results[0]) for rows in results)
    assert results[0].num_rows == 1000


# json_array: name -> (bytes, rows, reasons)
ARRAYS = {
    "good": ('[{"id": "a"}, {"id": "b"}]', 2, []),
    "cut": ('[{"id": "a"}, {"id"', 0, ["malformed_json"]),
    "none": (" [ ] ", 0, []),
    "one": ('\n{"id": "a"}\n', 1, []),
    "byte order mark": (b'\xef\xbb\xbf[{"id": "a"}]', 1, []),
    "a number in it": ('[{"id": "a"}, 7]', 1, ["malformed_json"]),
    "a null in it": ('[null, {"id": "a"}, null]', 1, ["malformed_json"] * 2),
    "latin": ('[{"id": "ñ"}, {"id": "a"}]'.encode("latin-1"), 1, ["invalid_encoding"]),
    "more behind it": ('[{"id": "a"}] {"id": "b"}', 0, ["malformed_json"]),
    "no comma": ('[{"id": "a"} {"id": "b"}]', 0, ["malformed_json"]),
    "trailing comma": ('[{"id": "a"},]', 1, ["malformed_json"]),
    "leading comma": ('[,{"id": "a"}]', 1, ["malformed_json"]),
    "wrong bracket": ('[{"id": "a"}}', 0, ["malformed_json"]),
    "an element is broken": ('[{"id": "a"}, {"id": }]', 1, ["malformed_json"]),
    "twice": (
        '[{"id": "a", "id": "b"}, {"id": "c", "new": [1, {"x": "]"}]}]',
        1,
        ["duplicate_key"],
    ),
    "a string": ('"abc"', 0, ["malformed_json"]),
    "blank": ("  \n", 0, ["malformed_json"]),
    "lone quote": ('[{"id": "a"}, "', 0, ["malformed_json"]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name):
    data, rows, reasons = ARRAYS[name]
    data = data if isinstance(data, bytes) else data.encode()
    found, rejected = read_lines(data, form=ARRAY_FORMAT)
    assert len(found) == rows
    assert [row["reason"] for row in rejected] == reasons


def test_an_element_is_rejected_as_written():
    data = b'[{"id": "a"}, {"id": "x", "n": [ 1, "]" ]} , 7.50]'
    schema = ReadSchema(SIMPLE.columns, rejects_misfits=True)
    _, rejected = read_lines(data, schema, form=ARRAY_FORMAT)
    assert [row["raw"] for row in rejected] == [b'{"id": "x", "n": [ 1, "]" ]}', b"7.50"]


@pytest.mark.parametrize("number", ["9223372036854775807", "123456789012345678901234567890"])
@pytest.mark.parametrize("more", ["", ',"more":1'])
def test_a_number_too_large_for_a_long_scale_is_a_misfit(number, more):
    "Arrow alone adds 30 zeros, does not notice that 128 bits overflow, and gives 46826544.8…"
    schema = ReadSchema(parse_ddl("n DECIMAL(38, 30)"))
    line = f'{{"n":{number}{more}}}'.encode()
    ((row,), _) = read_lines(line, schema)
    assert row["n"] is None
    assert as_decimals(row[RESCUED])["n"] == Decimal(number)


def test_decimals_of_arrays_are_exact():
    schema = ReadSchema(parse_ddl("n DECIMAL(38, 10)"))
    text = "1234567890123456789012345678.0123456789"
    for more in ("", ', "new": 1'):
        found, _ = read_lines(f'[{{"n": {text}{more}}}]'.encode(), schema, form=ARRAY_FORMAT)
        assert found[0]["n"] == Decimal(text)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(records_of(), max_size=6), st.sampled_from([",", " ,\n"]))
def test_arrays_are_read_as_lines(records, comma):
    "An array of objects that are JSON gives the rows of the same objects as records."
    good = []
    for raw in records:
        try:
            json.loads(raw, parse_constant=lambda name: 1 / 0)
        except (ValueError, ZeroDivisionError, RecursionError):
            continue
        good.append(raw.strip(b" \t\r\n"))
    schema, options = ReadSchema(COLUMNS), json_options({})
    found, rejected = read_lines(b"[" + comma.encode().join(good) + b"]", schema, form=ARRAY_FORMAT)
    lines = read_records(pa.array(good, pa.binary()), schema, options)
    assert [comparable(row) for row in found] == [comparable(row) for row in lines.rows.to_pylist()]
    assert [row["reason"] for row in rejected] == lines.rejected["reason"].to_pylist()


def test_a_large_array_is_read_in_blocks():
    element = json.dumps({"id": "x" * 1000, "n": 1}).encode()
    data = b"[" + b",\n".join([element] * 20_000) + b"]"
    options = ARRAY_FORMAT.parse_options({})
    blocks = list(ARRAY_FORMAT.blocks(MemoryFile(data), SIMPLE.columns, options))
    assert len(blocks) > 1
    assert (
        sum(ARRAY_FORMAT.read(block, SIMPLE, options).rows.num_rows for block in blocks) == 20_000
    )


def test_a_line_that_is_too_long(monkeypatch):
    monkeypatch.setattr("motor_ingesta.formats.lines.LINE_LIMIT", 20_000_000)
    with pytest.raises(UnreadableFileError, match="a line of more than"):
        read_lines(b" " * 50_000_000)
