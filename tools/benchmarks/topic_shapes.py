"""Kafka topics: Avro of one and of several writers, poisoned Avro, JSON, text and bytes."""

import io
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import fastavro
from confluent_kafka import Producer

from motor_ingesta.catalog.models import Catalog, Dataset
from motor_ingesta.simulator.events import make_topics
from motor_ingesta.sources.registry import Registry
from motor_ingesta.storage.lake import Lake
from tools.benchmarks import avro_shapes, peers
from tools.benchmarks.json_shapes import json_lines
from tools.benchmarks.peers import PLAIN, PlainTopic
from tools.benchmarks.rows import FLAT, Oddness, ddl, select
from tools.benchmarks.shapes import DATASOURCE, Expected, Goals, Landed, Peer, goals
from tools.benchmarks.workbench import Workbench

POOL = 50_000  # different values; a topic repeats them
PARTITIONS = 4
Values = tuple[list[bytes], list[str]]  # and the kind of oddness of each

_AVRO_TYPES = {
    "STRING": "string",
    "DOUBLE": "double",
    "TIMESTAMP": {"type": "long", "logicalType": "timestamp-micros"},
}
READING = {
    "type": "record",
    "name": "Reading",
    "namespace": "com.farmia.iot",
    "fields": [{"name": column.name, "type": _AVRO_TYPES[column.type]} for column in FLAT],
}
_SIGNAL = {"name": "signal_dbm", "type": ["null", "int"], "default": None}
LATER_READING = READING | {"fields": [*READING["fields"], _SIGNAL]}


@dataclass(frozen=True)
class TopicShape:
    "Records of one kind in a topic of four partitions, with keys and headers."

    name: str
    title: str
    value: dict[str, Any]  # of the source, as the catalog has it
    values: Callable[[list[int]], Values]  # ids of the writers' schemas → values to repeat
    plain: PlainTopic
    writers: tuple[dict[str, Any], ...] = ()  # Avro schemas, oldest first
    goals: Goals = field(default_factory=dict)
    scale: float = 1.0  # of the rows that are asked for

    def land(self, bench: Workbench, rows: int) -> Landed:
        "Produce the records, or find them as an earlier call produced them."
        rows = int(rows * self.scale)
        topic = f"{self.name}.{rows}"
        note = bench.data / f"{topic}.json"
        if not note.exists():
            self._produce(bench, topic, rows).write(note)
        return Landed.read(note)

    def land_few(self, bench: Workbench) -> Landed:
        "The same in small, to warm up with."
        return replace(self, scale=1.0).land(bench, POOL)

    def _produce(self, bench: Workbench, topic: str, rows: int) -> Landed:
        registry = Registry(bench.connections.schema_registry)
        subject = f"{topic}-value"
        ids = [registry.register(subject, json.dumps(writer)) for writer in self.writers]
        values, odd = self.values(ids)
        config = bench.connections.kafka.client_config()
        make_topics(config, (topic,), PARTITIONS)
        repeats, rest = divmod(rows, len(values))
        _produce(config, topic, values * repeats + values[:rest])
        expected = Expected.of(odd * repeats + odd[:rest])
        size = sum(map(len, values)) * rows // len(values)
        return Landed(topic, rows, size, expected)

    def catalog(self, bench: Workbench, landed: Landed) -> Catalog:
        "The catalog that reads them."
        source = {"kind": "kafka", "topic": landed.place, "value": self.value}
        dataset = {"datasource": DATASOURCE, "dataset": self.name, "source": source}
        return Catalog(datasets=[Dataset.model_validate(dataset)], connections=bench.connections)

    def lake(self, landed: Landed, home: Path) -> Lake:
        "A lakehouse for them."
        return Lake(home)

    def peers(self) -> dict[str, Peer]:
        "What else reads them, by name."
        return {PLAIN: self._run_plain}

    def _run_plain(self, bench: Workbench, landed: Landed, to: Path) -> None:
        writers = {}
        if self.writers:
            registry = Registry(bench.connections.schema_registry)
            writers = registry.writers(f"{landed.place}-value")
        servers = bench.connections.kafka.bootstrap_servers
        peers.plain_topic(bench.spark, servers, landed.place, writers, to, self.plain)


def _produce(config: dict[str, Any], topic: str, values: list[bytes]) -> None:
    settings = {"linger.ms": 20, "compression.type": "lz4"}
    producer = Producer(config | settings | {"queue.buffering.max.messages": 500_000})
    headers = [("gateway", b"north-7")]
    for number, value in enumerate(values):
        key = f"dev-{number % 20_000:06}"
        try:
            producer.produce(topic, value, key, headers=headers)
        except BufferError:  # the queue is full
            producer.poll(1)
            producer.produce(topic, value, key, headers=headers)
    if producer.flush(120):
        raise RuntimeError(f"not all records of {topic} were produced")


def _readings() -> Iterator[dict[str, Any]]:
    with duckdb.connect() as database:
        rows = database.sql(select(FLAT, 0, POOL)).to_arrow_table().drop_columns("odd")
    yield from rows.to_pylist()


def _encoded(schema: dict[str, Any], schema_id: int, records: Iterator[dict]) -> list[bytes]:
    "Values in Confluent's wire format."
    parsed = fastavro.parse_schema(schema)
    header = b"\x00" + struct.pack(">I", schema_id)
    values = []
    for record in records:
        content = io.BytesIO()
        fastavro.schemaless_writer(content, parsed, record)
        values.append(header + content.getvalue())
    return values


def _as_declared(ids: list[int]) -> Values:
    return _encoded(READING, ids[0], _readings()), [""] * POOL


def _poisoned(ids: list[int]) -> Values:
    values, odd = _as_declared(ids)
    for number in range(0, POOL, 1000):
        values[number] = values[number][:-3]
        odd[number] = "broken"
    return values, odd


def _two_writers(ids: list[int]) -> Values:
    old = _encoded(READING, ids[0], _readings())
    later = ({**record, "signal_dbm": -70} for record in _readings())
    new = _encoded(LATER_READING, ids[1], later)
    return [new[i] if i % 2 else old[i] for i in range(POOL)], [""] * POOL


def _nested(ids: list[int]) -> Values:
    records = map(avro_shapes.harvest, range(POOL))
    return _encoded(avro_shapes.SCHEMA, ids[0], records), [""] * POOL


def _json(ids: list[int]) -> Values:
    lines, _ = json_lines(FLAT, 0, POOL, Oddness())
    return [line.encode() for line in lines], [""] * POOL


def _avro_shape(
    name: str,
    title: str,
    values: Callable[[list[int]], Values],
    *writers: dict[str, Any],
    scale: float = 1.0,
) -> TopicShape:
    plain = PlainTopic("avro", json.dumps(writers[-1]))
    return TopicShape(
        name, title, {"format": "avro"}, values, plain, writers, goals(0.4, spark=1.0), scale
    )


SHAPES = (
    _avro_shape("avro_topic", "Avro topic, as declared", _as_declared, READING),
    _avro_shape("avro_topic_ten", "Avro topic, ten times as long", _as_declared, READING, scale=10),
    _avro_shape(
        "avro_topic_nested",
        "Avro topic, nested, with decimals and enums",
        _nested,
        avro_shapes.SCHEMA,
    ),
    _avro_shape(
        "avro_topic_writers",
        "Avro topic, half of the writers with a field more",
        _two_writers,
        READING,
        LATER_READING,
    ),
    _avro_shape("avro_topic_poisoned", "Avro topic, 0.1 % poisoned", _poisoned, READING),
    TopicShape(
        "json_topic",
        "JSON topic, keys and headers",
        {"format": "json", "schema": ddl(FLAT)},
        _json,
        PlainTopic("json", ddl(FLAT)),
        goals=goals(0.3, spark=1.1),
    ),
    TopicShape(
        "string_topic",
        "text topic, keys and headers",
        {"format": "string"},
        _json,
        PlainTopic("string"),
        goals=goals(0.3, spark=1.1),
    ),
    TopicShape(
        "binary_topic",
        "binary topic, keys and headers",
        {"format": "binary"},
        _json,
        PlainTopic("binary"),
        goals=goals(0.3, spark=1.1),
    ),
)
