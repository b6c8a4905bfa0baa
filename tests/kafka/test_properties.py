"""Rows in, rows out: whatever the rows are, for every format and every way of taking a changed schema, each is in bronze once or in the quarantine once

    python tests/kafka/test_properties.py --examples 50 --seed 1

runs more examples than the test does, and prints how many files and rows they were. An example is a few files, or a few
dozen records, which four datasets read, one of each mode, in micro-batches of a few.
"""

import argparse
import csv
import io
import json
import shutil
import struct
import sys
import tempfile
import uuid
from collections import Counter
from pathlib import Path

import fastavro
import pyarrow as pa
import pytest
from confluent_kafka import Producer
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pyarrow import parquet

from motor_ingesta.catalog.models import KafkaConnection, RegistryConnection, parse_catalog
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.events import make_topics
from motor_ingesta.sources.registry import Registry
from motor_ingesta.storage.lake import plain_path
from tools.faults.figures import record

MODES = ("rescue", "evolve", "fail", "ignore")
DDL = "id STRING, n INT, at TIMESTAMP, price DECIMAL(9,2), place STRUCT<x: INT, y: ARRAY<STRING>>"
NASTY = [
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

text = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)
name = st.one_of(
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from(NASTY),
    st.text(st.characters(blacklist_categories=("Cs",)), max_size=4),
)
scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    text,
    st.sampled_from(
        [
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
    ),
)
value = st.recursive(
    scalar,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(name, inner, max_size=3)),
    max_leaves=6,
)
own = {
    "id": st.one_of(text, value),
    "n": st.one_of(st.integers(-(2**31), 2**31 - 1), value),
    "at": st.one_of(st.just("2026-01-07T06:30:00Z"), value),
    "price": st.one_of(st.decimals(-(10**6), 10**6, places=2).map(float), value),
    "place": st.one_of(
        st.fixed_dictionaries(
            {}, optional={"x": st.integers(0, 9), "y": st.lists(text, max_size=2)}
        ),
        value,
    ),
}
row = st.builds(
    lambda a, b: b | a,
    st.fixed_dictionaries({}, optional=own),
    st.dictionaries(name, value, max_size=2),
)
junk = st.one_of(
    st.sampled_from(
        [
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
    ),
    text.filter(str.strip),
)
bad_bytes = st.sampled_from(
    [
        b'{"id": "\xff\xfe"}',
        b"\x00",
        b"\xef\xbb\xbf{}",
        '{"id": "ñ"}'.encode("latin-1"),
        b'{"id": "a\x00b"}',
        b"\xed\xa0\x80",
    ]
)


line = st.integers(0, 9).flatmap(lambda i: row if i < 8 else junk if i == 8 else bad_bytes)


def as_json(rows):
    lines = [
        r if isinstance(r, bytes) else r.encode() if isinstance(r, str) else json.dumps(r).encode()
        for r in rows
    ]
    return b"".join(line + b"\n" for line in lines), sum(1 for line in lines if line.strip(b" "))


def as_array(rows):
    return json.dumps(rows).encode(), len(rows)


def as_csv(table):
    header, rows = table
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", escapechar="\\").writerows([header, *rows])
    return out.getvalue().encode(), len(rows)


def as_parquet(columns):
    table = pa.table(columns)
    parquet.write_table(table, out := io.BytesIO())
    return out.getvalue(), table.num_rows


def as_avro(drawn):
    schema, records = drawn
    fastavro.writer(out := io.BytesIO(), fastavro.parse_schema(schema, _write_hint=False), records)
    return out.getvalue(), len(records)


cell = st.text("abc 17,\"'.-{", max_size=6).map(str.strip)
header = (
    st.permutations(["id", "n", "at", "new"])
    .flatmap(lambda names: st.integers(1, 4).map(lambda k: names[:k]))
    .filter(lambda names: {"id", "n"} & set(names))
)
arrow = [
    (pa.int8(), st.integers(-(2**7), 2**7 - 1)),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats(allow_nan=True)),
    (pa.float32(), st.floats(width=32)),
    (pa.string(), text),
    (pa.bool_(), st.booleans()),
    (pa.binary(), st.binary(max_size=5)),
    (pa.date32(), st.dates()),
    (pa.timestamp("us", "UTC"), st.datetimes()),
    (pa.timestamp("ns"), st.integers(-(2**60), 2**60)),
    (pa.decimal128(20, 3), st.decimals(-(10**9), 10**9, places=3)),
    (pa.list_(pa.int32()), st.lists(st.integers(0, 9), max_size=3)),
    (
        pa.struct([("x", pa.int64()), ("w", pa.string())]),
        st.fixed_dictionaries({"x": st.integers(0, 9), "w": text}),
    ),
    (
        pa.list_(pa.struct([("x", pa.int32())])),
        st.lists(st.fixed_dictionaries({"x": st.integers(0, 9)}), max_size=2),
    ),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from("ab")),
    (
        pa.map_(pa.string(), pa.int32()),
        st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), max_size=1),
    ),
    (pa.null(), st.none()),
]


def column(count):
    return st.sampled_from(arrow).flatmap(
        lambda kind: st.lists(st.one_of(st.none(), kind[1]), min_size=count, max_size=count).map(
            lambda v: pa.array(v, kind[0])
        )
    )


avro = [
    ("int", st.integers(-(2**31), 2**31 - 1)),
    ("long", st.integers(-(2**63), 2**63 - 1)),
    ("double", st.floats(allow_nan=False)),
    ("float", st.floats(width=32, allow_nan=False)),
    ("string", text),
    ("boolean", st.booleans()),
    ("bytes", st.binary(max_size=4)),
    ({"type": "int", "logicalType": "date"}, st.integers(-(10**5), 10**5)),
    ({"type": "long", "logicalType": "timestamp-micros"}, st.integers(-(10**15), 10**15)),
    ({"type": "array", "items": "int"}, st.lists(st.integers(0, 9), max_size=3)),
    ({"type": "map", "values": "string"}, st.dictionaries(st.sampled_from("ab"), text, max_size=2)),
    ({"type": "enum", "name": "K", "symbols": ["p", "q"]}, st.sampled_from("pq")),
    (
        {
            "type": "record",
            "name": "P",
            "fields": [{"name": "x", "type": "int"}, {"name": "w", "type": ["null", "string"]}],
        },
        st.fixed_dictionaries({"x": st.integers(0, 9), "w": st.one_of(st.none(), text)}),
    ),
    (["int", "string"], st.one_of(st.integers(0, 9), text)),
]


@st.composite
def avro_records(draw, most=5):
    "(schema, records): some of the dataset's fields and some new ones, of any type"
    kinds = {
        field: draw(st.sampled_from(avro))
        for field in draw(
            st.lists(
                st.sampled_from(["id", "n", "at", "price", "place", "new", "N", "_run_id"]),
                min_size=1,
                max_size=4,
                unique_by=str.lower,
            )
        )
    }
    seen, fields = set(), []
    for field, (kind, _) in kinds.items():
        if isinstance(kind, dict) and "name" in kind:
            kind = kind["name"] if kind["name"] in seen else (seen.add(kind["name"]), kind)[1]
        fields.append({"name": field, "type": kind if isinstance(kind, list) else ["null", kind]})
    values = {
        field: values if isinstance(kind, list) else st.one_of(st.none(), values)
        for field, (kind, values) in kinds.items()
    }
    return {"type": "record", "name": "R", "fields": fields}, draw(
        st.lists(st.fixed_dictionaries(values), max_size=most)
    )


FILES = {
    "json": st.lists(line, min_size=1, max_size=8).map(as_json),
    "json_array": st.lists(
        st.one_of(row, row, scalar.filter(lambda v: v is not None)), min_size=1, max_size=6
    ).map(as_array),
    "csv": header.flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(
                st.lists(cell, min_size=len(names), max_size=len(names) + 1).filter(
                    lambda c: any(c)
                ),
                max_size=6,
            ),
        )
    ).map(as_csv),
    "parquet": st.integers(1, 5)
    .flatmap(
        lambda count: st.dictionaries(
            st.sampled_from(["id", "n", "at", "price", "place", "new", "a b", "x.y", "_run_id"]),
            column(count),
            min_size=1,
            max_size=5,
        )
    )
    .map(as_parquet),
    "avro": avro_records().map(as_avro),
}
EVENTS = {
    "kafka_json": st.lists(st.one_of(line, line, line, st.none()), min_size=10, max_size=60),
    "kafka_avro": st.lists(
        st.one_of(avro_records(12), st.binary(max_size=12), st.none()), min_size=3, max_size=10
    ),
}


def avro_reader() -> str:
    fields = {
        "id": "string",
        "n": "int",
        "at": {"type": "long", "logicalType": "timestamp-micros"},
        "place": {
            "type": "record",
            "name": "Place",
            "fields": [{"name": "x", "type": ["null", "int"]}],
        },
    }
    return json.dumps(
        {
            "type": "record",
            "name": "Row",
            "fields": [
                {"name": n, "type": ["null", kind], "default": None} for n, kind in fields.items()
            ],
        }
    )


def datasets(kind: str, topic: str = ""):
    options = ", options: {header: true}" if kind == "csv" else ""
    if kind in FILES:
        source = f'{{kind: files, format: {kind}, schema: "{DDL if kind != "csv" else "id STRING, n INT, at TIMESTAMP"}", max_files_per_batch: 4{options}}}'
    else:
        source = (
            f"{{kind: kafka, topic: {topic}, max_records_per_batch: 25, value: "
            + (
                f'{{format: json, schema: "{DDL}"}}'
                if kind == "kafka_json"
                else f"{{format: avro, schema: {avro_reader()}}}"
            )
            + "}"
        )
    return parse_catalog(
        "\n".join(
            [
                "datasets:",
                *(
                    f"  - {{datasource: any, dataset: {mode}, schema_changes: {mode}, source: {source}}}"
                    for mode in MODES
                ),
            ]
        )
    )


def wire(endpoints, topic: str, drawn) -> list[bytes | None]:
    "What is drawn, as the records of a topic; schemas registered"
    if not any(isinstance(d, tuple) for d in drawn):
        return [
            d
            if isinstance(d, bytes) or d is None
            else d.encode()
            if isinstance(d, str)
            else json.dumps(d).encode()
            for d in drawn
        ]
    registry, values = Registry(RegistryConnection(url=endpoints.schema_registry_url)), []
    for d in drawn:
        if not isinstance(d, tuple):
            values.append(d)
            continue
        number = registry.register(f"{topic}-value", json.dumps(d[0]))
        for record in d[1]:
            fastavro.schemaless_writer(
                body := io.BytesIO(), fastavro.parse_schema(d[0], _write_hint=False), record
            )
            values.append(b"\x00" + struct.pack(">I", number) + body.getvalue())
    return values


def tables(engine, mode: str):
    for zone in ("bronze", "quarantine"):
        if Path(getattr(engine.lake, zone)(f"any/{mode}"), "_delta_log").exists():
            yield getattr(engine, zone)(f"any/{mode}")


def check_mode(engine, report, mode: str, kind: str, expected: Counter) -> None:
    if mode == "fail" and report.status == "failed":
        assert "does not have the dataset's schema" in report.error, report.error
        found = [o for table in tables(engine, mode) for o in origins(table, kind)]
        assert len(found) == len(set(found)) if kind in EVENTS else not Counter(found) - expected, (
            mode,
            found,
        )
        return
    assert report.status in ("succeeded", "rejected"), (mode, report.error)
    found = Counter(o for table in tables(engine, mode) for o in origins(table, kind))
    assert found == expected, (
        mode,
        {o: (found[o], expected[o]) for o in found | expected if found[o] != expected[o]},
    )


def origins(table, kind: str):
    column = "_offset" if kind in EVENTS else "_source_file"
    found = [row[0] for row in table.project(column).fetchall()]
    return found if kind in EVENTS else [Path(plain_path(path)).stem for path in found]


def check(home: Path, kind: str, examples: int, endpoints=None, number: int = 0) -> Counter:
    "Try `examples`; how many files or records, and rows, they were"
    tried = Counter()

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(FILES[kind], min_size=4, max_size=12) if kind in FILES else EVENTS[kind])
    def holds(drawn):
        topic = f"any.{uuid.uuid4().hex}"
        engine = MotorIngesta(home / uuid.uuid4().hex, datasets(kind, topic), engine="local")
        if kind in FILES:
            for mode in MODES:
                folder = Path(engine.lake.landing(f"any/{mode}"), "2026/01/07")
                folder.mkdir(parents=True)
                for i, (content, _) in enumerate(drawn):
                    (folder / f"{i}.dat").write_bytes(content)
            expected = Counter({str(i): count for i, (_, count) in enumerate(drawn) if count})
            tried["files"] += len(drawn)
        else:
            config = KafkaConnection(bootstrap_servers=endpoints.bootstrap_servers).client_config()
            make_topics(config, (topic,), 1)
            producer = Producer(config | {"enable.idempotence": True})
            for value in (values := wire(endpoints, topic, drawn)):
                producer.produce(topic, value)
            assert producer.flush(60) == 0
            engine.connections = lambda: (
                parse_catalog(
                    f"connections: {{kafka: {{bootstrap_servers: '{endpoints.bootstrap_servers}'}}, schema_registry: {{url: '{endpoints.schema_registry_url}'}}}}\ndatasets: [{{datasource: a, dataset: b, source: {{kind: files, format: text}}}}]"
                ).connections
            )
            expected = Counter(range(len(values)))
        report = engine.run()
        for dataset, mode in zip(report.datasets, MODES, strict=False):
            check_mode(engine, dataset, mode, kind, expected)
        done = [
            f"any/{mode}"
            for dataset, mode in zip(report.datasets, MODES, strict=False)
            if dataset.status in ("succeeded", "rejected")
        ]
        audits = engine.audit(*done, everything=True)
        assert audits.difference == 0, [[*a.differences, *a.wrong] for a in audits]
        tried.update(
            {
                "examples": 1,
                "rows": sum(expected.values()),
                "rows in tables": sum(d.rows_written + d.rows_quarantined for d in report.datasets),
                "stopped by fail": sum(d.status == "failed" for d in report.datasets),
            }
        )
        shutil.rmtree(engine.lake.home)

    holds()
    return tried


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory):
    with Services(tmp_path_factory.mktemp("services"), free_port(), free_port()) as endpoints:
        yield endpoints


@pytest.mark.parametrize("kind", (*FILES, *EVENTS))
def test_rows_in_rows_out(endpoints, tmp_path, kind):
    assert check(tmp_path, kind, 5, endpoints)["examples"] >= 5


def main(examples: int, number: int, kinds: list[str]) -> dict:
    told = {}
    with (
        tempfile.TemporaryDirectory() as home,
        Services(Path(home, "services"), free_port(), free_port()) as endpoints,
    ):
        for kind in kinds or (*FILES, *EVENTS):
            told[kind] = dict(check(Path(home), kind, examples, endpoints, number))
            print(kind, told[kind], file=sys.stderr, flush=True)
    return {"seed": number, **told}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--examples", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--kinds", nargs="*", default=[])
    given_ = arguments.parse_args()
    record("properties", told := main(given_.examples, given_.seed, given_.kinds))
    print(json.dumps(told, indent=1))
