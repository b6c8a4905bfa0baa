"""Generated events for datasets that are not FarmIA's, counted against the manifest after a run."""

import json
from collections import Counter

import pytest

from motor_ingesta.catalog.models import Dataset, RegistryConnection
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.generator import DatasetGenerator
from motor_ingesta.simulator.trouble import Trouble
from motor_ingesta.sources.registry import Registry
from support.trust import Home

COLUMNS = "order_id STRING, op STRING, total DECIMAL(8,2), at TIMESTAMP, lines ARRAY<INT>"
RECORD = {
    "type": "record",
    "name": "Visit",
    "fields": [
        {"name": "visit_id", "type": "long"},
        {"name": "page", "type": {"type": "enum", "name": "Page", "symbols": ["HOME", "CART"]}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {
            "name": "price",
            "type": [
                "null",
                {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2},
            ],
            "default": None,
        },
        {"name": "city", "type": ["null", "string"], "default": None},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
VALUES = {
    "json": {"format": "json", "schema": COLUMNS},
    "avro": {"format": "avro", "schema": RECORD},
    "avro_of_the_registry": {"format": "avro"},
    "string": {"format": "string"},
}
KINDS = [
    "late",
    "duplicate",
    "corrupt",
    "missing",
    "null",
    "misfit",
    "new_column",
    "renamed",
    "retyped",
    "dropped",
]
TROUBLE = Trouble(**dict.fromkeys((*KINDS, "update", "delete", "tombstone"), 0.05))


@pytest.fixture(scope="module")
def connections(tmp_path_factory):
    with Services(tmp_path_factory.mktemp("kafka"), free_port(), free_port()) as endpoints:
        yield {
            "kafka": {"bootstrap_servers": endpoints.bootstrap_servers},
            "schema_registry": {"url": endpoints.schema_registry_url},
        }


@pytest.mark.parametrize("name", VALUES)
def test_a_run_is_counted_against_the_manifest(tmp_path, connections, name):
    topic = f"shop.{name}"
    if name == "avro_of_the_registry":
        registry = Registry(RegistryConnection(**connections["schema_registry"]))
        registry.register(f"{topic}-value", json.dumps(RECORD))
    source = {"kind": "kafka", "topic": topic, "value": VALUES[name]}
    home = Home(tmp_path, source=source, connections=connections, max_rejected=1.0)
    runner: MotorIngesta = home.runner()
    dataset: Dataset = runner.catalog.datasets[0]
    generator = DatasetGenerator(dataset, runner.catalog, connections=runner.connections())
    made = generator.events(runner.lake, 600, trouble=TROUBLE)
    assert sum(made.topics.values()) == made.rows > 600
    report = home.run()
    assert report.rows_read == made.rows
    counts = (report.rows_written, report.rows_quarantined, report.rows_rescued)
    assert counts == (made.bronze, made.quarantine, made.rescued), home.reasons()
    assert sum(home.reasons().values()) == made.quarantine
    if name == "json":
        operations = Counter(row["op"] for row in home.rows())
        assert operations["u"] > 0 and operations["d"] > 0
