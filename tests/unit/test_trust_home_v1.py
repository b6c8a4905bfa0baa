"""A home that the version before wrote opens, runs on, and audits to zero."""

import json
from collections import Counter

import pytest
from deltalake import DeltaTable

from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.storage.checkpoint import VERSION
from support.home_v1 import UNFINISHED, WHOLE, copy_home
from support.trust import json_files


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return copy_home(tmp_path_factory.mktemp("v1"))


@pytest.fixture(scope="module")
def reports(home):
    done = MotorIngesta(home, home / "catalog.yml", engine="local").run(*WHOLE, *UNFINISHED)
    return {report.dataset: report for report in done.datasets}


def rows(home, zone, dataset):
    table = DeltaTable(str(home / "datalakecaso" / zone / dataset))
    return table.to_pyarrow_table().to_pylist()


def test_nothing_fails(reports):
    assert {name: report.error for name, report in reports.items() if report.error} == {}


@pytest.mark.parametrize("dataset", WHOLE)
def test_what_was_whole_is_not_read_again(reports, dataset):
    assert (reports[dataset].batches, reports[dataset].rows_read) == (0, 0)


@pytest.mark.parametrize("dataset", UNFINISHED)
def test_what_was_unfinished_is_finished_once(home, reports, dataset):
    ids = Counter(row["id"] for row in rows(home, "bronze", dataset))
    once = {1, 2, 4} | ({7, 8} if dataset == "farm/doors" else set())
    assert ids == Counter(dict.fromkeys(once, 1)) + Counter({None: 2})
    broken = [row["_raw"] for row in rows(home, "quarantine", dataset)]
    assert broken == [b'{"id": 6, "open"']
    assert [
        row["_source_file"].rpartition("/")[2] for row in rows(home, "quarantine", dataset)
    ] == ["c.json"]


def test_audit_is_zero_in_the_place_it_was_copied_to(home, reports):
    runner = MotorIngesta(home, home / "catalog.yml", engine="local")
    for everything in (False, True):
        report = runner.audit(*WHOLE, *UNFINISHED, everything=everything)
        assert report.difference == 0, report.to_dict()
        assert {audit.pending for audit in report} == {0}


def test_it_runs_on(home, reports):
    day = home / "landingcaso/farm/readings/2026/11/21"
    day.mkdir(parents=True)
    (day / "c.json").write_text('{"id": 100, "value": 1.0, "note": "new"}\n')
    runner = MotorIngesta(home, home / "catalog.yml", engine="local")
    assert runner.run("farm/readings").datasets[0].rows_written == 1
    assert runner.audit("farm/readings").difference == 0
    assert 100 in {row["id"] for row in rows(home, "bronze", "farm/readings")}


def test_quarantined_rows_are_replayed(tmp_path):
    home = copy_home(tmp_path)
    catalog = (home / "catalog.yml").read_text()
    (home / "catalog.yml").write_text(catalog.replace("amount DECIMAL(10,2)", "amount STRING"))
    before = len(rows(home, "bronze", "farm/sales"))
    runner = MotorIngesta(home, home / "catalog.yml", engine="local")
    result = runner.replay("farm/readings")
    assert result is not None
    assert runner.audit("farm/readings").difference == 0
    assert len(rows(home, "bronze", "farm/sales")) == before


def test_a_checkpoint_of_a_newer_version_is_refused_with_a_sentence(tmp_path):
    """One field more was a bare `TypeError`."""
    home = json_files(tmp_path)
    home.land("a.json", '{"id": 1}\n')
    home.run()
    plan = home.checkpoint / "plans" / f"{0:09}.json"
    content = json.loads(plan.read_text())
    assert content["version"] == VERSION
    home.land("b.json", '{"id": 2}\n')
    later = plan.with_name(f"{1:09}.json")
    later.write_text(json.dumps(content | {"id": 1, "version": VERSION + 1, "new": True}))
    error = home.failure()
    assert "newer version" in error and "TypeError" not in error
    assert home.column("id") == [1]


def test_an_unknown_field_of_the_same_version_is_no_error(tmp_path, monkeypatch):
    home = json_files(tmp_path)
    home.land("a.json", '{"id": 1}\n')
    home.run()
    for file in home.checkpoint.rglob("*.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"of_somebody": 1}))
    home.land("b.json", '{"id": 2}\n')
    home.run()
    assert home.column("id") == [1, 2]


def test_foreign_files_in_a_checkpoint_stop_nothing(tmp_path):
    """A foreign file among the checkpoint's stopped the dataset for ever."""
    home = json_files(tmp_path)
    home.land("a.json", '{"id": 1}\n')
    home.run()
    for folder in ("plans", "commits", "schemas", "seen/2026/11/20", "."):
        for name in ("notes.txt", "copy of 000000000.json", "x.json", "000000009.json.bak"):
            (home.checkpoint / folder / name).write_text("not of the engine")
    home.land("b.json", '{"id": 2}\n')
    home.run()
    assert home.column("id") == [1, 2]
    assert home.difference() == 0
