"""Topics: nothing lost, nothing doubled, on a real broker."""

import io
import json
import re
import shutil
import struct
import time
from collections import Counter
from decimal import Decimal

import fastavro
import httpx
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from deltalake import DeltaTable

from motor_ingesta.catalog.models import RegistryConnection
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.sources.registry import Registry
from support.home_v1 import copy_home
from support.kills import run_killed_at
from support.topics import OrderedProducer
from support.trust import Home

JSON = {"format": "json", "schema": "id BIGINT, note STRING"}


class Broker:
    def __init__(self, endpoints):
        self.address = endpoints.bootstrap_servers
        self.admin = AdminClient({"bootstrap.servers": self.address})
        self.registry = Registry(RegistryConnection(url=endpoints.schema_registry_url))

    def create(self, topic, partitions=1):
        self.admin.create_topics([NewTopic(topic, partitions)])[topic].result(30)

    def delete(self, topic):
        self.admin.delete_topics([topic])[topic].result(30)
        while topic in self.admin.list_topics(timeout=10).topics:
            time.sleep(0.1)

    def produce(self, topic, *values, partition=0):
        with OrderedProducer({"bootstrap.servers": self.address}) as producer:
            for value in values:
                producer.produce(topic, value, partition=partition)

    def produce_ids(self, topic, ids, partition=0):
        self.produce(topic, *(json.dumps({"id": n}) for n in ids), partition=partition)

    def open_transaction(self, topic, *values):
        producer = Producer({"bootstrap.servers": self.address, "transactional.id": f"{topic}-t"})
        producer.init_transactions()
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value)
        producer.flush(30)
        return producer

    def remove_before(self, topic, offset):
        at = TopicPartition(topic, 0, offset)
        self.admin.delete_records([at])[at].result(30)

    def home(self, path, *, value=JSON, **source):
        connections = {
            "kafka": {"bootstrap_servers": self.address},
            "schema_registry": {"url": self.registry.url},
        }
        source = {"kind": "kafka", "value": value} | source
        return Home(path, source=source, connections=connections)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    home = tmp_path_factory.mktemp("kafka")
    with Services(home, free_port(), free_port()) as endpoints:
        yield Broker(endpoints)


def test_latest_reads_what_comes_after_the_first_look(broker, tmp_path):
    """Never read anything: the start moved to the end at each look."""
    broker.create("latest")
    broker.produce_ids("latest", [1, 2])
    home = broker.home(tmp_path, topic="latest", starting_offsets="latest")
    assert home.run().rows_read == 0
    broker.produce_ids("latest", [3])
    home.run()
    broker.produce_ids("latest", [4])
    home.run()
    assert home.column("id") == [3, 4]
    assert home.difference() == 0


def test_a_topic_that_is_left_out_for_a_while_keeps_its_position(broker, tmp_path):
    """`topics: [a, b]`, `[a]`, `[a, b]` read b again from its start."""
    for topic in ("left-a", "left-b"):
        broker.create(topic)
        broker.produce_ids(topic, [1, 2])
    home = broker.home(tmp_path, topics=["left-a", "left-b"])
    home.run()
    home.edit(source={"topics": ["left-a"]})
    broker.produce_ids("left-a", [3])
    home.run()
    home.edit(source={"topics": ["left-a", "left-b"]})
    broker.produce_ids("left-b", [3])
    home.run()
    assert Counter(home.column("id")) == {1: 2, 2: 2, 3: 2}
    assert home.difference() == 0


def test_a_batch_without_a_partition_keeps_its_position(broker, tmp_path):
    """A partition without news was not in the batch, and lost its position."""
    broker.create("quiet", 2)
    broker.produce_ids("quiet", [1], partition=0)
    broker.produce_ids("quiet", [2], partition=1)
    home = broker.home(tmp_path, topic="quiet")
    home.run()
    for number in (3, 4):
        broker.produce_ids("quiet", [number], partition=0)
        home.run()
    broker.produce_ids("quiet", [5], partition=1)
    home.run()
    assert home.column("id") == [1, 2, 3, 4, 5]


def test_a_topic_that_was_made_again_is_told_and_not_skipped(broker, tmp_path):
    """Its records before the old position were lost, and the audit said nothing."""
    broker.create("again")
    broker.produce_ids("again", [1, 2])
    home = broker.home(tmp_path, topic="again")
    home.run()
    broker.delete("again")
    broker.create("again")
    broker.produce_ids("again", [3, 4, 5])
    said = home.failure()
    assert "again" in said and re.search("created again|deleted|another", said), said
    audit = home.runner().audit(everything=True)
    assert audit.difference > 0 or any(one.notes for one in audit), audit.to_dict()
    assert home.column("id") == [1, 2]


def test_an_edited_catalog_does_not_change_a_batch_that_is_half_written(
    broker, tmp_path, monkeypatch
):
    broker.create("half")
    broker.produce("half", '{"id": 1}', '{"id": "two"}', '{"id"', '{"id": 4, "more": 1}')
    home = broker.home(tmp_path, topic="half")
    from motor_ingesta.engines import local

    real = local._commit_files

    def commit(batch, target, data_files):
        if target is batch.bronze:
            raise RuntimeError("killed here")
        real(batch, target, data_files)

    monkeypatch.setattr(local, "_commit_files", commit)
    home.failure()
    monkeypatch.undo()
    home.edit(source={"value": JSON | {"schema": "id STRING"}}, schema_changes="fail")
    home.run()
    assert [row["id"] for row in home.rows()] == [1, None, 4]
    assert home.reasons() == {"malformed_json": 1}
    assert home.difference() == 0


def test_an_open_transaction_does_not_hold_back_what_is_before_it(broker, tmp_path):
    """Committed records before it were not delivered, and the run failed after 210 s."""
    broker.create("orders")
    broker.produce_ids("orders", [1, 2])
    open_one = broker.open_transaction("orders", '{"id": 3}')
    broker.produce_ids("orders", [4])
    home = broker.home(tmp_path, topic="orders")
    began = time.monotonic()
    home.run()
    assert time.monotonic() - began < 30
    assert home.column("id") == [1, 2]
    open_one.commit_transaction()
    home.run()
    assert home.column("id") == [1, 2, 3, 4]
    assert home.difference() == 0


def test_retention_that_overtakes_a_planned_batch_is_counted_and_passed(
    broker, tmp_path, monkeypatch
):
    """Every later run failed, and the advice named an option that the catalog refuses."""
    broker.create("kept")
    broker.produce_ids("kept", range(10))
    home = broker.home(tmp_path, topic="kept")
    from motor_ingesta.engines.local import LocalEngine

    def killed(*_):
        raise RuntimeError("killed here")

    monkeypatch.setattr(LocalEngine, "write", killed)
    home.failure()
    monkeypatch.undo()
    broker.remove_before("kept", 6)
    report = home.run()
    assert home.column("id") == [6, 7, 8, 9]
    assert report.lost_offsets == 6
    assert any("kept" in warning and "0 to 5" in warning for warning in report.warnings)
    broker.produce_ids("kept", [10])
    assert not home.run().error
    assert home.column("id") == [6, 7, 8, 9, 10]


def test_a_batch_that_is_whole_needs_no_records_to_be_finished(broker, tmp_path, monkeypatch):
    """Killed before its commit, and then retention: nothing may be missing, nor said to be lost."""
    broker.create("done")
    broker.produce_ids("done", range(5))
    home = broker.home(tmp_path, topic="done")

    def killed(*_):
        raise RuntimeError("killed here")

    monkeypatch.setattr("motor_ingesta.storage.checkpoint.Checkpoint.commit", killed)
    home.failure()
    monkeypatch.undo()
    broker.remove_before("done", 5)
    home.run()
    assert home.column("id") == [0, 1, 2, 3, 4]
    assert home.rows("quarantine") == []


def times_of_old_records(home):
    "Offset → time, of the records that the version before read."
    found = {}
    for zone in ("bronze", "quarantine"):
        table = DeltaTable(str(home / "datalakecaso" / zone / "farm/events")).to_pyarrow_table()
        found |= dict(
            zip(table["_offset"].to_pylist(), table["_timestamp"].to_pylist(), strict=True)
        )
    return found


def test_a_topic_of_the_version_before_goes_on(broker, tmp_path):
    home = copy_home(tmp_path)
    broker.create("farm.events")
    with OrderedProducer({"bootstrap.servers": broker.address}) as producer:
        for offset, moment in sorted(times_of_old_records(home).items()):
            value = json.dumps({"id": offset, "kind": "k"}) if offset < 8 else "not json"
            producer.produce("farm.events", value, timestamp=int(moment.timestamp() * 1000))
        producer.produce("farm.events", '{"id": 9, "kind": "new"}')
    text = (home / "catalog.yml").read_text()
    connections = f"connections:\n  kafka: {{bootstrap_servers: '{broker.address}'}}\n"
    (home / "catalog.yml").write_text(text + connections)
    runner = MotorIngesta(home, home / "catalog.yml", engine="local")
    report = runner.run("farm/events").datasets[0]
    assert (report.error, report.rows_written, report.rows_quarantined) == ("", 1, 0)
    audit = runner.audit("farm/events", everything=True)
    assert audit.difference == 0, audit.to_dict()


EDITS = {
    "as it was": {},
    "more columns": {
        "source": {"value": JSON | {"schema": "id BIGINT, more BIGINT, note STRING"}},
        "schema_changes": "ignore",
    },
}


@pytest.mark.parametrize("edit", EDITS)
def test_kill_at_each_write(broker, tmp_path, edit):
    """Each place of a second batch; then the catalog is edited, and the next run makes it whole."""
    topic = "kill-" + edit.replace(" ", "-")
    broker.create(topic, 2)
    broker.produce_ids(topic, [0, 1], partition=0)
    template = broker.home(tmp_path / "template", topic=topic)
    template.run()
    for partition in (0, 1):
        values = [f'{{"id": {n}, "more": {n}}}' for n in (2, 3)]
        broker.produce(topic, *values, '{"id": "x"}', '{"id"', partition=partition)
    whole = tmp_path / "whole"
    shutil.copytree(template.path, whole)
    for place, name in enumerate(run_killed_at(whole, whole / "catalog.yml", -1)):
        path = tmp_path / str(place)
        shutil.copytree(template.path, path)
        assert run_killed_at(path, path / "catalog.yml", place) is None, name
        home = broker.home(path, topic=topic)
        home.edit(**EDITS[edit])
        home.run()
        places = Counter(
            (row["_partition"], row["_offset"])
            for zone in ("bronze", "quarantine")
            for row in home.rows(zone)
        )
        assert places == Counter([(0, n) for n in range(6)] + [(1, n) for n in range(4)]), name
        assert home.difference() == 0, name
        shutil.rmtree(path)


# 16: a version of a subject from which no table can be made

STEP = {"type": "record", "name": "Step", "fields": [{"name": "next", "type": ["null", "Step"]}]}
HUGE = {"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": 2}
LEVEL = {"type": "enum", "name": "Level", "symbols": ["LOW", "HIGH"]}
POISONED = {
    "a bare string": ("string", "text"),
    "an enum": (LEVEL, "HIGH"),
    "a union": (["null", "string"], "text"),
    "recursive": (STEP, {"next": {"next": None}}),
    "60 digits": (
        {"type": "record", "name": "Price", "fields": [{"name": "price", "type": HUGE}]},
        {"price": Decimal("1.25")},
    ),
}


def order_schema(*more):
    fields = [{"name": "id", "type": "long"}]
    fields += [{"name": name, "type": ["null", "string"], "default": None} for name in more]
    return {"type": "record", "name": "Order", "fields": fields}


def framed(schema_id, schema, value):
    "A value as Confluent's serializers write it."
    body = io.BytesIO(b"\x00" + struct.pack(">I", schema_id))
    body.seek(5)
    fastavro.schemaless_writer(body, schema, value)
    return body.getvalue()


def produce_avro(broker, topic, schema, *values):
    "Register a schema, and produce values with it; its id."
    schema_id = broker.registry.register(f"{topic}-value", json.dumps(schema))
    broker.produce(topic, *(framed(schema_id, schema, value) for value in values))
    return schema_id


@pytest.mark.parametrize("mode", ["rescue", "evolve", "fail", "ignore"])
def test_a_poisoned_version_stops_no_dataset(broker, tmp_path, mode):
    """Each of these versions in a subject stopped its dataset for ever."""
    topic = f"poisoned-{mode}"
    broker.create(topic)
    produce_avro(broker, topic, order_schema(), {"id": 1})
    ids = [produce_avro(broker, topic, *POISONED[name]) for name in POISONED]
    home = broker.home(tmp_path, topic=topic, value={"format": "avro"})
    home.edit(schema_changes=mode, max_rejected=1.0)
    home.run()
    assert home.column("id") == [1]
    assert home.reasons() == {"undecodable_avro": len(POISONED)}
    details = " ".join(row["_detail"] for row in home.rows("quarantine"))
    assert all(f"the schema {schema_id} " in details for schema_id in ids), details
    produce_avro(broker, topic, order_schema(), {"id": 2})
    home.run()
    assert home.column("id") == [1, 2]
    assert home.difference() == 0


def test_a_new_version_beside_a_poisoned_one_is_evolved_to(broker, tmp_path):
    broker.create("beside")
    produce_avro(broker, "beside", *POISONED["recursive"])
    produce_avro(broker, "beside", order_schema(), {"id": 1})
    home = broker.home(tmp_path, topic="beside", value={"format": "avro"})
    home.edit(schema_changes="evolve", max_rejected=1.0)
    home.run()
    produce_avro(broker, "beside", *POISONED["a bare string"])
    produce_avro(broker, "beside", order_schema("note"), {"id": 2, "note": "new"})
    home.run()
    assert {(row["id"], row["note"]) for row in home.rows()} == {(1, None), (2, "new")}
    assert home.difference() == 0


def test_a_subject_of_poisoned_versions_only_is_told(broker, tmp_path):
    broker.create("only")
    schema_id = produce_avro(broker, "only", *POISONED["a bare string"])
    home = broker.home(tmp_path, topic="only", value={"format": "avro"})
    said = home.failure()
    assert "only-value" in said and str(schema_id) in said and "record" in said, said
    produce_avro(broker, "only", order_schema(), {"id": 1})
    home.edit(max_rejected=1.0)
    home.run()
    assert home.column("id") == [1]
    assert home.reasons() == {"undecodable_avro": 1}


def test_a_schema_that_is_no_avro_is_named(broker, tmp_path):
    broker.create("clicks")
    produce_avro(broker, "clicks", order_schema(), {"id": 1})
    url = f"{broker.registry.url}/subjects/forms-value/versions"
    schema = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'
    answer = httpx.post(url, json={"schema": schema, "schemaType": "JSON"})
    schema_id = answer.raise_for_status().json()["id"]
    broker.produce("clicks", b"\x00" + struct.pack(">I", schema_id) + b'{"id": 2}')
    home = broker.home(tmp_path, topic="clicks", value={"format": "avro"})
    home.edit(max_rejected=1.0)
    home.run()
    assert home.column("id") == [1]
    [rejected] = home.rows("quarantine")
    assert rejected["_reason"] == "unknown_schema_id"
    assert "is JSON, and only Avro is read" in rejected["_detail"]
    assert home.difference() == 0


def test_keys_of_a_poisoned_version_stay_bytes(broker, tmp_path):
    broker.create("keys")
    key_ids = {}
    for name, (schema, _) in POISONED.items():
        key_ids[name] = broker.registry.register("keys-key", json.dumps(schema))
    producer = Producer({"bootstrap.servers": broker.address})
    for name, (schema, value) in POISONED.items():
        key = framed(key_ids[name], schema, value)
        producer.produce("keys", json.dumps({"id": 1, "note": name}), key=key)
    assert producer.flush(30) == 0
    home = broker.home(tmp_path, topic="keys", key={"format": "avro"})
    home.run()
    assert {row["note"] for row in home.rows()} == set(POISONED)
    assert all(row["_key"] for row in home.rows())
    assert home.difference() == 0
