"""A fortnight of FarmIA in a home: what every source sends, and corrections that come late.

Files are written into landing and ingested by the engine. Events are written as bronze rows as the
engine writes them, and kept as JSON lines for those who compute from the sources.
"""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from motor_ingesta import MotorIngesta
from motor_ingesta.pipeline.runner import new_context
from motor_ingesta.schemas.types import parse_ddl
from motor_ingesta.simulator.farmia import EPOCH, Trouble, row_of, rows
from motor_ingesta.simulator.files import generate_files
from motor_ingesta.storage.lake import Lake, landing_day
from motor_ingesta.tables import delta
from motor_ingesta.tables.layout import Layout

TROUBLE = Trouble(late=0.05, duplicate=0.05, corrupt=0.02, missing=0.02, null=0.03)
FILE_DATASETS = {
    "iot/devices": 30,
    "sales/orders": 30,
    "inventory/stock": 40,
    "suppliers/suppliers": 400,
    "logistics/shipments": 25,
    "weather/observations": 40,
    "fields/harvests": 15,
    "fields/photos": 1,
}
EVENT_DATASETS = {"sales/online_orders": 40, "iot/telemetry": 80}
EVENT_COLUMNS = {
    "sales/online_orders": (
        "order_id STRING, customer_id STRING, product_id STRING, quantity INT, unit_price DOUBLE, "
        "currency STRING, channel STRING, delivery_province STRING, ordered_at TIMESTAMP"
    ),
    "iot/telemetry": (
        "device_id STRING, farm_id STRING, metric STRING, value DOUBLE, unit STRING, "
        "measured_at TIMESTAMP"
    ),
}


def day(number: int) -> dt.date:
    """Return a day of the fortnight; 1 is the first."""
    return EPOCH.astype("datetime64[D]").item() + dt.timedelta(days=number - 1)


class Fortnight:
    """A home that days arrive in."""

    def __init__(self, home: Path, seed: int):
        self.home, self.seed = home, seed
        self.lake = Lake(home)
        self._offsets = dict.fromkeys(EVENT_DATASETS, 0)

    def add_days(self, first: int, last: int) -> None:
        """Let the files and events of some days arrive."""
        for number in range(first, last + 1):
            for dataset, count in FILE_DATASETS.items():
                self._add_files(dataset, day(number), count)
            for dataset, count in EVENT_DATASETS.items():
                self._add_events(dataset, day(number), count)

    def _add_files(self, dataset: str, when: dt.date, count: int) -> None:
        start_of = "sales/orders" if dataset == "logistics/shipments" else dataset
        start = row_of(start_of, when, self.seed)
        trouble = TROUBLE
        if dataset == "suppliers/suppliers":  # a register has each supplier once
            trouble = Trouble(null=0.03)
        if dataset == "iot/devices":
            trouble = Trouble(
                **(vars(TROUBLE) | {"schema_v2_from": row_of(dataset, day(9), self.seed)})
            )
        generate_files(self.lake, dataset, 1, count, self.seed, start, trouble)

    def _add_events(self, dataset: str, when: dt.date, count: int) -> None:
        start = row_of(dataset, when, self.seed)
        made = rows(dataset, self.seed, start, count, TROUBLE)
        columns = {name: _plain(values) for name, values in made.columns.items()}
        records = [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]
        readable = ~made.troubled["corrupt"]
        self.add_records(dataset, [r for r, good in zip(records, readable, strict=True) if good])

    def add_records(self, dataset: str, records: list[dict]) -> None:
        """Append events to a topic, which is a table of bronze and a file of JSON lines."""
        count, first = len(records), self._offsets[dataset]
        offsets = range(first, first + count)
        self._offsets[dataset] = first + count
        written_at = [
            dt.datetime(2026, 2, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=o) for o in offsets
        ]
        topic = dataset.replace("/", ".")
        columns = parse_ddl(EVENT_COLUMNS[dataset])
        table = pa.Table.from_pylist([{n: r[n] for n in columns.names} for r in records], columns)
        table = table.append_column("_rescued_data", pa.nulls(count, pa.string()))
        origin = pa.table(
            {
                "_topic": pa.repeat(topic, count),
                "_partition": pa.repeat(pa.scalar(0, pa.int32()), count),
                "_offset": pa.array(offsets, pa.int64()),
                "_timestamp": pa.array(written_at, pa.timestamp("us", "UTC")),
                "_key": pa.nulls(count, pa.string()),
                "_headers": pa.nulls(count, Layout.for_kafka().origin.field("_headers").type),
            }
        )
        bronze = Layout.for_kafka().bronze_rows(table, origin, new_context())
        target = self.lake.bronze(dataset)
        delta.append_rows(delta.create_table(target, bronze.schema, ["ingestion_date"]), bronze)
        self._keep(dataset, records, offsets, written_at)

    def _keep(self, dataset: str, records: list[dict], offsets: range, written_at: list) -> None:
        path = self.home / "topics" / f"{dataset.replace('/', '.')}.jsonl"
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as out:
            for record, offset, written in zip(records, offsets, written_at, strict=True):
                line = record | {"_offset": offset, "_timestamp": written}
                out.write(json.dumps(line, default=_json_time) + "\n")

    def land(self, dataset: str, number: int, name: str, content: str | bytes) -> None:
        """Put a file of our own into the folder of a day."""
        folder = Path(landing_day(self.lake.landing(dataset), day(number)))
        folder.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        Path(folder, name).write_bytes(data)

    def ingest(self) -> None:
        """Take what landed into bronze."""
        report = MotorIngesta(self.home, engine="local").run(*FILE_DATASETS)
        assert not report.failed, report.failed


def _plain(values) -> list:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return [v.replace(tzinfo=dt.UTC) for v in values.astype("datetime64[us]").tolist()]
    return list(values.tolist() if isinstance(values, np.ndarray) else values)


def _json_time(value: dt.datetime) -> str:
    return value.isoformat()
