"What Arrow takes for exact has the same rows when Spark reads it the careful way, and nothing rescued, nothing quarantined"

import json
import random
from collections import defaultdict
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from motor_ingesta.catalog.models import FilesSource
from motor_ingesta.exact import can_read, exact_rows, in_order
from motor_ingesta.landing import inspect_files, read_files, source_path
from motor_ingesta.local.session import session
from motor_ingesta.schemas.ddl import field_types
from motor_ingesta.storage.lake import list_files

FLAT = "id STRING, n INT, big BIGINT, f DOUBLE, ok BOOLEAN, d DATE, at TIMESTAMP, p DECIMAL(10, 2), w DECIMAL(32, 6)"
NESTED = (
    FLAT + ", tags ARRAY<STRING>, s STRUCT<x: INT, y: ARRAY<STRUCT<z: DOUBLE, q: DECIMAL(5, 1)>>>"
)
FILES = 400


def number(rng):
    return rng.choice(
        [
            "0",
            "-0",
            "7",
            "-12",
            "3000000000",
            "9223372036854775807",
            "99999999999999999999",
            "1.0",
            "0.1",
            "1e3",
            "1e400",
            "1E-400",
            "-1.7976931348623157e308",
            "01",
            "+1",
            "123456789012345678901234567890.5",
            ".5",
            "1.",
            "0x10",
            "1_0",
            "NaN",
            "Infinity",
            "null",
            "true",
        ]
    )


def price(rng):
    return rng.choice(
        [
            "12,5",
            "12.50",
            "12.505",
            "1.234,5",
            "1,234.5",
            "99999999.99",
            "100000000",
            "-0.00",
            "1e2",
            "1.5E2",
            "1E-2",
            "12.500000000",
            "00012.5",
            "+7",
            ".5",
            "5.",
            "",
            "-",
            "9" * 32 + ".999999",
            "0.0000001",
            "1" + "0" * 38,
        ]
    )


def moment(rng):
    return rng.choice(
        [
            "2026-01-07T06:30:00.000Z",
            "2026-01-07 06:30:00",
            "2026-01-07T06:30:00.123456+02:00",
            "2026-01-07T06:30:00.1234567Z",
            "2026-02-30T00:00:00Z",
            "2026-01-07",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999Z",
            "1582-10-10T00:00:00Z",
            "2026-01-07T24:00:00Z",
            "2026-01-07T23:59:60Z",
            "2026-01-07T06:30:00+18:00",
            "2026-01-07T06:30:00-17:59",
            "2026-01-07T06:30Z",
            "2026-1-7T06:30:00Z",
            "2026-01-07T06:30:00 UTC",
            "+2026-01-07T06:30:00Z",
            "",
            "0000-01-01T00:00:00Z",
        ]
    )


def day(rng):
    return rng.choice(
        [
            "2026-01-07",
            "2026-02-29",
            "2024-02-29",
            "0001-01-01",
            "0000-01-01",
            "1582-10-10",
            "9999-12-31",
            "2026-1-7",
            "2026-01-07T00:00:00Z",
            "20260107",
            "",
        ]
    )


def word(rng):
    return rng.choice(
        [
            "a",
            "ñ 😀",
            "",
            " a ",
            "a,b",
            "a\\n",
            "null",
            "true",
            "7",
            "a\u0000b",
            "x" * 300,
            "\u2028",
            "é",
        ]
    )


def json_value(rng, name):
    if rng.random() < 0.08:
        return "null"
    if name in ("n", "big"):
        return number(rng) if rng.random() < 0.15 else str(rng.randint(-(2**31), 2**31 - 1))
    if name == "f":
        return (
            number(rng)
            if rng.random() < 0.3
            else repr(rng.uniform(-1e6, 1e6) * 10 ** rng.randint(-200, 200))
        )
    if name in ("p", "w"):
        return (
            rng.choice([number(rng), price(rng), f'"{price(rng)}"'])
            if rng.random() < 0.12
            else f"{rng.randint(-(10**6), 10**6) / 100:.2f}"
        )
    if name == "ok":
        return rng.choice(["true", "false"]) if rng.random() < 0.95 else '"true"'
    if name == "d":
        return json.dumps(day(rng) if rng.random() < 0.3 else "2026-01-07")
    if name == "at":
        return json.dumps(moment(rng) if rng.random() < 0.3 else "2026-01-07T06:30:00.000Z")
    if name == "tags":
        return rng.choice(["[]", '["a", null]', '["a", "b"]'] * 5 + ["[1]", '"a"', '{"a": 1}'])
    if name == "s":
        return rng.choice(
            ['{"x": 1}', "{}", '{"x": null, "y": []}', '{"y": [{"z": 1}, {}]}'] * 4
            + [
                '{"x": 1, "x": 2}',
                '{"w": 1}',
                '{"x": "1"}',
                '{"y": [{"z": 1, "q": 1.5}]}',
                '{"y": [{"q": "1,5"}]}',
                '{"y": [{"q": "1.25"}]}',
                '{"y": [{"z": 1, "r": 1}]}',
                '{"y": [{"z": NaN}]}',
                '{"y": [null]}',
            ]
        )
    return (
        json.dumps(word(rng), ensure_ascii=rng.random() < 0.5)
        if rng.random() < 0.97
        else rng.choice(["7", "true", "{}", '"\\ud83d"', '"\\x"', '"\t"'])
    )


def json_row(rng):
    names = [n for n in field_types(NESTED) if rng.random() < 0.9]
    if rng.random() < 0.3:
        rng.shuffle(names)
    text = "{" + ", ".join(f'"{n}": {json_value(rng, n)}' for n in names) + "}"
    return (
        text
        if rng.random() < 0.985
        else rng.choice(
            [
                text + text,
                text[:-1],
                "",
                " ",
                text + " ",
                " " + text,
                text.replace(": ", ":\n", 1),
                '{"new": 1}',
                '{"ID": "a"}',
                '{"id": "a", "id": "b"}',
                "7",
                "\t",
                "[]",
                text + "\r",
                "{}",
            ]
        )
    )


def json_file(rng):
    return (
        "\n".join(json_row(rng) for _ in range(rng.randint(1, 4)))
        + rng.choice(["\n", "", "\n\n"] if rng.random() < 0.2 else ["\n"])
    ).encode()


def array_file(rng):
    return (
        "["
        + rng.choice([", ", ",\n"]).join(json_row(rng) for _ in range(rng.randint(0, 3)))
        + "]"
        + rng.choice(["", "\n", " {}"] if rng.random() < 0.1 else ["\n"])
    ).encode()


def csv_file(rng):
    names = [n for n in field_types(FLAT) if rng.random() < 0.95]
    if rng.random() < 0.2:
        rng.shuffle(names)
    if rng.random() < 0.05:
        names.append("new")

    def cell(n):
        if rng.random() < 0.1:
            return ""
        if n == "id":
            return word(rng).replace(",", ";" if rng.random() < 0.9 else ",")
        return json_value(rng, n).strip('"') if n in field_types(FLAT) else "x"

    lines = [",".join(map(cell, names)) for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.1:
        lines.append(rng.choice([",".join(names), "", " ", "a", ",,,,,,,,,", '"', "#x"]))
    return (",".join(names) + "\n" + "\n".join(lines) + rng.choice(["\n", ""])).encode()


def parquet_file(rng):
    import io

    kinds = {
        "id": [pa.string(), pa.large_string(), pa.binary()],
        "n": [pa.int32(), pa.int64(), pa.int16()],
        "big": [pa.int64(), pa.int32()],
        "f": [pa.float64(), pa.float32()],
        "ok": [pa.bool_()],
        "d": [pa.date32()],
        "p": [pa.decimal128(10, 2), pa.decimal128(12, 2), pa.decimal128(10, 3), pa.float64()],
        "w": [pa.decimal128(32, 6), pa.decimal256(32, 6)],
        "at": [
            pa.timestamp(u, z) for u in ("ms", "us", "ns") for z in ("UTC", "Europe/Madrid", None)
        ],
    }
    values = {
        "id": ["a", None, "ñ"],
        "n": [1, None, -5],
        "big": [1, 2, None],
        "f": [1.5, None, 0.25],
        "ok": [True, None, False],
        "d": [0, None, 20000],
        "p": [Decimal("1.25"), None, Decimal(-7)],
        "w": [Decimal("0.000001"), None, Decimal("9" * 20)],
        "at": [0, None, 1_767_767_400_000],
    }
    columns = {
        n: pa.array(values[n], ks[0]).cast(rng.choice(ks) if rng.random() < 0.2 else ks[0])
        for n, ks in kinds.items()
        if rng.random() < 0.95
    }
    parquet.write_table(pa.table(columns), out := io.BytesIO())
    return out.getvalue()


def avro_file(rng):
    import io

    import fastavro

    kinds = {
        "id": ["string", ["null", "string"], {"type": "enum", "name": "E", "symbols": ["a", "b"]}],
        "n": ["int", ["int", "null"], "long"],
        "big": ["long", ["null", "long"], "int"],
        "f": ["double", ["null", "double"], "float"],
        "ok": ["boolean"],
        "d": [{"type": "int", "logicalType": "date"}],
        "at": [
            {"type": "long", "logicalType": "timestamp-millis"},
            {"type": "long", "logicalType": "timestamp-micros"},
            {"type": "long", "logicalType": "local-timestamp-millis"},
            "long",
        ],
    }
    values = {
        "id": "a",
        "n": -5,
        "big": 2**31 - 1,
        "f": 0.25,
        "ok": True,
        "d": 20000,
        "at": 1_767_767_400_000,
    }
    fields = [
        {"name": n, "type": rng.choice(ks) if rng.random() < 0.3 else ks[0]}
        for n, ks in kinds.items()
        if rng.random() < 0.95
    ]
    rows = [
        {
            f["name"]: None if "null" in f["type"] and rng.random() < 0.3 else values[f["name"]]
            for f in fields
        }
        for _ in range(rng.randint(0, 3))
    ]
    fastavro.writer(
        out := io.BytesIO(),
        {"type": "record", "name": "R", "fields": fields},
        rows,
        codec=rng.choice(["null", "deflate"]),
    )
    return out.getvalue()[: None if rng.random() < 0.95 else -7]


MAKERS = {
    "json": json_file,
    "json_array": array_file,
    "csv": csv_file,
    "parquet": parquet_file,
    "avro": avro_file,
}


@pytest.fixture(scope="module")
def spark():
    spark = session()
    yield spark
    spark.stop()


def rows_of(table):
    "Moments as numbers: Python has no year 0"
    for i, field in enumerate(table.schema):
        if pa.types.is_temporal(field.type):
            table = table.set_column(
                i, field.name, table[i].cast(pa.int32() if field.name == "d" else pa.int64())
            )
    return table.to_pylist()


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return repr(value + 0.0) if isinstance(value, float) else value


@pytest.mark.parametrize("kind", MAKERS)
def test_same_rows(spark, tmp_path, kind):
    rng, ddl = random.Random(f"exact {kind}"), NESTED if "json" in kind else FLAT
    for i in range(FILES):
        (tmp_path / f"{i:04}.dat").write_bytes(MAKERS[kind](rng))
    if kind == "json_array":
        ddl = ddl.replace("DECIMAL(32, 6)", "DECIMAL(15, 6)")  # what a double keeps
    exact = same_rows(spark, tmp_path, kind, ddl)
    assert FILES / 20 < exact < FILES, "some must be exact, some odd"


DECIMALS = [
    "12.5",
    "12",
    "-12",
    "0",
    "-0",
    "-0.0",
    "+7",
    "-",
    "+",
    ".",
    " 7",
    "7 ",
    ".5",
    "5.",
    "-5.",
    "00012.5",
    "1e2",
    "1E2",
    "1e+2",
    "1e-2",
    "1.5e1",
    "12.500000000",
    "12.505",
    "0.001",
    "99999999.99",
    "99999999.999",
    "100000000",
    "1e8",
    "1e7",
    "1e400",
    "1E-400",
    "123456789012345678901234567890.5",
    "9" * 26 + ".999999",
    "9" * 27,
    "9" * 32,
    "9" * 38,
    "0.0000001",
    "1" + "0" * 38,
    "0" * 50 + "1",
    "1." + "0" * 60,
    "0x10",
    "1_0",
    "NaN",
    "1d",
    "1L",
    "1,5",
    "1.5.5",
    "\u0661",
    "(5)",
    "1e",
    "null",
    "true",
    "",
    "10e-1",
    "0e5",
    "0e-9",
    "1e06",
]


@pytest.mark.parametrize("kind", ["json", "json_array", "csv"])
def test_same_decimals(spark, tmp_path, kind):
    for precision, scale in ((10, 2), (5, 0), (15, 6), (32, 6), (19, 19)):
        (folder := tmp_path / f"{precision}").mkdir()
        texts = (
            DECIMALS
            if kind == "csv"
            else [
                *DECIMALS,
                *(f'"{text}"' for text in DECIMALS),
                *(f', "s": [{{"q": {text}}}]' for text in DECIMALS),
            ]
        )
        for i, text in enumerate(texts):
            row = f'{{"id": "a"{text}}}' if text.startswith(", ") else f'{{"id": "a", "p": {text}}}'
            (folder / f"{i:04}.dat").write_text(
                {"csv": f"id,p\na,{text}\n", "json": f"{row}\n", "json_array": f"[{row}]\n"}[kind]
            )
        ddl = f"id STRING, p DECIMAL({precision}, {scale})" + (
            f", s ARRAY<STRUCT<q: DECIMAL({precision}, {scale})>>" if kind != "csv" else ""
        )
        if kind == "json_array" and precision > 15:
            assert not can_read(
                FilesSource(kind="files", format=kind, schema=ddl), field_types(ddl)
            )
        else:
            assert len(texts) / 8 < same_rows(spark, folder, kind, ddl) < len(texts)


def same_rows(spark, folder, kind, ddl):  # how many files are exact
    "Compare what is exact with what Spark reads"
    source = FilesSource(
        kind="files", format=kind, schema=ddl, options={"header": "true"} if kind == "csv" else {}
    )
    types = field_types(ddl)
    assert can_read(source, types)
    inspection = inspect_files(source, list_files(str(folder)))
    said = {file: says for says, files in inspection.groups.items() for file in files}
    exact = {
        file: rows
        for file, says in said.items()
        if (rows := exact_rows(source, file, says, types)) is not None
    }
    parts = list(in_order(source, inspection, types, True))
    together = {
        file: part.rows.slice(sum(part.counts[:i]), count)
        for part in parts
        for i, (file, count) in enumerate(zip(part.files, part.counts, strict=False))
    }
    assert set(together) == set(exact) and all(
        str(rows_of(rows)) == str(rows_of(together[file])) for file, rows in exact.items()
    ), "one by one and together"
    assert max(len(part.files) for part in parts) > 1 or kind != "json"
    careful = defaultdict(list)
    for row in rows_of(
        read_files(spark, source, inspect_files(source, list(exact)), types).toArrow()
    ):
        careful[row["_source_file"]].append(row)
    for file, rows in exact.items():
        theirs = careful[source_path(file)]
        assert not [r for r in theirs if r["_reason"] or r["_rescued_data"]], (file, theirs)
        assert sorted(map(str, map(plain, rows_of(rows)))) == sorted(
            str(plain({n: r[n] for n in types})) for r in theirs
        ), (file, open(file.path, "rb").read()[:400])
        assert all(
            (r["_source_size"], r["_source_modified_at"])
            == (file.size, file.modified_ns // 10**6 * 1000)
            for r in theirs
        )
    return len(exact)


def avro_messages(rng, schemas):
    "(key, value, headers): most as they should be, some wrong in every way there is"
    import io

    import fastavro

    for n in range(3000):
        number, schema = rng.choice(list(schemas.items()))
        record = {
            "id": word(rng),
            "n": rng.choice([None, 0, -1, 2**31 - 1]),
            "big": rng.randint(-(2**63), 2**63 - 1),
            "f": rng.choice([0.25, -1e300, float("nan"), 5e-324])
            if rng.random() < 0.1
            else rng.random(),
            "ok": n % 2 == 0,
            "d": rng.choice([0, -719162, 20000]),
            "at": rng.choice([0, -1, 1_767_767_400_123]),
            "note": rng.choice([None, "", "ñ"]),
        }
        fastavro.schemaless_writer(
            out := io.BytesIO(), schema, {f["name"]: record[f["name"]] for f in schema["fields"]}
        )
        value = b"\0" + number.to_bytes(4, "big") + out.getvalue()
        if rng.random() < 0.03:
            value = rng.choice(
                [
                    None,
                    b"",
                    value[:3],
                    b"\x01" + value[1:],
                    b"\0\x7f\0\0\x01" + value[5:],
                    value[:-1],
                    value + b"\0",
                    value[:5] + b"\x04\xff\xff" + value[5:],
                    value[:5],
                    value[:5] + bytes(rng.randbytes(rng.randint(1, 40))),
                ]
            )
        yield (
            rng.choice(
                [None, b"", b"key", "ñ".encode(), b"\xff\xfe"] if rng.random() < 0.02 else [b"key"]
            ),
            value,
            rng.choice([None, [], [("trace", b"\x01\xff"), ("trace", None), ("ñ", b"")]])
            if rng.random() < 0.1
            else None,
        )


def json_messages(rng, schemas):
    "The same of JSON; a column that nobody declared comes late"
    for n in range(3000):
        value = (
            json_row(rng)
            if rng.random() < 0.1
            else json.dumps(
                {
                    "id": word(rng),
                    "n": n,
                    "big": -n,
                    "f": rng.random(),
                    "ok": True,
                    "d": "2026-01-07",
                    "at": "2026-01-07T06:30:00.123Z",
                    "tags": ["a", None],
                    "s": {"x": 1},
                }
                | ({"late": n} if n > 2500 else {})
            )
        )
        value = (
            rng.choice([None, b"", b"\xff" + value.encode(), b"\xef\xbb\xbf" + value.encode()])
            if rng.random() < 0.01
            else value.encode(errors="surrogatepass")
        )
        yield (
            rng.choice(
                [None, b"", b"key", "ñ".encode(), b"\xff\xfe"] if rng.random() < 0.02 else [b"key"]
            ),
            value,
            rng.choice([None, [], [("trace", b"\x01\xff"), ("trace", None), ("ñ", b"")]])
            if rng.random() < 0.1
            else None,
        )


FIELDS = [
    {"name": "id", "type": "string"},
    {"name": "n", "type": ["int", "null"]},
    {"name": "big", "type": "long"},
    {"name": "f", "type": "double"},
    {"name": "ok", "type": "boolean"},
    {"name": "d", "type": {"type": "int", "logicalType": "date"}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
]
VERSIONS = [
    {"type": "record", "name": "R", "fields": FIELDS},
    {
        "type": "record",
        "name": "R",
        "fields": [*FIELDS, {"name": "note", "type": ["null", "string"], "default": None}],
    },
]
MESSAGES = {
    "avro": (avro_messages, "{format: avro}"),
    "json": (json_messages, f'{{format: json, schema: "{NESTED}"}}'),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_same_records(spark, tmp_path, monkeypatch, kind):
    "A topic with everything in it, transactions too: what goes past Spark, and all of it by Spark, are the same tables"
    from confluent_kafka import Producer

    from motor_ingesta import ingest
    from motor_ingesta.bronze import last_batch
    from motor_ingesta.catalog.models import (
        Connections,
        KafkaConnection,
        RegistryConnection,
        parse_catalog,
    )
    from motor_ingesta.local.services import Services, free_port
    from motor_ingesta.pipeline.checkpoint import Checkpoint
    from motor_ingesta.pipeline.runner import MotorIngesta
    from motor_ingesta.simulator.events import make_topics
    from motor_ingesta.sources.registry import Registry

    messages, value_is = MESSAGES[kind]
    rng = random.Random(f"exact records {kind}")
    catalog = parse_catalog(
        f"datasets:\n  - datasource: shop\n    dataset: orders\n    schema_changes: evolve\n    source: {{kind: kafka, topic: shop.orders, max_records_per_batch: 1000, value: {value_is}}}\n"
    )
    with Services(tmp_path / "services", free_port(), free_port()) as endpoints:
        connections = Connections(
            kafka=KafkaConnection(bootstrap_servers=endpoints.bootstrap_servers),
            schema_registry=RegistryConnection(url=endpoints.schema_registry_url),
        )
        registry, config = Registry(connections.schema_registry), connections.kafka.client_config()
        schemas = {registry.register("shop.orders-value", json.dumps(v)): v for v in VERSIONS}
        make_topics(config, ("shop.orders",), 3)
        producer = Producer(config | {"transactional.id": "shop"})
        producer.init_transactions(30)
        for n, (key, value, headers) in enumerate(messages(rng, schemas)):
            if n % 300 == 0:
                if n:
                    producer.flush(30)
                    producer.abort_transaction(30) if n % 900 == 0 else producer.commit_transaction(
                        30
                    )
                producer.begin_transaction()
            producer.produce("shop.orders", value, key, headers=headers)
        producer.commit_transaction(30)
        tables = {}
        for way in ("quick", "careful"):
            engine = MotorIngesta(
                tmp_path / way, catalog.model_copy(update={"connections": connections}), spark=spark
            )
            if way == "careful":
                monkeypatch.setattr(ingest, "exact_writers", lambda *a: {})
                monkeypatch.setattr(ingest, "may_be_exact_json", lambda *a: False)
            else:
                with monkeypatch.context() as patch:  # dies when the first batch is half written
                    patch.setattr(
                        ingest.Road,
                        "_write",
                        lambda *a: (_ for _ in ()).throw(RuntimeError("killed")),
                    )
                    assert "killed" in engine.run().failed[0].error
            report = engine.run()
            assert not report.failed, report.failed
            bronze, quarantine = (
                engine.lake.bronze("shop/orders"),
                engine.lake.quarantine("shop/orders"),
            )
            identity = Checkpoint(
                engine.lake.checkpoint("shop/orders"), dataset="shop/orders"
            ).identity
            assert (last_batch(bronze, f"{identity}/exact") >= 0) == (way == "quick")
            tables[way] = [
                sorted(
                    str(
                        plain(
                            {n: v for n, v in row.items() if n not in ("_ingested_at", "_run_id")}
                        )
                    )
                    for row in as_written(
                        spark.read.format("delta").load(uri).toArrow()
                    ).to_pylist()
                )
                for uri in (bronze, quarantine)
            ]
            counts = report.datasets[0]
            assert (counts.rows_written, counts.rows_quarantined) == tuple(map(len, tables[way])), (
                "counted as they are"
            )
            assert engine.audit().difference == 0
        assert tables["quick"][0] == tables["careful"][0]
        assert tables["quick"][1] == tables["careful"][1]
        assert len(tables["quick"][0]) > 1500 and len(tables["quick"][1]) > 20


def as_written(table):
    "Moments as numbers and texts as bytes: Python has no year 0, and Spark's texts may be none"

    def raw(kind):
        return (
            pa.int64()
            if pa.types.is_timestamp(kind)
            else pa.int32()
            if pa.types.is_date(kind)
            else pa.binary()
            if pa.types.is_string(kind)
            else kind
        )

    return table.cast(pa.schema([pa.field(f.name, raw(f.type)) for f in table.schema]))
