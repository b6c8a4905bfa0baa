"""One run of all FarmIA datasets on some Spark, counted by readers without Spark."""

import json
import subprocess
import sys
from collections import Counter

from deltalake import DeltaTable

from motor_ingesta.catalog.models import farmia_catalog
from support import REPOSITORY
from tools.faults.clusters import KEYS


def all_datasets(kind, home, folder, environment=None):
    "Run everything twice, and hold the tables against the manifests with a reader that has nothing to do with Spark"
    done = subprocess.run(
        [sys.executable, "-m", "tools.faults.farmia_run", kind, str(home), str(folder)],
        capture_output=True,
        text=True,
        timeout=900,
        env=environment,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    said = json.loads(done.stdout.splitlines()[-1])
    for report in said["reports"]:
        assert {d["dataset"]: d["error"] for d in report["datasets"]} == {
            d.name: "" for d in farmia_catalog().datasets
        }
    assert said["audit"]["difference"] == 0 and {
        a["pending"] for a in said["audit"]["datasets"]
    } == {0}, said["audit"]
    store = (
        {key: environment[key] for key in (*KEYS, "AWS_ENDPOINT_URL")} | {"AWS_ALLOW_HTTP": "true"}
        if "://" in str(home)
        else None
    )

    def table(zone, name):
        return DeltaTable(
            f"{home}/datalakecaso/{zone}/{name}", storage_options=store
        ).to_pyarrow_table()

    found = {
        name: [
            table("bronze", name).num_rows,
            sum(Counter(table("quarantine", name)["_reason"].to_pylist()).values()),
        ]
        for name in said["made"]
    }
    assert found == {name: made[1:] for name, made in said["made"].items()}
    assert sum(made[0] for made in said["made"].values()) > 0
