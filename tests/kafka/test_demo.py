"The demo on an empty home, counted by a reader that has nothing to do with the engine"

import json

import psutil
import pytest

from motor_ingesta.catalog.models import farmia_catalog
from motor_ingesta.local.services import Services, free_port
from support import manifests, rows_by_reason


@pytest.fixture(scope="module")
def home(tmp_path_factory, motor_ingesta):
    home = tmp_path_factory.mktemp("farmia")
    motor_ingesta(
        "demo",
        "--home",
        home,
        "--rows",
        1000,
        "--kafka-port",
        free_port(),
        "--registry-port",
        free_port(),
    )
    return home


@pytest.mark.parametrize("dataset", [d.name for d in farmia_catalog().datasets])
def test_every_row_made_is_in_bronze_or_quarantine(home, dataset):
    made = manifests(home, dataset)
    bronze, quarantine = rows_by_reason(home, dataset)
    assert len(made) == 2, "two rounds"
    assert sum(m["rows"] for m in made) > 0
    assert (bronze, sum(quarantine.values())) == (
        sum(m["bronze"] for m in made),
        sum(m["quarantine"] for m in made),
    )


def test_no_process_is_left(home):
    assert not [s for s in Services(home).status() if s.running]
    assert not [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(p.info["cmdline"] or [])
    ]


def test_another_run_finds_nothing_new(home, motor_ingesta):
    report = json.loads(motor_ingesta("run", "iot/devices", "fields/*", "--home", home, "--json"))
    assert {(d["status"], d["rows_read"]) for d in report["datasets"]} == {("succeeded", 0)}
    assert {"run_id", "seconds"} <= report.keys()
    assert {
        "dataset",
        "status",
        "rows_read",
        "rows_written",
        "rows_quarantined",
        "seconds",
        "error",
    } <= report["datasets"][0].keys()
