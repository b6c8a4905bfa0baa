"""`init` finds out what the topics of a real broker are, and a run takes them to bronze."""

from __future__ import annotations

import io
import json
import struct
import time

import fastavro
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from deltalake import DeltaTable

from motor_ingesta import MotorIngesta
from motor_ingesta.catalog.connections import Connections
from motor_ingesta.local.services import Endpoints, Services, free_port
from motor_ingesta.panels.own_data import OwnDataPanel
from motor_ingesta.panels.texts import Texts
from motor_ingesta.panels.widgets import BackgroundTask
from motor_ingesta.profiling.files import add_to_catalog
from motor_ingesta.profiling.sample import NothingToSampleError
from motor_ingesta.profiling.topics import propose_topic
from motor_ingesta.sources.kafka import TopicNotFoundError
from motor_ingesta.sources.registry import Registry
from motor_ingesta.storage.lake import Lake

ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "order_id", "type": "string"},
        {"name": "paid", "type": ["null", "double"], "default": None},
    ],
}
REFUND = {"type": "record", "name": "Refund", "fields": [{"name": "order_id", "type": "string"}]}


class Cluster:
    "A broker and a registry, and what a test does with them."

    def __init__(self, endpoints: Endpoints):
        self.kafka = endpoints.bootstrap_servers
        self.registry_url = endpoints.schema_registry_url
        self.connections = Connections.model_validate(
            {
                "kafka": {"bootstrap_servers": self.kafka},
                "schema_registry": {"url": self.registry_url},
            }
        )
        self.registry = Registry(self.connections.schema_registry)

    def produce(self, topic: str, *values: bytes | None) -> None:
        admin = AdminClient({"bootstrap.servers": self.kafka})
        admin.create_topics([NewTopic(topic, 2)])[topic].result(30)
        producer = Producer({"bootstrap.servers": self.kafka})
        for number, value in enumerate(values):
            producer.produce(topic, value, key=str(number), partition=number % 2)
        assert producer.flush(30) == 0

    def avro(self, subject: str, schema: dict, *rows: dict) -> list[bytes]:
        schema_id = self.registry.register(subject, json.dumps(schema))
        parsed = fastavro.parse_schema(schema)
        values = []
        for row in rows:
            body = io.BytesIO()
            fastavro.schemaless_writer(body, parsed, row)
            values.append(struct.pack(">bi", 0, schema_id) + body.getvalue())
        return values


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Services(tmp_path_factory.mktemp("services"), free_port(), free_port()) as endpoints:
        yield Cluster(endpoints)


ORDERS = [{"order_id": str(number), "paid": number / 2} for number in range(30)]


def test_avro_to_bronze_from_an_empty_home(cluster, tmp_path, motor_ingesta):
    cluster.produce("shop.orders", *cluster.avro("shop.orders-value", ORDER, *ORDERS))
    said = json.loads(
        motor_ingesta(
            *("init", "--topic", "shop.orders", "--home", tmp_path, "--write", "--json"),
            *("--bootstrap-servers", cluster.kafka, "--registry-url", cluster.registry_url),
        )
    )
    assert (said["dataset"], said["format"], said["rows_sampled"]) == ("shop/orders", "avro", 30)
    assert {column["name"]: column["type"] for column in said["columns"]} == {
        "order_id": "STRING",
        "paid": "DOUBLE",
    }
    engine = MotorIngesta(tmp_path, tmp_path / "catalog.yml", engine="local")
    report = engine.run("shop/orders").datasets[0]
    assert (report.status, report.rows_written) == ("succeeded", 30)
    assert all(audit.is_clean for audit in engine.audit("shop/orders"))


def test_the_panel_takes_a_topic_of_an_unknown_cluster(cluster, tmp_path):
    cluster.produce("shop.panel", *cluster.avro("shop.panel-value", ORDER, *ORDERS))
    panel = OwnDataPanel(Lake(tmp_path), None, Texts("en"))
    form = panel.topics.cluster
    form.bootstrap_servers.value, form.protocol.value = cluster.kafka, "PLAINTEXT"
    form.registry_url.value = cluster.registry_url
    for act in (form.connect, panel.topics.look, panel.take):
        if act is panel.topics.look:
            panel.topics.topic.value = "shop.panel"
        act.click()
        while BackgroundTask.any_running():
            time.sleep(0.05)
        assert panel.runner.message.state == "done", panel.runner.message.text
    engine = MotorIngesta(tmp_path, tmp_path / "catalog.yml", engine="local")
    assert all(audit.is_clean for audit in engine.audit("shop/panel"))
    assert "30" in panel.runner.message.text
    assert "propose_topic(connections, 'shop.panel')" in panel.code.text


def test_two_kinds_of_record_under_their_own_subjects(cluster):
    orders = cluster.avro("shop.Order", ORDER, *ORDERS)
    refunds = cluster.avro("shop.Refund", REFUND, {"order_id": "7"})
    cluster.produce("events", *refunds, *orders)
    proposal = propose_topic(cluster.connections, "events")
    assert proposal.suggested_name == "kafka/events"
    assert any("Order, Refund" in warning for warning in proposal.warnings)
    assert proposal.dataset().source.value.reader_schema is not None


def test_a_registry_that_does_not_know_the_ids(cluster):
    cluster.produce("foreign", *[struct.pack(">bi", 0, 99_999) + b"x"] * 5)
    proposal = propose_topic(cluster.connections, "foreign")
    assert proposal.format == "binary"
    assert any("no Avro schema with the id 99999" in warning for warning in proposal.warnings)


def test_json_to_bronze(cluster, tmp_path):
    rows = [json.dumps({"id": n, "at": "2026-01-07", "who": {"name": "Ana"}}) for n in range(40)]
    cluster.produce("people", *[row.encode() for row in rows], b"{broken", None)
    proposal = propose_topic(cluster.connections, "people")
    assert proposal.format == "json"
    assert {each.name: each.type for each in proposal.columns} == {
        "id": "BIGINT",
        "at": "DATE",
        "who": "STRUCT<name: STRING>",
    }
    assert proposal.preview.rejected.num_rows == 1
    assert any("1 records have no value" in warning for warning in proposal.warnings)


@pytest.mark.parametrize(
    ("topic", "values", "form"),
    [("texts", [b"hello", "olé".encode()], "string"), ("bytes", [b"\x01\xff", b"\xfe"], "binary")],
)
def test_text_and_bytes(cluster, topic, values, form):
    cluster.produce(topic, *values)
    proposal = propose_topic(cluster.connections, topic)
    assert proposal.format == form
    assert proposal.dataset().source.value.format == form
    assert proposal.preview.rows.num_rows == 2


def test_nothing_to_look_at(cluster):
    cluster.produce("empty")
    with pytest.raises(NothingToSampleError, match="no records"):
        propose_topic(cluster.connections, "empty")
    cluster.avro("empty-value", ORDER)
    assert [each.name for each in propose_topic(cluster.connections, "empty").columns] == [
        "order_id",
        "paid",
    ]
    with pytest.raises(TopicNotFoundError):
        propose_topic(cluster.connections, "nowhere")


def test_plan_refresh_and_erase_of_a_topic(cluster, tmp_path):
    mails = ["ana@farm.es", *(f"{number}@farm.es" for number in range(19))]
    rows = [json.dumps({"id": number, "mail": mail}) for number, mail in enumerate(mails)]
    cluster.produce("farm.people", *[row.encode() for row in rows], b"{broken")
    catalog = tmp_path / "catalog.yml"
    dataset = propose_topic(cluster.connections, "farm.people").dataset()
    add_to_catalog(catalog, dataset, cluster.connections.model_dump(exclude_defaults=True))
    engine = MotorIngesta(tmp_path, catalog, engine="local")
    plan = engine.plan().datasets[0]
    assert (plan.records, plan.rejected) == (21, {"malformed_json": 1})
    assert engine.run().datasets[0].rows_written == 20
    assert engine.plan().datasets[0].records == 0

    done = engine.refresh("farm/people", topic="farm.people", partition=0)
    assert done.before == done.after == {"bronze": 10, "quarantine": 1}
    assert all(audit.is_clean for audit in engine.audit())

    erased = engine.erase("farm/people", "mail", "ana@farm.es")
    assert (erased.bronze, erased.source_records) == (1, {"farm.people/0": 1})
    engine.refresh("farm/people")
    assert "ana@farm.es" not in str(rows_of(tmp_path, "farm/people"))
    assert all(audit.is_clean for audit in engine.audit(everything=True))


def rows_of(home, name: str) -> list[dict]:
    return DeltaTable(f"{home}/datalakecaso/bronze/{name}").to_pyarrow_table().to_pylist()
