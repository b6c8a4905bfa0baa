"""A home with one dataset, for the tests that hold the promise: nothing lost, nothing doubled."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from deltalake import DeltaTable

from motor_ingesta.pipeline.runner import MotorIngesta
from support import REPOSITORY

NAME = "farm/readings"
DAY = "2026/11/20"


class Home:
    "A home whose catalog has the dataset `farm/readings`."

    def __init__(self, path, *, engine="local", connections=None, **dataset):
        self.path, self.engine = Path(path), engine
        self.path.mkdir(parents=True, exist_ok=True)
        self._connections = connections
        self._dataset = {"datasource": "farm", "dataset": "readings"} | dataset
        self.edit()

    def edit(self, *, source=None, **dataset):
        "Change keys of the dataset in the catalog."
        self._dataset |= dataset
        self._dataset["source"] = self._dataset["source"] | (source or {})
        content = {"version": 1, "datasets": [self._dataset]}
        if self._connections:
            content["connections"] = self._connections
        self.catalog.write_text(json.dumps(content))

    @property
    def catalog(self):
        return self.path / "catalog.yml"

    @property
    def landing(self):
        return self.path / "landingcaso" / NAME / DAY

    @property
    def checkpoint(self):
        return self.path / "datalakecaso/_checkpoints" / NAME

    def table_path(self, zone):
        return self.path / "datalakecaso" / zone / NAME

    def land(self, name, content):
        "Write a file to landing as a careful writer does: aside, then renamed."
        self.landing.mkdir(parents=True, exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        aside = self.landing / f".{name}.part"
        aside.write_bytes(content)
        aside.rename(self.landing / name)
        return self.landing / name

    def runner(self, **settings):
        return MotorIngesta(self.path, self.catalog, engine=self.engine, **settings)

    def run(self, **settings):
        "Run once; the report of the dataset, which must not have failed."
        report = self.runner().run(**settings).datasets[0]
        assert not report.error, report.error
        return report

    def failure(self):
        "Run once; the error of the dataset, which must have failed."
        report = self.runner(attempts=1).run().datasets[0]
        assert report.status == "failed", report
        return report.error

    def rows(self, zone="bronze"):
        "The rows of a table, read without the engine; none where there is no table."
        if not (self.table_path(zone) / "_delta_log").exists():
            return []
        return DeltaTable(str(self.table_path(zone))).to_pyarrow_table().to_pylist()

    def column(self, name, zone="bronze"):
        return sorted(row[name] for row in self.rows(zone))

    def reasons(self):
        return Counter(row["_reason"] for row in self.rows("quarantine"))

    def difference(self):
        "What the audit says is missing, twice or wrong."
        return self.runner().audit(everything=True).difference


def json_files(path, schema="id BIGINT, value DOUBLE", **dataset):
    "A home that reads JSON lines."
    source = {"kind": "files", "format": "json", "schema": schema} | dataset.pop("source", {})
    return Home(path, source=source, **dataset)


def csv_files(path, schema="id BIGINT, value DOUBLE", **dataset):
    "A home that reads CSV with a header."
    source = {"kind": "files", "format": "csv", "schema": schema, "options": {"header": "true"}}
    return Home(path, source=source | dataset.pop("source", {}), **dataset)


def run_python(program, *arguments, timeout=300):
    "Run a program in a process of its own; its exit code and what it printed."
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/tests"},
    )
    return done.returncode, done.stdout + done.stderr
