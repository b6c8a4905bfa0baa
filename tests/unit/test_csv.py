"CSV: whole blocks give what one record gives; RFC 4180 and files as people write them"

import csv
import io
import json
import tempfile

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motor_ingesta.formats.base import Block, ReadSchema, UnreadableFileError
from motor_ingesta.formats.convert import MisfitError, OptionError, TextRules, parse_text
from motor_ingesta.formats.csv import (
    FORMAT,
    CsvBlock,
    CsvOptions,
    MalformedRecordError,
    _cells,
    _ends_by_regex,
    _RecordCutter,
    _regular_quotes,
    cell_value,
    read_csv_block,
    record_ends,
)
from motor_ingesta.formats.lines import (
    LineRules,
    read_pieces,
    split_lines,
    to_utf8,
    without_line_ends,
)
from motor_ingesta.sources import files
from motor_ingesta.sources.opening import LandedSource, LineRange
from support.trust import csv_files

COLUMNS = [("id", pa.string()), ("n", pa.int64())]


class BytesFile:
    "A file in memory."

    def __init__(self, data):
        self.name, self.size, self.data = "a.csv", len(data), data

    def open_stream(self):
        return io.BytesIO(self.data)


def read_all(data, columns=COLUMNS, rejects_misfits=False, **options):
    "The rows and the rejected records of a file."
    schema = ReadSchema(pa.schema(columns), rejects_misfits)
    parsed = FORMAT.parse_options({"header": "true", **options})
    file = BytesFile(data if isinstance(data, bytes) else data.encode())
    found = [
        FORMAT.read(block, schema, parsed) for block in FORMAT.blocks(file, schema.columns, parsed)
    ]
    rows = [tuple(row.values()) for part in found for row in part.rows.to_pylist()]
    return rows, [row for part in found for row in part.rejected.to_pylist()]


def by_record(records, schema, options):
    "What the reference says of each record: its values and what is rescued, or why it is none."
    said = {}
    names = schema.names
    texts = without_line_ends(to_utf8(records, options.lines), options.line_separator).to_pylist()
    for number, raw in enumerate(texts):
        if not raw.strip(b" ") or (options.comment and raw.startswith(options.comment.encode())):
            continue
        try:
            cells = _cells(raw.decode(), names, options)
            said[number] = values_of_cells(cells, schema, options)
        except UnicodeDecodeError:
            said[number] = "invalid_encoding"
        except MalformedRecordError as error:
            said[number] = error.message
    return said


def values_of_cells(cells, schema, options):
    "The values of a record, and the texts that do not fit."
    values, lost = [], {}
    for column, cell in zip(schema, cells, strict=True):
        text = cell_value(cell, options.rules)
        try:
            value = None if text is None else parse_text(text, column.type, options.rules)
        except MisfitError:
            value, lost[column.name] = None, text
        values.append(pa.scalar(value, column.type).as_py())
    return repr(values), lost


def check_same(block, schema, options):
    parsed = read_csv_block(block, ReadSchema(schema), options)
    records = range(parsed.rows.num_rows) if parsed.records is None else parsed.records.to_pylist()
    said = {}
    for record, row in zip(records, parsed.rows.to_pylist(), strict=True):
        *values, rescued = row.values()
        said[record] = (repr(values), json.loads(rescued) if rescued else {})
    for row in parsed.rejected.to_pylist():
        is_encoding = row["reason"] == "invalid_encoding"
        said[row["record"]] = row["reason"] if is_encoding else row["detail"]
    assert said == by_record(block.records, schema, options)


PIECES = [
    '"',
    '""',
    ",",
    ",",
    "\n",
    "\r\n",
    "\\",
    '\\"',
    "a",
    "b c",
    " ",
    "NA",
    ";",
    "||",
    "#",
    "ñ",
    "\ufeff",
    '"a,b"',
    "7",
    "\t",
]
documents = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
settings_of_files = st.sampled_from(
    [
        CsvOptions(),
        CsvOptions(is_multi_line=True),
        CsvOptions(separator=";"),
        CsvOptions(separator="||"),
        CsvOptions(escape='"'),
        CsvOptions(quote=""),
        CsvOptions(comment="#"),
        CsvOptions(trims_start=True),
        CsvOptions(trims_start=True, trims_end=True, is_multi_line=True),
        CsvOptions(lines=LineRules(separator="||", splits_at_cr=True)),
        CsvOptions(lines=LineRules("windows-1252", splits_at_cr=True)),
    ]
)


TEXTS = pa.string()


def block_of(document, options):
    data = document.encode("utf-8" if options.lines.codec == "utf-8" else "cp1252", "replace")
    return CsvBlock(data, 0, len(data), options)


@settings(max_examples=600, deadline=None)
@given(document=documents, options=settings_of_files, width=st.integers(1, 3))
def test_a_block_is_its_records(document, options, width):
    block = block_of(document, options)
    records = block.records
    assert b"".join(records.to_pylist()) == block.content
    if not options.is_multi_line:
        assert records.equals(split_lines(block.content, options.lines))
    schema = pa.schema([(f"c{place}", TEXTS) for place in range(width)])
    check_same(block, schema, options)
    check_same(Block(records), schema, options)


KINDS = [
    pa.int8(),
    pa.int64(),
    pa.float64(),
    pa.bool_(),
    pa.decimal128(4, 2),
    pa.decimal128(30, 10),
    pa.date32(),
    pa.timestamp("us", "UTC"),
    pa.timestamp("us"),
    pa.string(),
]
CELL_TEXTS = (
    "7 -7 +7 07 7.0 1.5 .5 1. 1.505 1.500 1e2 1e-2 1e400 -1e400 1e-400 nan NaN -nan inf "
    "Inf -Inf Infinity 0x10 0X1f x 128 99.99 100 999 12345678901234567890123 1e30 true "
    "True TRUE tRue 1 0 false NA 2026-01-07 2026-1-7 0000-01-01 0001-01-01 9999-12-31 "
    "2026-02-30 20260107 2026-01-07T06 2026-01-07T06:30 2026-01-07T06:30:00Z "
    "2026-01-07T06:30:15.5+02:00 2026-01-07T06Z 2026-01-07T06+05:30 - . e5 1,000.5"
)
ODD = [
    "",
    '""',
    " 7",
    "7 ",
    "7\t",
    '" 7"',
    '"7"',
    '"NA"',
    '"1,5"',
    " true",
    " 2026-01-07",
    "\u00a07",
    "7\x00",
]
cells = st.sampled_from([*CELL_TEXTS.split(" "), *ODD])


@settings(max_examples=600, deadline=None)
@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=4),
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    separator=st.sampled_from([",", "\t", "x", " "]),
    rules=st.sampled_from(
        [
            TextRules(),
            TextRules(null_value="NA"),
            TextRules(empty_value="7"),
            TextRules(nan_value="7"),
        ]
    ),
    end=st.sampled_from(["", "\n", "\nbroken\n", "\n\n"]),
)
def test_typed_cells_are_what_the_reference_says(rows, kinds, separator, rules, end):
    document = "\n".join(separator.join(row) for row in rows) + end
    schema = pa.schema([("a", kinds[0]), ("b", kinds[1])])
    options = CsvOptions(separator=separator, rules=rules)
    check_same(block_of(document, options), schema, options)


def test_what_arrow_could_not_type_is_remembered_and_changes_nothing():
    options = CsvOptions()
    schema = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    block = block_of("1,2\n3,many\n", options)
    check_same(block, schema, options)
    assert block.read_as_text == {"b"}
    check_same(block, schema, options)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.sampled_from('ab",;\n\r\\ ñ'), max_size=6), min_size=2, max_size=2),
        max_size=6,
    )
)
def test_what_python_writes(table):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["id", "other"], *table])
    columns = [("id", pa.string()), ("other", pa.string())]
    rows, rejected = read_all(out.getvalue(), columns, multiLine="true", escape='"')
    assert not rejected
    expected = [tuple(text or None for text in row) for row in table]
    assert [row[:2] for row in rows] == expected


multi_line = st.sampled_from(
    [
        CsvOptions(is_multi_line=True),
        CsvOptions(is_multi_line=True, escape='"'),
        CsvOptions(is_multi_line=True, separator="||"),
        CsvOptions(is_multi_line=True, trims_start=True, trims_end=True),
        CsvOptions(lines=LineRules(splits_at_cr=True)),
    ]
)


@settings(max_examples=1000, deadline=None)
@given(documents, multi_line, st.integers(1, 12))
def test_records_do_not_depend_on_blocks(document, options, size):
    data = document.lstrip("\ufeff").encode()
    found = []
    cutter = _RecordCutter(options)
    for piece, length in read_pieces(io.BytesIO(data), options.lines, cutter, size):
        block = CsvBlock(piece, 0, length, options, cutter.ends, cutter.quotes)
        found += block.records.to_pylist()
    assert found == block_of(data.decode(), options).records.to_pylist()


@settings(max_examples=1000, deadline=None)
@given(documents, st.booleans())
def test_counted_quotes_say_what_the_regular_expression_says(document, is_last):
    data = document.encode()
    options = CsvOptions(is_multi_line=True)
    if _regular_quotes(data, options, is_last) is not None and not data.endswith(b"\r"):
        found = record_ends(data, options, is_last).tolist()
        expected = _ends_by_regex(data, options, is_last).tolist()
        assert found == [end for end in expected if end < len(data) or data[-1:] in b"\r\n"]


HEADER = {"header": "true"}
BEGINNINGS = st.sampled_from(
    [
        ("first,1\n", {}),
        ("# a comment\n\n", {"comment": "#"}),
        ("id,n\n", HEADER),
        ("n,id\r\n", HEADER),
        ("id,n\r", HEADER),
        ("\ufeffid,n\n", HEADER),
        ("\n  \n\r\nid,n\r\n", HEADER),
        ("# made by hand\n#,\n\nid,n\n", HEADER | {"comment": "#"}),
        ("id;n;año\n", HEADER | {"sep": ";", "encoding": "windows-1252"}),
        ('"id","n"\n', HEADER | {"escape": '"'}),
        ("id||n\n", HEADER | {"sep": "||"}),
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    beginning=BEGINNINGS,
    document=st.lists(st.sampled_from([*PIECES, "\n", "\nb,2\n"]), max_size=60).map("".join),
    more=st.integers(0, 50),
)
def test_a_file_in_ranges_is_the_file(beginning, document, more):
    text, raw_options = beginning
    size = len(text) + 1 + more  # the first range has the header
    data = (text + document).encode(raw_options.get("encoding", "utf-8"), "ignore")
    options = FORMAT.parse_options(raw_options)
    columns = pa.schema(COLUMNS)
    header_lines = FORMAT.header_lines(options)

    def read(source):
        found = [
            FORMAT.read(block, ReadSchema(columns), options)
            for block in FORMAT.blocks(source, columns, options)
        ]
        rows = [tuple(row.values()) for part in found for row in part.rows.to_pylist()]
        rejected = [part.rejected.drop(["record"]).to_pylist() for part in found]
        return rows, [row for part in rejected for row in part]

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a.csv"
        with open(path, "wb") as file:
            file.write(data)
        whole = read(LandedSource(path, len(data)))
        parts = [
            read(LineRange(path, len(data), start, min(start + size, len(data)), header_lines))
            for start in range(0, len(data), size)
        ]
    for kind in (0, 1):
        joined = [row for part in parts for row in part[kind]]
        assert sorted(joined, key=str) == sorted(whole[kind], key=str)


@pytest.mark.parametrize("end, mark", [("\n", ""), ("\r\n", "\ufeff")])
def test_a_large_file_with_a_header_goes_its_whole_road_in_ranges(tmp_path, monkeypatch, end, mark):
    monkeypatch.setattr(files, "SPLIT_BYTES", 10_000)
    home = csv_files(tmp_path, "id BIGINT, note STRING", source={"options": HEADER})
    rows = [f'{number},"said ""{number}"" once"' for number in range(9_000)]
    rows[4_000] = "4000,too,many"
    rows[6_000] = "6000,été".encode("latin-1").decode("utf-8", "surrogateescape")
    text = mark + end.join(["", "id,note", *rows])
    home.land("a.csv", text.encode("utf-8", "surrogateescape"))
    home.run()
    wrong = {4_000: b"4000,too,many", 6_000: b"6000,\xe9t\xe9"}
    assert home.column("id") == [number for number in range(9_000) if number not in wrong]
    assert {row["note"] for row in home.rows() if row["id"] == 77} == {'said "77" once'}
    assert sorted(row["_raw"] for row in home.rows("quarantine")) == sorted(wrong.values())
    assert home.reasons() == {"malformed_csv": 1, "invalid_encoding": 1}
    assert home.difference() == 0


def test_a_header_after_a_million_comments_is_refused():
    data = "# nothing\n" * 200_000 + "id,n\na,1\n"
    options = FORMAT.parse_options(HEADER | {"comment": "#"})
    with pytest.raises(UnreadableFileError, match="have no header"):
        FORMAT.file_schema(BytesFile(data.encode()), pa.schema(COLUMNS), options)


def test_a_range_without_the_columns_of_the_dataset_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("other,names\n" + "a,1\n" * 9)
    part = LineRange(str(path), path.stat().st_size, 20, 40)
    with pytest.raises(UnreadableFileError, match="none of the dataset's columns"):
        list(FORMAT.blocks(part, pa.schema(COLUMNS), FORMAT.parse_options(HEADER)))


@pytest.mark.parametrize(
    "options, lines",
    [
        ({}, 0),
        ({"header": "true"}, 0),
        ({"header": "true", "multiLine": "true"}, None),
        ({"header": "true", "comment": "#"}, 0),
        ({"comment": "#"}, 0),
        ({"encoding": "windows-1252"}, 0),
        ({"encoding": "utf-16"}, None),
        ({"encoding": "cp037"}, None),
        ({"lineSep": ";"}, None),
    ],
)
def test_lines_that_every_range_begins_with(options, lines):
    assert FORMAT.header_lines(FORMAT.parse_options(options)) == lines


@pytest.mark.parametrize(
    "data, rows, reasons",
    [
        ("id,n\na,1\n", [("a", 1, None)], []),
        (b"\xef\xbb\xbfid,n\na,1\n", [("a", 1, None)], []),
        ("n,id\n1,a\n", [("a", 1, None)], []),
        ("id,n,x\na,1,2\n", [("a", 1, '{"x":"2"}')], []),
        ("id\na\n", [("a", None, None)], []),
        ("id,n\na,1,2\nb,1\n", [("b", 1, None)], ["malformed_csv"]),
        ("id,n\na\nb,1\n", [("b", 1, None)], ["malformed_csv"]),
        (
            'id,n\n"a, ""b""",1\n"c,1\nd,2\n',
            [('a, "b"', 1, None), ("d", 2, None)],
            ["malformed_csv"],
        ),
        ('id,n\n"abc"def,1\n', [], ["malformed_csv"]),
        ("id,n\na,many\n", [("a", None, '{"n":"many"}')], []),
        ("id,n\n", [], []),
        ("id,n\na,1\nid,n\n", [("a", 1, None), ("id", None, '{"n":"n"}')], []),
        ("id,n\n\n  \na,1 \r\n", [("a", None, '{"n":"1 "}')], []),
        (b"id,n\n\xf1,1\nb,2\n", [("b", 2, None)], ["invalid_encoding"]),
        ("id,n\ra,1\rb,2", [("a", 1, None), ("b", 2, None)], []),
        ("id,n\na,0x10\nb,+7", [("a", None, '{"n":"0x10"}'), ("b", 7, None)], []),
        ("id,n\n\ufeffa,1\n", [("\ufeffa", 1, None)], []),
    ],
)
def test_files_as_they_come(data, rows, reasons):
    found, rejected = read_all(data)
    assert sorted(found, key=str) == sorted(rows, key=str)
    assert [row["reason"] for row in rejected] == reasons


@pytest.mark.parametrize(
    "data, options, sentence",
    [
        ("a,1\nb,2\n", {}, "none of the dataset's columns"),
        ("id;n\na;1\n", {}, 'the option `sep` may be ";"'),
        ("ID,N\n", {}, "differ by capital letters"),
        ("id,id\n", {}, "same column twice"),
        (b"id,n,\xf1\n", {}, "its header is not utf-8"),
        ("id,n\na,1\n", {"header": "false"}, "set the option `header`"),
    ],
)
def test_files_that_are_refused(data, options, sentence):
    with pytest.raises(UnreadableFileError, match=sentence):
        read_all(data, **options)


def test_details_for_people():
    _, rejected = read_all('id,n\na,1,2\n"b,1\nc,x\n', rejects_misfits=True)
    assert [row["detail"] for row in rejected] == [
        "the header has 2 columns (id, n), this line has 3",
        "the header has 2 columns (id, n), this line has 1, and a quote that does not close: "
        "values with line breaks need the option `multiLine`",
        "n is not BIGINT: x",
    ]
    assert [row["raw"] for row in rejected] == [b"a,1,2", b'"b,1', b"c,x"]
    assert [row["record"] for row in rejected] == [0, 1, 2]


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16", "utf-16-be", "shift_jis", "utf-8"])
def test_encodings(encoding):
    word = "日本" if encoding == "shift_jis" else "Peñón €"
    data = f'id,n\r\n"{word}\r\n{word}",1\r\n{word},2,3\r\n'.encode(encoding)
    rows, rejected = read_all(data, encoding=encoding, multiLine="true")
    assert rows == [(f"{word}\r\n{word}", 1, None)]
    codec = "utf-16-le" if encoding == "utf-16" else encoding
    assert rejected[0]["raw"].decode(codec) == f"{word},2,3"


def test_nulls():
    data = 'id,n\n,\n"",NA\nNA,1\n"NA",2\n'
    assert [row[0] for row in read_all(data, nullValue="NA")[0]] == [None, "", None, None]
    assert [row[0] for row in read_all(data)[0]] == [None, None, "NA", "NA"]
    assert [row[0] for row in read_all(data, emptyValue="-")[0]] == [None, "-", "NA", "NA"]


def test_many_commas_are_not_quadratic():
    wide = "," * 200_000
    _, rejected = read_all(f'id,n\n{wide}\n"{wide}\n', multiLine="true")
    assert {row["reason"] for row in rejected} == {"malformed_csv"}


def test_options_that_are_refused_are_all_named():
    with pytest.raises(OptionError) as told:
        FORMAT.parse_options(
            {
                "header": "maybe",
                "quote": "''",
                "na_values": "-",
                "unescapedQuoteHandling": "SKIP_VALUE",
            }
        )
    for name in ("header", "quote", "na_values", "unescapedQuoteHandling"):
        assert name in str(told.value)
