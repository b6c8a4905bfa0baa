"""Rows in, rows out: each row of any source is in bronze once, or in the quarantine once.

    pytest tests/kafka/test_properties.py -n 0 --examples 50 --seed 1

tries more examples, and writes down how many files and rows they were. An example is a few files, or
a few dozen records, which four datasets read in batches of a few: one of each way of taking a changed
schema.
"""

import io
import json
import shutil
import struct
import uuid
from collections import Counter
from pathlib import Path

import fastavro
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from motor_ingesta.catalog.models import KafkaConnection, RegistryConnection, parse_catalog
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.events import make_topics
from motor_ingesta.sources.registry import Registry
from motor_ingesta.storage.lake import plain_path
from support.strategies import DDL, FILES, RECORDS, files_source, line_bytes
from support.topics import OrderedProducer
from tools.faults.figures import record_part

MODES = ("rescue", "evolve", "fail", "ignore")
EXAMPLES = 5  # of each kind, unless `--examples` says another number
READER_FIELDS = {
    "id": "string",
    "n": "int",
    "at": {"type": "long", "logicalType": "timestamp-micros"},
    "place": {
        "type": "record",
        "name": "Place",
        "fields": [{"name": "x", "type": ["null", "int"]}],
    },
}


def reader_schema():
    fields = [
        {"name": name, "type": ["null", kind], "default": None}
        for name, kind in READER_FIELDS.items()
    ]
    return json.dumps({"type": "record", "name": "Row", "fields": fields})


def catalog(source, connections=None):
    "A dataset of each mode."
    datasets = [
        {"datasource": "any", "dataset": mode, "schema_changes": mode, "source": source}
        for mode in MODES
    ]
    return parse_catalog(json.dumps({"connections": connections or {}, "datasets": datasets}))


class FileExample:
    "Generated files, in landing of each dataset."

    def __init__(self, home, kind, drawn):
        self.kind, self.drawn = kind, drawn
        source = files_source(kind) | {"max_files_per_batch": 4}
        self.engine = MotorIngesta(home / uuid.uuid4().hex, catalog(source), engine="local")
        for mode in MODES:
            self._land(Path(self.engine.lake.landing(f"any/{mode}"), "2026/01/07"))

    def _land(self, folder):
        folder.mkdir(parents=True)
        for number, (content, _) in enumerate(self.drawn):
            (folder / f"{number}.dat").write_bytes(content)

    def expected(self):
        "How many rows of each file there must be."
        rows = {str(number): count for number, (_, count) in enumerate(self.drawn)}
        return +Counter(rows)

    def size(self):
        return {"files": len(self.drawn)}

    def origin(self, row):
        return Path(plain_path(row["_source_file"])).stem


class TopicExample:
    "Generated records, in a topic that each dataset reads."

    def __init__(self, home, kind, drawn, endpoints):
        self.topic = f"any.{uuid.uuid4().hex}"
        registry = Registry(RegistryConnection(url=endpoints.schema_registry_url))
        self.records = [*wire_values(registry, self.topic, drawn)]
        produce(endpoints.bootstrap_servers, self.topic, self.records)
        connections = {
            "kafka": {"bootstrap_servers": endpoints.bootstrap_servers},
            "schema_registry": {"url": endpoints.schema_registry_url},
        }
        value = {"format": "json", "schema": DDL}
        if kind == "kafka_avro":
            value = {"format": "avro", "schema": reader_schema()}
        source = {"kind": "kafka", "topic": self.topic, "max_records_per_batch": 25, "value": value}
        datasets = catalog(source, connections)
        self.engine = MotorIngesta(home / uuid.uuid4().hex, datasets, engine="local")

    def expected(self):
        "Each offset once."
        return Counter(range(len(self.records)))

    def size(self):
        return {}

    def origin(self, row):
        return row["_offset"]


def wire_values(registry, topic, drawn):
    "What was drawn as values of records; Avro schemas are registered."
    for one in drawn:
        if isinstance(one, tuple):
            yield from avro_values(registry, topic, *one)
        else:
            yield None if one is None else line_bytes(one)


def avro_values(registry, topic, schema, records):
    schema_id = registry.register(f"{topic}-value", json.dumps(schema))
    parsed = fastavro.parse_schema(schema, _write_hint=False)
    for record in records:
        body = io.BytesIO()
        fastavro.schemaless_writer(body, parsed, record)
        yield b"\x00" + struct.pack(">I", schema_id) + body.getvalue()


def produce(servers, topic, values):
    config = KafkaConnection(bootstrap_servers=servers).client_config()
    make_topics(config, (topic,), 1)
    with OrderedProducer(config) as producer:
        for value in values:
            producer.produce(topic, value)


def origins(example, mode):
    "The file or the offset of each row of a dataset, in both tables."
    lake = example.engine.lake
    found = Counter()
    for uri in (lake.bronze(f"any/{mode}"), lake.quarantine(f"any/{mode}")):
        if Path(uri, "_delta_log").exists():
            rows = DeltaTable(uri).to_pyarrow_table().to_pylist()
            found.update(example.origin(row) for row in rows)
    return found


def check_dataset(example, mode, report):
    found, expected = origins(example, mode), example.expected()
    if mode == "fail" and report.status == "failed":
        assert "does not have the dataset's schema" in report.error, report.error
        assert not found - expected, (mode, found - expected)
        return
    assert report.status in ("succeeded", "rejected"), (mode, report.error)
    assert found == expected, (mode, found - expected, expected - found)


def check(example):
    "Run the four datasets; how many rows there were and what became of them."
    reports = dict(zip(MODES, example.engine.run().datasets, strict=True))
    for mode, report in reports.items():
        check_dataset(example, mode, report)
    done = [f"any/{mode}" for mode in MODES if reports[mode].status != "failed"]
    audits = example.engine.audit(*done, everything=True)
    assert audits.difference == 0, [[*audit.differences, *audit.wrong] for audit in audits]
    written = sum(one.rows_written + one.rows_quarantined for one in reports.values())
    shutil.rmtree(example.engine.lake.home)
    return {
        "examples": 1,
        "rows": sum(example.expected().values()),
        "rows in tables": written,
        "stopped by fail": len(MODES) - len(done),
    } | example.size()


def try_examples(make, strategy, count, seed_number):
    "Check `count` examples; how many files or records, and rows, they were."
    tried = Counter()

    @seed(seed_number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def holds(drawn):
        tried.update(check(make(drawn)))

    holds()
    return dict(tried)


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory):
    with Services(tmp_path_factory.mktemp("services"), free_port(), free_port()) as endpoints:
        yield endpoints


@pytest.mark.parametrize("kind", FILES)
def test_rows_of_files(tmp_path, size, kind):
    files = st.lists(FILES[kind], min_size=4, max_size=12)
    examples = size.examples or EXAMPLES
    tried = try_examples(
        lambda drawn: FileExample(tmp_path, kind, drawn), files, examples, size.seed
    )
    assert tried["examples"] >= examples
    if size.examples:
        record_part("properties", kind, tried | {"seed": size.seed})


@pytest.mark.parametrize("kind", RECORDS)
def test_rows_of_topics(endpoints, tmp_path, size, kind):
    def make(drawn):
        return TopicExample(tmp_path, kind, drawn, endpoints)

    examples = size.examples or EXAMPLES
    tried = try_examples(make, RECORDS[kind], examples, size.seed)
    assert tried["examples"] >= examples
    if size.examples:
        record_part("properties", kind, tried | {"seed": size.seed})
