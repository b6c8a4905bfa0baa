"CSV: whole blocks give what one record gives; RFC 4180 and files as people write them"

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motor_ingesta.formats.base import ReadSchema, UnreadableFileError
from motor_ingesta.formats.convert import OptionError
from motor_ingesta.formats.csv import (
    FORMAT,
    CsvOptions,
    MalformedRecordError,
    _cells,
    _read_texts,
    cell_value,
    record_ends,
)
from motor_ingesta.formats.lines import LineRules, split_lines, to_utf8, without_line_ends

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


def by_record(records, names, options):
    "What the reference says of each record: its values, or why it is none."
    said = {}
    texts = without_line_ends(to_utf8(records, options.lines), options.line_separator).to_pylist()
    for number, raw in enumerate(texts):
        if not raw.strip(b" ") or (options.comment and raw.startswith(options.comment.encode())):
            continue
        try:
            cells = _cells(raw.decode(), names, options)
            said[number] = [cell_value(cell, options.rules) for cell in cells]
        except UnicodeDecodeError:
            said[number] = "invalid_encoding"
        except MalformedRecordError as error:
            said[number] = error.message
    return said


def check_same(records, names, options):
    found = _read_texts(records, names, options)
    columns = [column.to_pylist() for column in found.columns]
    said = {
        int(record): [column[row] for column in columns] for row, record in enumerate(found.records)
    }
    for record, (reason, detail) in found.rejected.items():
        said[record] = reason if reason == "invalid_encoding" else detail
    assert said == by_record(records, names, options)


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


@settings(max_examples=1500, deadline=None)
@given(document=documents, options=settings_of_files, width=st.integers(1, 3))
def test_a_block_is_its_records(document, options, width):
    data = document.encode("utf-8" if options.lines.codec == "utf-8" else "cp1252", "replace")
    if options.is_multi_line:
        ends = [0, *record_ends(data, options, is_last=True)]
        records = pa.array([data[a:b] for a, b in zip(ends, ends[1:], strict=False)], pa.binary())
        assert b"".join(records.to_pylist()) == data[: ends[-1]]
    else:
        records = split_lines(data, options.lines)
    check_same(records, [f"c{i}" for i in range(width)], options)


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


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(1, 9))
def test_records_do_not_depend_on_blocks(document, size):
    from motor_ingesta.formats.csv import _RecordCutter
    from motor_ingesta.formats.lines import read_blocks

    data = document.encode()
    options = CsvOptions(is_multi_line=True)
    whole = [0, *record_ends(data.removeprefix(b"\xef\xbb\xbf"), options, True)]
    cutter = _RecordCutter(options)
    places = [0]
    for block in read_blocks(io.BytesIO(data), options.lines, cutter, size):
        start = places[-1]
        places += [start + int(end) for end in cutter.ends]
        assert places[-1] <= start + len(block)
    if '"' not in document:
        assert places == whole


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
