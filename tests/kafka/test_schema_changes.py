"Every way a source changes, under every mode, for files and for events: no value is lost, and bronze says what became of it"

import datetime as dt
import io
import json
import struct
from pathlib import Path

import fastavro
import pyarrow as pa
import pytest
from pyarrow import parquet

from motor_ingesta.catalog.models import KafkaConnection, RegistryConnection, parse_catalog
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.events import make_topics
from motor_ingesta.sources.registry import Registry
from support.topics import OrderedProducer

DDL = "id STRING, n INT, at DATE, place STRUCT<city: STRING, zip: INT>, tags ARRAY<STRUCT<k: STRING, v: INT>>"
ROW = {
    "id": "a",
    "n": 7,
    "at": "2026-01-07",
    "place": {"city": "Lugo", "zip": 27001},
    "tags": [{"k": "soil", "v": 1}, {"k": "wet", "v": 2}],
}
AVRO_READER = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "id", "type": ["null", "string"], "default": None},
        {"name": "n", "type": ["null", "int"], "default": None},
        {"name": "at", "type": ["null", {"type": "int", "logicalType": "date"}], "default": None},
        {
            "name": "place",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "Place",
                    "fields": [
                        {"name": "city", "type": ["null", "string"]},
                        {"name": "zip", "type": ["null", "int"]},
                    ],
                },
            ],
            "default": None,
        },
        {
            "name": "tags",
            "type": [
                "null",
                {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "Tag",
                        "fields": [
                            {"name": "k", "type": ["null", "string"]},
                            {"name": "v", "type": ["null", "int"]},
                        ],
                    },
                },
            ],
            "default": None,
        },
    ],
}
BIG = 3_000_000_000


def without(row, *names):
    return {k: v for k, v in row.items() if k not in names}


# change → (the row as it comes now, is it a difference of the schema for mode `fail`, does `evolve` take all of it into columns)
CHANGES = {
    "nothing": (ROW, False, True),
    "another order": (dict(reversed(ROW.items())), False, True),
    "removed": (without(ROW, "n"), False, True),
    "removed inside": (ROW | {"place": {"city": "Lugo"}}, False, True),
    "added": (ROW | {"battery": 0.5}, True, True),
    "added structure": (ROW | {"signal": {"dbm": -70, "cell": {"lac": 12}}}, True, True),
    "renamed": (without(ROW, "n") | {"amount": 7}, True, True),
    "case only": (without(ROW, "n") | {"N": 7}, True, False),
    "wider": (ROW | {"n": BIG}, True, True),
    "a word for a number": (ROW | {"n": "many"}, True, False),
    "added inside": (ROW | {"place": {"city": "Lugo", "zip": 27001, "country": "ES"}}, True, True),
    "wider inside": (ROW | {"place": {"city": "Lugo", "zip": BIG}}, True, None),
    "a word inside": (ROW | {"place": {"city": "Lugo", "zip": "A-1"}}, True, False),
    "added in an array": (ROW | {"tags": [{"k": "soil", "v": 1, "unit": "cm"}]}, True, True),
    "a structure for a number": (ROW | {"n": {"low": 1, "high": 2}}, True, False),
    "a word for a structure": (ROW | {"place": "Lugo, 27001"}, True, False),
    "a number for an array": (ROW | {"tags": 12345}, True, False),
}


def leaves(value) -> set[str]:
    "What a value says, without how it is packed"
    if isinstance(value, dict):
        return set().union(*(leaves(v) for v in value.values()), set())
    if isinstance(value, (list, tuple)):
        return set().union(*(leaves(v) for v in value), set())
    if isinstance(value, str) and value[:1] in ("{", "["):
        return leaves(json.loads(value))
    return set() if value is None else {str(value)}


def avro_type(value, name="R"):
    if isinstance(value, dict):
        return {
            "type": "record",
            "name": name,
            "fields": [
                {"name": k, "type": ["null", avro_type(v, f"{name}_{k}")]} for k, v in value.items()
            ],
        }
    if isinstance(value, list):
        return {"type": "array", "items": avro_type(value[0], f"{name}_item")}
    if isinstance(value, dt.date):
        return {"type": "int", "logicalType": "date"}
    if isinstance(value, int):
        return "int" if abs(value) < 2**31 else "long"
    return "double" if isinstance(value, float) else "string"


def arrow_type(value):
    if isinstance(value, dict):
        return pa.struct([(k, arrow_type(v)) for k, v in value.items()])
    if isinstance(value, list):
        return pa.list_(arrow_type(value[0]))
    if isinstance(value, dt.date):
        return pa.date32()
    if isinstance(value, int):
        return pa.int32() if abs(value) < 2**31 else pa.int64()
    return pa.float64() if isinstance(value, float) else pa.string()


def with_date(row):
    return row | {"at": dt.date.fromisoformat(row["at"])}


def as_parquet(row):
    row = with_date(row)
    parquet.write_table(
        pa.Table.from_pylist([row], pa.schema([(k, arrow_type(v)) for k, v in row.items()])),
        out := io.BytesIO(),
    )
    return out.getvalue()


def as_avro(row):
    fastavro.writer(
        out := io.BytesIO(),
        fastavro.parse_schema(avro_type(with_date(row)), _write_hint=False),
        [with_date(row)],
    )
    return out.getvalue()


FILES = {
    "json": lambda row: json.dumps(row).encode() + b"\n",
    "json_array": lambda row: json.dumps([row, row]).encode(),
    "parquet": as_parquet,
    "avro": as_avro,
}
EVENTS = ("kafka_json", "kafka_avro")


def source(kind: str, topic: str) -> str:
    if kind in FILES:
        return f'{{kind: files, format: {kind}, schema: "{DDL}", max_files_per_batch: 5}}'
    value = (
        f'{{format: json, schema: "{DDL}"}}'
        if kind == "kafka_json"
        else f"{{format: avro, schema: {json.dumps(AVRO_READER)}}}"
    )
    return f"{{kind: kafka, topic: {topic}, max_records_per_batch: 5, value: {value}}}"


def dataset(kind: str, mode: str) -> str:
    return f"  - {{datasource: {kind}, dataset: {mode}, schema_changes: {mode.split('_')[0]}, source: {source(kind, f'{kind}.{mode}')}}}"


MODES = ["rescue", "evolve", "ignore", *(f"fail_{i}" for i in range(len(CHANGES)))]
CATALOG = "\n".join(
    ["datasets:", *(dataset(kind, mode) for kind in (*FILES, *EVENTS) for mode in MODES)]
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    home = tmp_path_factory.mktemp("changes")
    with Services(home, free_port(), free_port()) as endpoints:
        engine = MotorIngesta(home, parse_catalog(CATALOG), engine="local")
        registry, config = (
            Registry(RegistryConnection(url=endpoints.schema_registry_url)),
            KafkaConnection(bootstrap_servers=endpoints.bootstrap_servers).client_config(),
        )
        make_topics(config, [f"{kind}.{mode}" for kind in EVENTS for mode in MODES], 1)
        with OrderedProducer(config) as producer:
            for i, (row, *_) in enumerate(CHANGES.values()):
                for mode in (*MODES[:3], f"fail_{i}"):
                    for kind, pack in FILES.items():
                        folder = Path(engine.lake.landing(f"{kind}/{mode}"), "2026/01/07")
                        folder.mkdir(parents=True, exist_ok=True)
                        (folder / f"{i:02}.{kind}").write_bytes(pack(row | {"id": f"{i}"}))
                    producer.produce(
                        f"kafka_json.{mode}", json.dumps(row | {"id": f"{i}"}).encode()
                    )
                    schema = avro_type(with_date(row))
                    fastavro.schemaless_writer(
                        body := io.BytesIO(),
                        fastavro.parse_schema(schema, _write_hint=False),
                        with_date(row) | {"id": f"{i}"},
                    )
                    producer.produce(
                        f"kafka_avro.{mode}",
                        b"\x00"
                        + struct.pack(
                            ">I", registry.register(f"kafka_avro.{mode}-value", json.dumps(schema))
                        )
                        + body.getvalue(),
                    )
        yield engine


def rows_of(engine, kind, mode):
    "(change's number → its bronze rows, its quarantined rows)"
    meta = {
        "_ingested_at",
        "_run_id",
        "_source_file",
        "_source_size",
        "_source_modified_at",
        "_topic",
        "_partition",
        "_offset",
        "_timestamp",
        "_key",
        "_headers",
        "_schema_id",
        "ingestion_date",
    }
    origin = (
        "_offset"
        if kind in EVENTS
        else "CAST(regexp_extract(_source_file, '([0-9]+)[.][a-z_]+$', 1) AS INT)"
    )
    bronze, quarantine = {}, {}
    table = engine.bronze(f"{kind}/{mode}")
    for number, *row in table.project(f"{origin} AS number, *").fetchall():
        values = dict(zip(table.columns, row, strict=True))
        kept = {name: value for name, value in values.items() if name not in meta}
        bronze.setdefault(number, []).append(kept)
    rejected = engine.quarantine(f"{kind}/{mode}").project(f"{origin} AS number, _reason, _raw")
    for number, reason, raw in rejected.fetchall():
        quarantine.setdefault(number, []).append((reason, bytes(raw or b"")))
    return bronze, quarantine


@pytest.mark.parametrize("mode", MODES[:3])
@pytest.mark.parametrize("kind", (*FILES, *EVENTS))
def test_no_value_is_lost(engine, kind, mode):
    report = engine.run(f"{kind}/{mode}").datasets[0]
    assert report.status == "succeeded", report.error
    bronze, quarantine = rows_of(engine, kind, mode)
    wrong, each = [], 2 if kind == "json_array" else 1
    for i, (change, (row, is_difference, evolves)) in enumerate(CHANGES.items()):
        good, bad, said = bronze.get(i, []), quarantine.get(i, []), leaves(row | {"id": f"{i}"})

        def told(text):
            return wrong.append((change, text, row, good, bad))

        if len(good) + len(bad) != each:
            told(f"{len(good) + len(bad)} rows instead of {each}")
            continue
        if mode != "ignore" and bad:
            told("in the quarantine, although its misfits can be rescued")
        for found in good:
            if mode != "ignore" and not said <= leaves(found):
                told(f"lost {said - leaves(found)}")
            if not is_difference and found["_rescued_data"]:
                told("rescued, although nothing is new")
            if mode == "rescue" and is_difference and not found["_rescued_data"]:
                told("nothing was rescued")
            if mode == "ignore" and found["_rescued_data"]:
                told("rescued, although it should be left out")
            if mode == "evolve" and evolves and found["_rescued_data"]:
                told("rescued, although bronze can grow by it")
    assert not wrong, "\n".join(map(str, wrong))
    audit = engine.audit(f"{kind}/{mode}")
    assert audit.difference == 0 and audit[0].pending == 0, audit[0].differences
    if mode == "evolve":
        history = engine.schemas(f"{kind}/evolve")
        told = "\n".join(change for changes in history.changes for change in changes)
        assert (
            len(history) > 1
            and "battery DOUBLE" in told
            and "place.country STRING" in told
            and "amount" in told
        ), told


@pytest.mark.parametrize("kind", (*FILES, *EVENTS))
def test_fail_stops_and_says_why(engine, kind):
    reports = engine.run(f"{kind}/fail_*").datasets
    wrong = []
    for (change, (_row, is_difference, _)), report in zip(CHANGES.items(), reports, strict=False):
        stopped = (
            report.status == "failed"
            and "does not have the dataset's schema" in report.error
            and report.rows_written == 0
        )
        misfit = report.status == "rejected" and report.rows_quarantined > 0
        if stopped != is_difference and not (is_difference and misfit):
            wrong.append(
                (change, report.status, report.rows_written, report.rows_quarantined, report.error)
            )
    assert not wrong, "\n".join(map(str, wrong))
