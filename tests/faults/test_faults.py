"What a single notebook cannot break: a killed process, records of a foreign subject, a registry that is away"

import json
import os
import signal
import struct
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import fastavro
import pytest

from motor_ingesta.catalog.models import KafkaConnection, RegistryConnection
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.simulator.events import make_topics
from motor_ingesta.sources.registry import Registry
from support import rows_by_reason
from support.topics import OrderedProducer

CATALOG = """
datasets:
  - datasource: shop
    dataset: orders
    source: {kind: kafka, topic: shop.orders, value: {format: avro}}
"""


def order(*extra):
    return {
        "type": "record",
        "name": "Order",
        "fields": [{"name": "order_id", "type": "string"}, *extra],
    }


def message(schema_id, schema, **record):
    fastavro.schemaless_writer(body := BytesIO(), schema, record)
    return b"\x00" + struct.pack(">I", schema_id) + body.getvalue()


def test_records_of_every_kind(tmp_path, motor_ingesta):
    (tmp_path / "shop.yml").write_text(CATALOG)
    services = Services(tmp_path, free_port(), free_port())
    with services as endpoints:
        registry = Registry(RegistryConnection(url=endpoints.schema_registry_url))
        v1, v2 = order(), order({"name": "coupon", "type": ["null", "string"], "default": None})
        ids = [registry.register("shop.orders-value", json.dumps(v)) for v in (v1, v2)]
        foreign = registry.register(
            "com.farmia.Order",
            json.dumps(foreign_schema := order({"name": "note", "type": "string"})),
        )
        good = [
            message(ids[0], v1, order_id="a"),
            message(ids[1], v2, order_id="b", coupon="X"),
            message(foreign, foreign_schema, order_id="c", note="n"),
        ]
        bad = [
            b"\x01" + good[0][1:],
            b"\x00" + struct.pack(">I", 999_999) + good[0][5:],
            good[1][:-2],
            None,
            b"\x00",
        ]
        config = KafkaConnection(bootstrap_servers=endpoints.bootstrap_servers).client_config()
        make_topics(config, ("shop.orders",), 2)
        with OrderedProducer(config) as producer:
            for value in good + bad:
                producer.produce("shop.orders", value, key=b"key")
        report = json.loads(
            motor_ingesta(
                "run", "--home", tmp_path, "--catalog", tmp_path / "shop.yml", "--json", code=3
            )
        )["datasets"][0]
        assert report["status"] == "rejected", "five of eight records"
        assert (report["rows_read"], report["rows_written"], report["rows_quarantined"]) == (
            8,
            3,
            5,
        )
        assert sum(end - start for start, end in report["offsets"]["shop.orders"].values()) == 8
    bronze, quarantine = rows_by_reason(tmp_path, "shop/orders")
    assert bronze == 3
    assert quarantine == {
        "bad_magic_byte": 1,
        "unknown_schema_id": 1,
        "undecodable_avro": 1,
        "null_value": 1,
        "truncated_message": 1,
    }
    failed = json.loads(
        motor_ingesta(
            "run", "--home", tmp_path, "--catalog", tmp_path / "shop.yml", "--json", code=1
        )
    )["datasets"][0]
    assert failed["status"] == "failed" and "services start" in failed["error"]


@pytest.mark.parametrize("after", ["plans", "bronze", "quarantine"])
def test_a_killed_run_is_finished_by_the_next(tmp_path, motor_ingesta, after):
    "SIGKILL as soon as the plan, the bronze table or the quarantine table of the second batch appears"
    lake = tmp_path / "datalakecaso"
    watched = {
        "plans": lake / "_checkpoints/iot/devices/plans/000000001.json",
        "bronze": lake / "bronze/iot/devices/_delta_log/00000000000000000002.json",
        "quarantine": lake / "quarantine/iot/devices/_delta_log/00000000000000000002.json",
    }[after]
    made = json.loads(
        motor_ingesta(
            "generate",
            "files",
            "iot/devices",
            "--home",
            tmp_path,
            "--files",
            6,
            "--rows",
            2000,
            "--corrupt",
            0.01,
            "--json",
        )
    )
    catalog = tmp_path / "farm.yml"
    catalog.write_text(
        "datasets:\n  - datasource: iot\n    dataset: devices\n    source: {kind: files, format: json, max_files_per_batch: 2, schema: 'device_id STRING, farm_id STRING'}\n"
    )
    run = subprocess.Popen(
        [
            Path(sys.executable).parent / "motor-ingesta",
            "run",
            "--home",
            tmp_path,
            "--catalog",
            catalog,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not watched.exists() and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.005)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(30)
    assert watched.exists()
    motor_ingesta("run", "--home", tmp_path, "--catalog", catalog)
    bronze, quarantine = rows_by_reason(tmp_path, "iot/devices")
    assert (bronze, sum(quarantine.values())) == (made["bronze"], made["quarantine"])


def test_an_audit_is_not_misled_by_a_clock(tmp_path, monkeypatch):
    "Rows of a batch that died in the future, committed by a run of today, are known to the audits after it, and doubled ones still found"
    from datetime import timedelta

    from deltalake import DeltaTable, write_deltalake

    from motor_ingesta.pipeline import runner as module
    from motor_ingesta.pipeline.runner import MotorIngesta
    from motor_ingesta.simulator.events import generate_events
    from motor_ingesta.simulator.farmia import Trouble
    from motor_ingesta.storage.checkpoint import Checkpoint

    name, today = "iot/telemetry", module.new_context
    with Services(tmp_path, free_port(), free_port()):
        engine = MotorIngesta(tmp_path)

        def produce(start):
            return generate_events(
                engine.connections(), name, 200, 7, start, Trouble(corrupt=0.05), lake=engine.lake
            )

        produce(0)
        with monkeypatch.context() as patch:
            patch.setattr(
                Checkpoint, "commit", lambda *a: (_ for _ in ()).throw(RuntimeError("killed"))
            )
            patch.setattr(
                module,
                "new_context",
                lambda: module.replace(
                    now := today(), ingested_at=now.ingested_at + timedelta(days=3)
                ),
            )
            assert "killed" in engine.run(name).failed[0].error
        assert not engine.run(name).failed
        assert [engine.audit(name).difference for _ in range(2)] == [0, 0]
        produce(200)
        assert not engine.run(name).failed
        assert [engine.audit(name).difference for _ in range(2)] == [0, 0]
        bronze = engine.lake.bronze(name)
        rows = DeltaTable(bronze).to_pyarrow_table()
        write_deltalake(
            bronze,
            rows.filter(
                rows["_ingested_at"].to_numpy() == rows["_ingested_at"].to_numpy().max()
            ).slice(0, 3),
            mode="append",
        )
        assert engine.audit(name)[0].twice == 3


def test_stop_leaves_no_process(tmp_path, motor_ingesta):
    "A continuous run ends cleanly on SIGTERM, and says what it did"
    motor_ingesta("generate", "files", "iot/devices", "--home", tmp_path)
    run = subprocess.Popen(
        [
            Path(sys.executable).parent / "motor-ingesta",
            "run",
            "iot/devices",
            "--home",
            tmp_path,
            "--continuous",
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 120
    while (
        not (tmp_path / "datalakecaso/_checkpoints/iot/devices/commits").exists()
        and time.monotonic() < deadline
    ):
        time.sleep(0.1)
    run.send_signal(signal.SIGTERM)
    report = json.loads(run.communicate(timeout=60)[0])
    assert (run.returncode, report["datasets"][0]["rows_written"]) == (0, 1000)
