"""Builds without dbt and without a JVM: what a build decides, and how it ends."""

import json
import stat
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from motor_ingesta import MotorIngesta
from motor_ingesta.farmia import farmia_catalog
from motor_ingesta.medallion.build import BuildError, DbtUnavailableError, DbtWorker, build
from motor_ingesta.medallion.inventory import added_since, remove_unfinished, table_name
from motor_ingesta.medallion.project import packaged_project
from motor_ingesta.medallion.worker import Request
from motor_ingesta.schemas.types import MOMENT
from motor_ingesta.storage.lake import Lake
from motor_ingesta.tables import delta

PROJECT = packaged_project()
MODELS = {
    path.stem: path for zone in ("silver", "gold") for path in PROJECT.glob(f"models/{zone}/*.sql")
}
DESCRIBED = {
    model["name"]: model
    for zone in ("silver", "gold")
    for model in yaml.safe_load((PROJECT / f"models/{zone}/schema.yml").read_text())["models"]
}


def python_that(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let a shell script stand for the Python that runs dbt."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("MOTOR_INGESTA_DBT_PYTHON", str(program))


def test_every_model_has_an_owner_a_description_and_a_key():
    assert set(DESCRIBED) == set(MODELS)
    for name, model in DESCRIBED.items():
        assert "@" in model["config"]["meta"]["owner"] and model["description"], name
        assert all(column["description"] for column in model["columns"]), name
        tests = [
            *model.get("data_tests", []),
            *(t for c in model["columns"] for t in c.get("data_tests", [])),
        ]
        assert any(t == "unique" or "unique_key" in t for t in tests), (
            f"{name} has no test of its key"
        )


def test_the_project_reads_every_dataset_of_the_catalog():
    sources = yaml.safe_load((PROJECT / "models/sources.yml").read_text())["sources"][0]
    names = {table["name"] for table in sources["tables"]}
    assert names == {table_name(dataset.name) for dataset in farmia_catalog().datasets}
    assert sources["config"]["freshness"]["warn_after"]
    rejects = MODELS["rejects"].read_text()
    assert all(f"'{name}'" in rejects for name in names), "a dataset has no rejects"


def test_failures_of_tests_can_be_stored():
    settings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())
    assert settings["data_tests"]["farmia"] == {"+schema": "checks", "+file_format": "delta"}


def test_incremental_models_name_their_key_and_read_only_what_is_new():
    for name, path in MODELS.items():
        if path.parent.name == "silver" and "materialized='table'" not in path.read_text():
            assert "unique_key=" in path.read_text() and "is_new(" in path.read_text(), name


def test_rows_of_the_moment_that_was_read_last_are_read_again(tmp_path):
    """Two commits share a moment: the later one must not be missed."""
    moment = [pa.scalar(0, MOMENT)]
    table = delta.create_table(f"{tmp_path}/t", pa.schema([("_ingested_at", MOMENT)]), [])
    for _ in range(2):
        delta.append_rows(table, pa.table({"_ingested_at": pa.array(moment, MOMENT)}))
    assert added_since(f"{tmp_path}/t", 1, 2) == "1970-01-01 00:00:00.000000 UTC"
    macro = (PROJECT / "macros/incremental.sql").read_text()
    assert "{{ column }} >= timestamp" in macro and "{{ column }} > " not in macro


def test_a_table_that_was_begun_is_removed_and_a_whole_one_is_not(tmp_path):
    lake = Lake(tmp_path)
    whole, begun, foreign = (
        tmp_path / "datalakecaso/silver" / n for n in ("orders", "stock", "notes")
    )
    delta.create_table(str(whole), pa.schema([("a", pa.string())]), [])
    for folder, file in ((begun, "part-0.parquet"), (foreign, "notes.txt")):
        folder.mkdir()
        (folder / file).write_text("x")
    assert remove_unfinished(lake) == [str(begun)]
    assert whole.exists() and foreign.exists() and not begun.exists()


def test_without_dbt_a_build_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.delenv("MOTOR_INGESTA_DBT_PYTHON", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DbtUnavailableError, match=r"pip install 'motor_ingesta\[medallion\]'"):
        build(tmp_path)


def test_a_build_that_takes_too_long_is_stopped_with_its_process(tmp_path, monkeypatch):
    python_that(monkeypatch, tmp_path, "sleep 60")
    began = time.monotonic()
    with pytest.raises(BuildError, match="took longer than 1 seconds"):
        build(tmp_path / "home", timeout=1)
    assert time.monotonic() - began < 30


def test_a_build_can_be_stopped(tmp_path, monkeypatch):
    python_that(monkeypatch, tmp_path, "sleep 60")
    stop = threading.Event()
    stop.set()
    with pytest.raises(BuildError, match="was stopped"):
        build(tmp_path / "home", stop=stop)


def test_a_process_that_ends_by_itself_shows_its_last_words(tmp_path, monkeypatch):
    python_that(monkeypatch, tmp_path, "echo no space left on device >&2; exit 1")
    with pytest.raises(BuildError, match="no space left on device"):
        build(tmp_path / "home")


def test_a_model_that_fails_fails_the_build_and_is_built_again(tmp_path, monkeypatch):
    """dbt said that a model failed: the build failed, and the next one has something to do."""
    results = [_result("silver.orders", "error"), _result("silver.stock", "success")]
    done = json.dumps({"event": "done", "success": False, "error": "", "results": results})
    python_that(monkeypatch, tmp_path, f"read line; echo '{done}'; sleep 60")
    report = build(tmp_path / "home")
    assert not report.succeeded and [node.name for node in report.failed] == ["orders"]
    again = build(tmp_path / "home")
    assert again.changed and not again.succeeded


def _result(table: str, status: str) -> dict:
    name = table.split(".")[1]
    return {
        "node": f"model.farmia.{name}",
        "name": name,
        "kind": "model",
        "table": table,
        "tests": "",
        "severity": "",
        "status": status,
        "seconds": 1.0,
        "failures": None,
        "message": "",
    }


def test_a_worker_takes_one_request_after_another(tmp_path, monkeypatch):
    done = json.dumps({"event": "done", "success": True, "error": "", "results": []})
    python_that(monkeypatch, tmp_path, f"while read line; do echo '{done}'; done")
    with DbtWorker(tmp_path / "log") as worker:
        request = Request(["build"], {})
        for _ in range(2):
            assert worker.run(request, print, threading.Event(), 10)["success"]
        first = worker.process_id
        worker.run(request, print, threading.Event(), 10)
        assert worker.process_id == first
    assert worker.process_id is None


def failing_worker() -> str:
    """Say that a model failed, for every request."""
    results = [_result("silver.orders", "error")]
    done = json.dumps({"event": "done", "success": False, "error": "", "results": results})
    return f"while read line; do echo '{done}'; done"


def test_a_run_builds_at_its_end_and_a_failure_is_in_its_report(tmp_path, monkeypatch):
    python_that(monkeypatch, tmp_path, failing_worker())
    report = MotorIngesta(tmp_path / "home", engine="local").run("iot/devices", build=True)
    assert report.datasets[0].status == "succeeded"
    assert (report.builds.builds, report.builds.error) == (1, "failed or skipped: orders")
    assert report.to_dict()["builds"]["last"]["nodes"][0]["name"] == "orders"


def test_a_continuous_run_goes_on_when_builds_fail_and_stops_them_at_its_end(tmp_path, monkeypatch):
    python_that(monkeypatch, tmp_path, failing_worker())
    stop = threading.Event()
    threading.Timer(5, stop.set).start()
    began = time.monotonic()
    report = MotorIngesta(tmp_path / "home", engine="local").run(
        "iot/devices", continuous=True, stop=stop, build=True, build_seconds=0.2
    )
    assert 5 <= time.monotonic() - began < 30
    assert report.datasets[0].status == "succeeded" and report.builds.failed >= 2
    assert not [thread for thread in threading.enumerate() if thread.name == "build"]


def test_a_run_that_cannot_build_does_not_begin(tmp_path, monkeypatch):
    monkeypatch.delenv("MOTOR_INGESTA_DBT_PYTHON", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DbtUnavailableError):
        MotorIngesta(tmp_path, engine="local").run("iot/devices", build=True)
    assert not (tmp_path / "datalakecaso").exists()


def test_no_model_is_built_in_microbatches():
    """Microbatch rewrites everything if a model above has no `event_time`."""
    assert not [name for name, path in MODELS.items() if "microbatch" in path.read_text()]


def test_models_name_their_sources_instead_of_paths():
    """A source given as a path breaks dbt's unit tests."""
    models = PROJECT.glob("models/**/*.sql")
    assert not [path.name for path in models if "delta.`" in path.read_text()]
