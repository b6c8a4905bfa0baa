"""Silver and gold of a fortnight, compared with what DuckDB computes from the sources.

One home goes through a build that is killed, the build that completes it, late corrections, and a
full refresh. More seeds: MEDALLION_SEEDS=7,8,9.
"""

import datetime as dt
import gzip
import json
import os
import threading
from pathlib import Path

import pytest
from deltalake import DeltaTable

from motor_ingesta.medallion.build import BuildError, DbtWorker, build
from motor_ingesta.medallion.project import packaged_project
from support.farmia_fortnight import Fortnight
from support.farmia_golden import compute, differences, table_rows

SEEDS = [int(seed) for seed in os.environ.get("MEDALLION_SEEDS", "7").split(",")]
ORDER = {
    "order_id": "ord-corrected",
    "customer_id": "customer-00001",
    "ordered_at": "2026-01-03T10:00:00Z",
    "status": "new",
    "lines": [{"product_id": "product-00001", "quantity": 2, "unit_price": 10.0}],
    "total": 20.0,
}
CORRECTED = ORDER | {"status": "returned", "lines": ORDER["lines"] * 2, "total": 40.0}
OLDER = ORDER | {"ordered_at": "2026-01-02T10:00:00Z", "status": "paid", "total": 1.0}
WRONG = ORDER | {"order_id": "ord-wrong", "total": -1.0}
STOCK = "warehouse_id,product_id,quantity,reserved,unit,counted_at\n"
READING = {
    "device_id": "device-00003",
    "farm_id": "farm-00003",
    "metric": "soil_moisture",
    "value": 12.5,
    "unit": "%",
    "measured_at": dt.datetime(2026, 1, 3, 15, 20, tzinfo=dt.UTC),
}
WEATHER = "station_id,province,observed_at,temperature_c,humidity_pct,wind_kmh,rain_mm\n"
SUPPLIER = {
    "supplier_id": "supplier-00007",
    "name": "Semillas del Sur",
    "contact_email": "pedidos@semillas.example",
    "phone": "+34 600 000 007",
    "province": "Sevilla",
    "products": ["product-00001"],
    "rating": 1.1,
    "since": "2012-05-01",
}


def add_first_days(days: Fortnight) -> None:
    """Let ten days arrive, some of their rows to be corrected later."""
    days.add_days(1, 10)
    days.land("sales/orders", 3, "orders_a.json", f"{json.dumps(ORDER)}\n{json.dumps(WRONG)}\n")
    count = "warehouse-00001,product-00001,50,5,kg,2026-01-03T12:00:00Z\n"
    days.land("inventory/stock", 3, "stock_a.csv", STOCK + count)
    days.add_records("iot/telemetry", [READING])
    days.ingest()


def add_late_days(days: Fortnight) -> None:
    """Let four more days arrive, with corrections and rows that are older than what is there."""
    days.add_days(11, 14)
    days.land("sales/orders", 12, "orders_b.json", json.dumps(CORRECTED) + "\n")
    days.land("sales/orders", 13, "orders_c.json", json.dumps(OLDER) + "\n")
    earlier_count = "warehouse-00001,product-00001,99,5,kg,2026-01-03T08:00:00Z\n"
    days.land("inventory/stock", 12, "stock_b.csv", STOCK + earlier_count)
    late_weather = "station-00003,Sevilla,2026-01-03T15:40:00Z,19.5,40.0,10.0,2.5\n"
    days.land(
        "weather/observations",
        12,
        "observations_b.csv.gz",
        gzip.compress((WEATHER + late_weather).encode()),
    )
    days.land("suppliers/suppliers", 2, "suppliers_late.json", json.dumps([SUPPLIER]))
    days.ingest()


def versions(home: Path) -> dict[str, int]:
    """Return the version of each table of silver and gold."""
    commits = home.glob("datalakecaso/*/*/_delta_log/00000000000000000000.json")
    tables = [commit.parents[1] for commit in commits]
    tables = [table for table in tables if table.parent.name in ("silver", "gold")]
    return {table.name: DeltaTable(table).version() for table in tables}


class History:
    """What happened to a home, step by step."""

    def __init__(self, home: Path, seed: int):
        self.home, self.scratch = home, home / "golden"
        self.scratch.mkdir()
        self.days = Fortnight(home, seed)
        add_first_days(self.days)
        self.kill_a_build()
        with DbtWorker(home / "worker.log") as worker:
            self.first = build(home, worker=worker)
            self.first_differences = self.compare()
            self.first_versions = versions(home)
            self.nothing_new = build(home)  # needs no worker
            self.later_versions = versions(home)
            add_late_days(self.days)
            self.second = build(home, worker=worker)
            self.second_differences = self.compare()
            self.operations = self.operations_of("orders")
            self.incremental = self.rows()
            self.refreshed = build(home, full_refresh=True, worker=worker)
            self.after_refresh = self.rows()

    def kill_a_build(self) -> None:
        """Kill a build in its middle, and leave a table that it had begun."""
        stop = threading.Event()

        def watch(event: dict) -> None:
            if event["event"] == "finished" and event["node"] == "model.farmia.orders":
                stop.set()

        with pytest.raises(BuildError, match="was stopped"):
            build(self.home, stop=stop, progress=watch)
        self.killed_versions = versions(self.home)
        begun = self.home / "datalakecaso/gold/customers"
        begun.mkdir(parents=True, exist_ok=True)
        (begun / "part-00000.snappy.parquet").write_bytes(b"not committed")

    def compare(self) -> dict:
        """Compare all tables with what DuckDB computes from the sources."""
        golden = compute(self.home, self.scratch, packaged_project() / "seeds")
        return differences(golden, self.home)

    def operations_of(self, table: str) -> list[str]:
        history = DeltaTable(self.home / "datalakecaso/silver" / table).history()
        return [commit["operation"] for commit in history]

    def rows(self) -> dict[str, list]:
        """Return all rows of all tables, in an order of their own."""
        return {
            name: sorted(map(str, table_rows(self.home, name).to_pylist()))
            for name in versions(self.home)
        }


@pytest.fixture(scope="module", params=SEEDS)
def history(request, tmp_path_factory) -> History:
    return History(tmp_path_factory.mktemp("fortnight"), request.param)


def test_a_killed_build_is_completed_by_the_next(history):
    assert "farms" in history.killed_versions and "sales_daily" not in history.killed_versions
    assert history.first.succeeded, history.first.failed
    assert history.first_differences == {}


def test_a_build_without_news_commits_nothing(history):
    assert history.nothing_new.nodes == []
    assert history.nothing_new.seconds < 10
    assert history.later_versions == history.first_versions


def test_late_rows_and_corrections_arrive(history):
    assert history.second.succeeded, history.second.failed
    assert history.second_differences == {}
    orders = table_rows(history.home, "orders").to_pylist()
    corrected = next(order for order in orders if order["order_id"] == "ord-corrected")
    assert (corrected["status"], len(corrected["lines"])) == ("returned", 2)


def test_a_later_build_merges_and_does_not_make_tables_anew(history):
    assert history.operations[0] == "MERGE"
    assert not [o for o in history.operations[:-2] if o.startswith("CREATE")]


def test_the_history_of_a_supplier_has_a_change_that_arrived_late(history):
    suppliers = table_rows(history.home, "suppliers").to_pylist()
    found = sorted(
        (s for s in suppliers if s["supplier_id"] == "supplier-00007"),
        key=lambda s: s["valid_from"],
    )
    late = next(i for i, s in enumerate(found) if s["name"] == "Semillas del Sur")
    assert found[late]["valid_to"] == found[late + 1]["valid_from"]
    assert [s["is_current"] for s in found] == [False] * (len(found) - 1) + [True]


def test_late_weather_is_added_to_the_reading_of_its_hour(history):
    readings = table_rows(history.home, "readings_enriched").to_pylist()
    reading = next(r for r in readings if r["device_id"] == "device-00003" and r["value"] == 12.5)
    assert (reading["weather_temperature_c"], reading["weather_rain_mm"]) == (19.5, 2.5)


def test_rows_that_fail_an_expectation_are_rejected_with_their_reason(history):
    rejects = table_rows(history.home, "rejects").to_pylist()
    wrong = [r for r in rejects if "ord-wrong" in r["content"]]
    assert [(r["dataset"], r["reason"], r["detail"]) for r in wrong] == [
        ("sales/orders", "negative_value", "negative_value total")
    ]


def test_a_full_refresh_gives_the_same_rows(history):
    assert history.refreshed.succeeded, history.refreshed.failed
    for name, rows in history.incremental.items():
        assert history.after_refresh[name] == rows, name


def test_results_are_kept_in_a_table(history):
    results = DeltaTable(history.home / "datalakecaso/_builds").to_pyarrow_table().to_pylist()
    first = [r for r in results if r["build_id"] == history.first.build_id]
    orders = next(r for r in first if r["name"] == "orders")
    assert (orders["kind"], orders["status"]) == ("model", "success") and orders["rows"] > 250
    tests = [r for r in first if r["kind"] == "test"]
    assert {r["severity"] for r in tests} == {"error", "warn"}
    assert all(r["failures"] == 0 for r in tests if r["status"] == "pass")


def test_tables_carry_their_comments(history):
    schema = DeltaTable(history.home / "datalakecaso/gold/sales_daily").schema().to_json()
    fields = {f["name"]: f["metadata"].get("comment") for f in json.loads(schema)["fields"]}
    assert fields["returned_eur"] == "Of it, sales of orders that were returned"


def test_a_lost_table_stops_a_build(history):
    folder = history.home / "datalakecaso/silver/suppliers"
    folder.rename(folder.with_name(".suppliers"))
    history.days.land("sales/orders", 14, "orders_d.json", json.dumps(ORDER) + "\n")
    history.days.ingest()
    with pytest.raises(BuildError, match=r"silver\.suppliers was built before"):
        build(history.home)
    folder.with_name(".suppliers").rename(folder)
