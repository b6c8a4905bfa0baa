"""A home with silver and gold as a build leaves them, made in seconds and without a JVM.

The tables are those that DuckDB computes from the sources, which a build's are compared with in
tests/spark/test_medallion.py. dbt's manifest is dbt's own.
"""

import datetime as dt
import shutil
from pathlib import Path

from deltalake import write_deltalake

from motor_ingesta.engines.base import TableTarget
from motor_ingesta.engines.local import LocalEngine
from motor_ingesta.medallion.build import BUILDS_SCHEMA, BuildReport, NodeResult, work_folder
from motor_ingesta.medallion.inventory import builds_table
from motor_ingesta.medallion.project import packaged_project
from motor_ingesta.storage.lake import Lake
from support.farmia_fortnight import Fortnight
from support.farmia_golden import compute
from tools.site.data_docs import document_data

FAILED_TEST = "relationships_shipments_order_id__order_id__ref_orders_"


def make_gold_home(home: Path, scratch: Path) -> None:
    """Let three days of FarmIA arrive in a home, with the tables of a build."""
    days = Fortnight(home, seed=7)
    days.add_days(1, 3)
    days.ingest()
    manifest = document_data(scratch)
    shutil.copytree(scratch / "target", work_folder(Lake(home)) / "target")
    nodes = manifest["nodes"].values()
    golden = compute(home, scratch, packaged_project() / "seeds")
    have = {name for (name,) in golden.execute("SHOW TABLES").fetchall()}
    results = []
    for node in nodes:
        if node["resource_type"] in ("model", "seed") and node["alias"] in have:
            rows = golden.table(node["alias"]).to_arrow_table()
            write_deltalake(f"{home}/datalakecaso/{node['schema']}/{node['alias']}", rows)
            kind, count = node["resource_type"], rows.num_rows
            results.append(NodeResult(node["name"], kind, "success", rows=count))
    results += [_test_result(node) for node in nodes if node["resource_type"] == "test"]
    report = BuildReport(
        "20260104T000000-test", dt.datetime(2026, 1, 4, tzinfo=dt.UTC), [], results
    )
    target = TableTarget(builds_table(Lake(home)), BUILDS_SCHEMA, ())
    LocalEngine().append(target, report.to_rows())


def _test_result(node: dict) -> NodeResult:
    """Let one test of severity `warn` find three rows, and the others none."""
    is_met = node["name"] != FAILED_TEST
    status, failures = ("pass", 0) if is_met else ("warn", 3)
    severity = str(node["config"]["severity"]).lower()
    return NodeResult(node["name"], "test", status, severity, failures=failures)
