"""Helpers that several test files use."""

import json
from collections import Counter
from pathlib import Path

from deltalake import DeltaTable

REPOSITORY = Path(__file__).parents[2]
CHROMIUM = [  # switches of a browser that makes no request of its own
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def rows_by_reason(home, dataset: str) -> tuple[int, Counter]:
    """Count bronze rows, and quarantine rows per reason, without Spark."""
    zones = f"{home}/datalakecaso"
    bronze = DeltaTable(f"{zones}/bronze/{dataset}").to_pyarrow_table()
    quarantine = DeltaTable(f"{zones}/quarantine/{dataset}").to_pyarrow_table()
    return bronze.num_rows, Counter(quarantine["_reason"].to_pylist())


def manifests(home, dataset: str) -> list[dict]:
    """Read what the generators say they made for a dataset."""
    folder = Path(home, "manifests", dataset)
    return [json.loads(path.read_text()) for path in folder.glob("*.json")]
