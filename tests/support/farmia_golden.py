"""Silver and gold of a home computed by DuckDB from its sources: an independent second opinion.

It reads the files of landing and the events of topics, never a table of the engine.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import fastavro
from deltalake import DeltaTable
from pyarrow import parquet

LINES = "STRUCT(product_id VARCHAR, quantity INT, unit_price DOUBLE)[]"
SOURCES = {
    "online_orders": "order_id VARCHAR, customer_id VARCHAR, product_id VARCHAR, quantity INT, unit_price DOUBLE, currency VARCHAR, channel VARCHAR, delivery_province VARCHAR, ordered_at TIMESTAMP",
    "telemetry": "device_id VARCHAR, farm_id VARCHAR, metric VARCHAR, value DOUBLE, unit VARCHAR, measured_at TIMESTAMP",
    "devices": "device_id VARCHAR, farm_id VARCHAR, kind VARCHAR, firmware VARCHAR, battery_pct DOUBLE, latitude DOUBLE, longitude DOUBLE, temperature_c DOUBLE, humidity_pct DOUBLE, reported_at TIMESTAMP",
    "orders": f"order_id VARCHAR, customer_id VARCHAR, ordered_at TIMESTAMP, status VARCHAR, lines {LINES}, total DOUBLE",
    "stock": "warehouse_id VARCHAR, product_id VARCHAR, quantity INT, reserved INT, unit VARCHAR, counted_at TIMESTAMP",
    "suppliers": "supplier_id VARCHAR, name VARCHAR, contact_email VARCHAR, phone VARCHAR, province VARCHAR, products VARCHAR[], rating DOUBLE, since DATE",
    "shipments": "shipment_id VARCHAR, order_id VARCHAR, carrier VARCHAR, vehicle_plate VARCHAR, origin_warehouse_id VARCHAR, destination_province VARCHAR, weight_kg DOUBLE, shipped_at TIMESTAMP, delivered_at TIMESTAMP, status VARCHAR",
    "observations": "station_id VARCHAR, province VARCHAR, observed_at TIMESTAMP, temperature_c DOUBLE, humidity_pct DOUBLE, wind_kmh DOUBLE, rain_mm DOUBLE",
    "harvests": "harvest_id VARCHAR, farm_id VARCHAR, field_id VARCHAR, product_id VARCHAR, harvested_at TIMESTAMP, weight_kg DOUBLE, moisture_pct DOUBLE, quality VARCHAR",
    "photos": "bytes BIGINT",
}


def json_lines(path: Path) -> Iterator[dict]:
    """Yield the lines that are JSON."""
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def csv_rows(path: Path) -> Iterator[dict]:
    """Yield the lines that have all fields."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    header, *lines = text.splitlines()
    names = header.split(",")
    for line in lines:
        values = next(csv.reader([line])) if '"' not in line else []
        if len(values) == len(names):
            yield {name: value or None for name, value in zip(names, values, strict=True)}


def file_rows(path: Path) -> list[dict]:
    """Read a file of landing; nothing from one that cannot be read."""
    dataset = path.name.split("_")[0]
    if "_broken" in path.name:
        return []
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    if path.suffix == ".avro":
        with path.open("rb") as stream:
            return list(fastavro.reader(stream))
    if path.suffix == ".png":
        return [{"bytes": path.stat().st_size}]
    if dataset == "suppliers":
        return json.loads(path.read_text())
    if path.suffix == ".json":
        return list(json_lines(path))
    return list(csv_rows(path))


def text_of(value: Any) -> str:
    """Write times as UTC without an offset."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat()
    assert isinstance(value, date), value
    return value.isoformat()


def load_sources(home: Path, scratch: Path) -> duckdb.DuckDBPyConnection:
    """Load every source into a table of its own, with where each row was and when it was written."""
    rows: dict[str, list[dict]] = {name: [] for name in SOURCES}
    for path in sorted(p for p in Path(home, "landingcaso").rglob("*") if p.is_file()):
        name = path.name.split("_")[0]
        written = datetime.fromtimestamp(path.stat().st_mtime_ns // 10**6 / 1000, UTC)
        origin = {"_path": str(path), "_written": written, "_day": "-".join(path.parts[-4:-1])}
        rows[name] += [row | origin for row in file_rows(path)]
    for topic in Path(home, "topics").glob("*.jsonl"):
        name = topic.stem.split(".")[1]
        for row in json_lines(topic):
            rows[name].append(
                row
                | {
                    "_path": f"{row['_offset']:020d}",
                    "_written": row["_timestamp"],
                    "_day": "2026-01-01",
                }
            )
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, columns in SOURCES.items():
        file = scratch / f"{name}.jsonl"
        file.write_text("\n".join(json.dumps(_plain(row), default=text_of) for row in rows[name]))
        every = f"{columns}, _path VARCHAR, _written TIMESTAMP, _day DATE"
        connection.execute(f"CREATE TABLE src_{name} ({every})")
        kinds = {c[0]: c[1] for c in connection.execute(f"DESCRIBE src_{name}").fetchall()}
        listed = ", ".join(f"{n}: '{k}'" for n, k in kinds.items())
        connection.execute(
            f"INSERT INTO src_{name} SELECT * FROM read_json('{file}', format='newline_delimited', columns={{{listed}}})"
        )
    return connection


def _plain(row: dict) -> dict:
    return {
        n: v.removesuffix("Z").removesuffix("+00:00")
        if isinstance(v, str) and v[:4] == "2026"
        else v
        for n, v in row.items()
    }


LATEST = {  # table: source, key, own time, what a good row is, columns
    "online_orders": (
        "online_orders",
        "order_id",
        "ordered_at",
        "quantity BETWEEN 1 AND 10000",
        "order_id, customer_id, product_id, quantity, unit_price::DECIMAL(12, 2) AS unit_price, currency, channel, delivery_province, ordered_at",
    ),
    "orders": (
        "orders",
        "order_id",
        "ordered_at",
        "len(lines) > 0 AND total >= 0",
        "order_id, customer_id, ordered_at, status, list_transform(lines, lambda l: struct_pack(product_id := l.product_id, quantity := l.quantity, unit_price := l.unit_price::DECIMAL(12, 2))) AS lines, total::DECIMAL(14, 2) AS total",
    ),
    "readings": (
        "telemetry",
        "device_id, metric, measured_at",
        "measured_at",
        "value BETWEEN -60 AND 10000",
        "device_id, farm_id, metric, value, unit, measured_at",
    ),
    "device_reports": (
        "devices",
        "device_id, reported_at",
        "reported_at",
        "humidity_pct BETWEEN 0 AND 100",
        "device_id, farm_id, kind, firmware, battery_pct, latitude, longitude, temperature_c, humidity_pct, reported_at",
    ),
    "stock": (
        "stock",
        "warehouse_id, product_id, counted_at::DATE",
        "counted_at",
        "quantity >= reserved AND reserved >= 0",
        "counted_at::DATE AS stock_date, warehouse_id, product_id, quantity, reserved, unit, counted_at",
    ),
    "supplier_registers": (
        "suppliers",
        "supplier_id, _day",
        "_day",
        "rating BETWEEN 0 AND 5",
        "supplier_id, _day AS register_date, name, contact_email, phone, province, products, rating, since",
    ),
    "shipments": (
        "shipments",
        "shipment_id",
        "coalesce(delivered_at, shipped_at)",
        "true",
        "shipment_id, order_id, carrier, vehicle_plate, origin_warehouse_id, destination_province, weight_kg, shipped_at, delivered_at, status",
    ),
    "weather": (
        "observations",
        "station_id, observed_at",
        "observed_at",
        "rain_mm >= 0",
        "station_id, province, observed_at, temperature_c, humidity_pct, wind_kmh, rain_mm",
    ),
    "harvests": (
        "harvests",
        "harvest_id",
        "harvested_at",
        "true",
        "harvest_id, farm_id, field_id, product_id, harvested_at, weight_kg, moisture_pct, quality",
    ),
    "photos": (
        "photos",
        "_path",
        "_written",
        "bytes > 0",
        "'file:' || _path AS photo, _day AS photo_date, bytes",
    ),
}

DERIVED = {
    "suppliers": """
        SELECT supplier_id, register_date AS valid_from,
            lead(register_date) OVER by_day AS valid_to, name, rating, phone
        FROM (
            SELECT *, lag([name, contact_email, phone, province, products::VARCHAR, rating::VARCHAR])
                OVER (PARTITION BY supplier_id ORDER BY register_date) AS before,
                [name, contact_email, phone, province, products::VARCHAR, rating::VARCHAR] AS now
            FROM supplier_registers)
        WHERE before IS DISTINCT FROM now
        WINDOW by_day AS (PARTITION BY supplier_id ORDER BY register_date)""",
    "readings_enriched": """
        SELECT r.device_id, r.metric, r.measured_at, r.value, f.farm_name, f.province,
            round(avg(w.temperature_c), 2) AS weather_temperature_c, round(sum(w.rain_mm), 2) AS weather_rain_mm
        FROM readings r LEFT JOIN farms f USING (farm_id)
        LEFT JOIN weather w ON w.station_id = f.station_id AND w.observed_at >= date_trunc('hour', r.measured_at)
            AND w.observed_at < date_trunc('hour', r.measured_at) + INTERVAL 1 HOUR
        GROUP BY ALL""",
    "order_lines": """
        SELECT 'shop' AS sold_by, order_id, 'shop' AS channel, customer_id, NULL AS province, ordered_at,
            status = 'returned' AS returned, unnest(lines, recursive := true) FROM orders
        UNION ALL SELECT 'online', order_id, channel, customer_id, delivery_province, ordered_at, false,
            product_id, quantity, unit_price FROM online_orders""",
    "orders_enriched": """
        SELECT sold_by, order_id, channel, customer_id, province, ordered_at,
            sum(quantity * unit_price)::DECIMAL(14, 2) AS amount
        FROM order_lines GROUP BY ALL""",
    "shipments_enriched": """
        SELECT s.shipment_id, s.status, o.customer_id, o.ordered_at, o.amount AS order_amount
        FROM shipments s LEFT JOIN orders_enriched o USING (order_id)""",
    "sales_daily": """
        SELECT ordered_at::DATE AS sale_date, channel, product_id, product_name, category,
            coalesce(l.province, (SELECT min(destination_province) FROM shipments s WHERE s.order_id = l.order_id), 'unknown') AS province,
            count(DISTINCT order_id) AS orders, sum(quantity)::BIGINT AS units,
            sum(quantity * unit_price)::DECIMAL(18, 2) AS amount_eur,
            coalesce(sum(quantity * unit_price) FILTER (returned), 0)::DECIMAL(18, 2) AS returned_eur
        FROM order_lines l LEFT JOIN products USING (product_id) GROUP BY ALL""",
    "customers": """
        SELECT customer_id, min(ordered_at) AS first_order_at, max(ordered_at) AS last_order_at,
            count(DISTINCT order_id) AS orders, sum(quantity * unit_price)::DECIMAL(18, 2) AS amount_eur
        FROM order_lines GROUP BY ALL""",
    "stock_at_risk": """
        WITH demand AS (
            SELECT s.origin_warehouse_id AS warehouse_id, l.product_id, sum(l.quantity) / 28 AS daily
            FROM shipments s JOIN order_lines l USING (order_id) GROUP BY ALL)
        SELECT s.warehouse_id, s.product_id, arg_max(quantity - reserved, stock_date) AS available,
            round(coalesce(any_value(daily), 0), 3) AS daily_demand,
            CASE WHEN available <= 0 THEN 'out_of_stock'
                WHEN round(available / any_value(daily), 1) < 7 THEN 'at_risk' ELSE 'covered' END AS risk
        FROM stock s LEFT JOIN demand USING (warehouse_id, product_id) GROUP BY s.warehouse_id, s.product_id""",
    "supplier_punctuality": """
        WITH pairs AS (
            SELECT DISTINCT u.supplier_id, s.shipment_id, s.shipped_at, s.delivered_at, s.status
            FROM shipments s JOIN order_lines l USING (order_id)
            JOIN supplier_registers u ON list_contains(u.products, l.product_id)
            WHERE u.register_date = (
                SELECT max(register_date) FROM supplier_registers v
                WHERE v.supplier_id = u.supplier_id AND v.register_date <= s.shipped_at::DATE))
        SELECT date_trunc('month', shipped_at)::DATE AS month, supplier_id, count(*) AS shipments,
            count(*) FILTER (status = 'delayed') AS delayed, count(*) FILTER (status = 'damaged') AS damaged,
            round(avg(epoch(delivered_at - shipped_at)) / 3600, 1) AS average_hours
        FROM pairs GROUP BY ALL""",
    "farm_days": """
        WITH reports AS (
            SELECT farm_id, reported_at::DATE AS day, device_id, arg_max(battery_pct, reported_at) AS battery
            FROM device_reports GROUP BY ALL),
        health AS (SELECT farm_id, day, count(*) AS devices, count(*) FILTER (battery < 20) AS low FROM reports GROUP BY ALL),
        soil AS (
            SELECT farm_id, measured_at::DATE AS day, count(*) AS readings,
                round(avg(value) FILTER (metric = 'soil_moisture'), 2) AS moisture
            FROM readings GROUP BY ALL)
        SELECT day, farm_id, farm_name, coalesce(devices, 0) AS devices_reporting, coalesce(low, 0) AS devices_low_battery,
            coalesce(readings, 0) AS readings, moisture AS soil_moisture_pct
        FROM health FULL JOIN soil USING (farm_id, day) LEFT JOIN farms USING (farm_id)""",
    "sales_weather": """
        SELECT sale_date, province, sum(units)::BIGINT AS units, sum(amount_eur)::DECIMAL(18, 2) AS amount_eur,
            (SELECT round(avg(temperature_c), 2) FROM weather w WHERE w.province = d.province AND w.observed_at::DATE = d.sale_date) AS temperature_c
        FROM sales_daily d GROUP BY ALL""",
    "field_photos": """
        SELECT coalesce(nullif(regexp_extract(photo, 'farm-[0-9]+'), ''), 'unknown') AS farm_id,
            date_trunc('month', photo_date)::DATE AS month, count(*) AS photos, sum(bytes)::BIGINT AS bytes
        FROM photos GROUP BY ALL""",
}
INTERNAL = {"order_lines"}
ROUNDED = {
    "weather_temperature_c",
    "weather_rain_mm",
    "temperature_c",
    "soil_moisture_pct",
    "average_hours",
    "daily_demand",
}


def compute(home: Path, scratch: Path, seeds: Path) -> duckdb.DuckDBPyConnection:
    """Compute all tables of silver and gold."""
    connection = load_sources(home, scratch)
    for name in ("products", "farms"):
        connection.execute(
            f"CREATE TABLE {name} AS FROM read_csv('{seeds}/{name}.csv', header=true, all_varchar=true)"
        )
    for name, (source, key, time, good, columns) in LATEST.items():
        connection.execute(
            f"CREATE TABLE {name} AS SELECT {columns} FROM src_{source} WHERE {good} QUALIFY row_number() OVER "
            f"(PARTITION BY {key} ORDER BY {time} DESC, _written DESC, _path DESC) = 1"
        )
    for name, query in DERIVED.items():
        connection.execute(f"CREATE TABLE {name} AS {query}")
    return connection


def differences(golden: duckdb.DuckDBPyConnection, home: Path) -> dict[str, tuple[list, list]]:
    """Compare every table; the rows that only one side has: (expected, found)."""
    found = {}
    for name in [*LATEST, *DERIVED]:
        if name in INTERNAL:
            continue
        columns = [row[0] for row in golden.execute(f"DESCRIBE {name}").fetchall()]
        golden.register("built", table_rows(home, name))
        shown = ", ".join(_compared(column) for column in columns)
        kinds = ", ".join(f"{_compared(c)}" for c in columns)
        only = [
            golden.execute(
                f"SELECT {kinds} FROM {a} EXCEPT ALL SELECT {shown} FROM {b} LIMIT 3"
            ).fetchall()
            for a, b in ((name, "built"), ("built", name))
        ]
        if any(only):
            found[name] = (only[0], only[1])
    return found


def _compared(column: str) -> str:
    "Times as UTC; averages, which depend on the order of adding, without their last digit."
    if column.endswith("_at"):
        return f"epoch_us({column}) AS {column}"
    return f"floor({column} * 2 + 0.25) AS {column}" if column in ROUNDED else column


def table_rows(home: Path, name: str) -> Any:
    """Read a table that a build made, without Spark."""
    zones = [Path(home, "datalakecaso", zone, name) for zone in ("silver", "gold")]
    return DeltaTable(next(path for path in zones if path.exists())).to_pyarrow_table()
