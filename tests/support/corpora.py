"""Test suites of others, as `tests/data` has them."""

import json
from typing import Any

from support import REPOSITORY

DATA = REPOSITORY / "tests/data"


def json_test_suite() -> dict[str, bytes]:
    "Name → a JSON text: `y_` must be taken, `n_` must be refused, `i_` may be either."
    cases = json.loads((DATA / "json_test_suite.json").read_text())["cases"]
    return {name: _content(case) for name, case in cases.items()}


def _content(case: str | dict[str, Any]) -> bytes:
    if isinstance(case, str):
        return case.encode()
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    return (case["repeat"] * case["times"] + case.get("then", "")).encode()


def csv_spectrum() -> dict[str, tuple[bytes, list[dict[str, str]]]]:
    "Name → the content of a CSV file, and the rows it must give."
    cases = json.loads((DATA / "csv_spectrum.json").read_text())["cases"]
    return {name: (case["csv"].encode(), case["rows"]) for name, case in cases.items()}
