"""Avro files with everything that Avro has: nested records, decimals, enums, unions, maps, fixed."""

import datetime as dt
import decimal
import io
from typing import Any

import fastavro

from tools.benchmarks.peers import PlainFiles
from tools.benchmarks.shapes import Expected, FileShape, goals

SCHEMA = {
    "type": "record",
    "name": "Harvest",
    "namespace": "com.farmia.fields",
    "fields": [
        {"name": "harvest_id", "type": "string"},
        {
            "name": "field",
            "type": {
                "type": "record",
                "name": "Field",
                "fields": [
                    {"name": "farm_id", "type": "string"},
                    {"name": "hectares", "type": "double"},
                ],
            },
        },
        {
            "name": "weight_kg",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
        },
        {
            "name": "quality",
            "type": {"type": "enum", "name": "Quality", "symbols": ["A", "B", "C"]},
        },
        {"name": "moisture_pct", "type": ["null", "double"]},
        {"name": "lot", "type": ["string", "long"]},
        {"name": "sugars", "type": {"type": "map", "values": "double"}},
        {"name": "seal", "type": {"type": "fixed", "name": "Seal", "size": 16}},
        {"name": "pickers", "type": {"type": "array", "items": "string"}},
        {"name": "harvested_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ],
}
_START = dt.datetime(2026, 1, 7, 6, tzinfo=dt.UTC)


def harvest(number: int) -> dict[str, Any]:
    "One record."
    return {
        "harvest_id": f"hrv-{number:08}",
        "field": {"farm_id": f"farm-{number % 120:03}", "hectares": number % 400 / 10},
        "weight_kg": decimal.Decimal(number * 7919 % 400_000) / 100,
        "quality": "ABC"[number % 3],
        "moisture_pct": None if number % 10 == 0 else number % 350 / 10,
        "lot": f"lot-{number % 900}" if number % 2 else number % 900,
        "sugars": {"glucose": number % 70 / 10, "fructose": number % 90 / 10},
        "seal": number.to_bytes(16, "big"),
        "pickers": [f"picker-{number % 60:02}", f"picker-{number % 61:02}"],
        "harvested_at": _START + dt.timedelta(seconds=number),
    }


def _write(first: int, count: int) -> tuple[bytes, Expected]:
    content = io.BytesIO()
    records = map(harvest, range(first, first + count))
    fastavro.writer(content, fastavro.parse_schema(SCHEMA), records, codec="deflate")
    return content.getvalue(), Expected(count)


SHAPES = (
    FileShape(
        "avro_files",
        "Avro files: nested, decimals, enums, unions, maps, fixed",
        {"format": "avro"},
        _write,
        "avro",
        PlainFiles("avro", None),
        goals=goals(0.8, spark=1.1),
        has_equal_files=True,
    ),
)
