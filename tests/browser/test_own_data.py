"""From an empty home with one mouse: five kinds of files from the desktop to bronze, clicks and seconds counted."""

from __future__ import annotations

import json
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from deltalake import DeltaTable

from motor_ingesta.local.services import free_port
from support.browser import Window, button, jupyterlab, says

MOST_CLICKS, MOST_SECONDS = 10, 60
SOON = 60_000  # milliseconds
_COUNT = "window.clicks = 0; addEventListener('click', () => window.clicks++, true)"


@dataclass
class Case:
    "A file, and what another reader finds in it."

    file: Path
    dataset: str
    rows: int
    column: str  # of numbers
    total: float
    shown: int = 0  # rows of the preview, if it is of one file of several


def spanish_csv(folder: Path) -> Case:
    lines = [f"{n:03};{n},25;{1 + n % 28:02}/03/2026;Cáceres" for n in range(1, 201)]
    file = folder / "parcelas.csv"
    file.write_bytes("\r\n".join(["parcela;superficie;siembra;sitio", *lines]).encode("cp1252"))
    known = pd.read_csv(file, sep=";", decimal=",", encoding="cp1252")
    return Case(file, "own/parcelas", len(known), "superficie", known["superficie"].sum())


def excel_with_two_sheets(folder: Path) -> Case:
    workbook = openpyxl.Workbook()
    for sheet in (workbook.active, workbook.create_sheet("notes")):
        sheet.append(["plot", "yield"])
        for number in range(150):
            sheet.append([f"p{number}", number / 4])
    file = folder / "harvest.xlsx"
    workbook.save(file)
    known = pd.read_excel(file, engine="openpyxl")
    return Case(file, "own/harvest", len(known), "yield", known["yield"].sum())


def nested_json(folder: Path) -> Case:
    known = json.loads(
        files("license_expression").joinpath("data/scancode-licensedb-index.json").read_text()
    )
    file = folder / "licences.json"
    file.write_text(json.dumps(known))
    total = sum(len(row.get("other_spdx_license_keys") or ()) for row in known)
    return Case(file, "own/licences", len(known), "other_spdx_license_keys", total)


def zip_of_csvs(folder: Path) -> Case:
    file = folder / "sensors.zip"
    known = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for month in ("may", "june", "july"):
            rows = pd.DataFrame({"sensor": range(80), "wet": [n / 8 for n in range(80)]})
            packed.writestr(f"2026/{month}.csv", rows.to_csv(index=False))
            known.append(rows)
    every = pd.concat(known)
    return Case(file, "own/sensors", len(every), "wet", every["wet"].sum(), len(rows))


def pandas_parquet(folder: Path) -> Case:
    file = folder / "prices.parquet"
    days = pd.date_range("2026-01-01", periods=300, tz="Europe/Madrid")
    pd.DataFrame({"day": days, "price": [n / 16 for n in range(300)]}).to_parquet(file)
    known = pd.read_parquet(file)
    return Case(file, "own/prices", len(known), "price", known["price"].sum())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def lab(home):
    with jupyterlab(home, free_port(), free_port(), free_port()) as url:
        yield url


@pytest.fixture(scope="module")
def window(chromium, lab, home):
    window = Window(chromium.new_page(viewport={"width": 1300, "height": 2600}), home)
    window.open(lab, "datos_propios.ipynb")
    window.run_all()
    yield window
    window.page.screenshot(path=home / "own_data.png", full_page=True)


class Effort:
    "The clicks and the seconds of a block."

    def __init__(self, window: Window):
        self.page = window.page

    def __enter__(self) -> Effort:
        self.page.evaluate(_COUNT)
        self.began = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = time.monotonic() - self.began
        self.clicks = self.page.evaluate("window.clicks")


def bronze(home: Path, dataset: str) -> pd.DataFrame:
    return DeltaTable(f"{home}/datalakecaso/bronze/{dataset}").to_pandas()


@pytest.mark.parametrize(
    "make", [spanish_csv, excel_with_two_sheets, nested_json, zip_of_csvs, pandas_parquet]
)
def test_a_file_by_mouse(home, window, tmp_path, make: Callable[[Path], Case], record_property):
    case = make(tmp_path)
    panel = window.panel()
    with Effort(window) as effort:
        with window.page.expect_file_chooser() as chooser:
            panel.get_by_role("button", name=re.compile("Choose files")).click()
        chooser.value.set_files(case.file)
        says(panel, f"{case.shown or case.rows:,} rows looked at", SOON)
        button(panel, "Take to bronze").click()
        says(panel, f"{case.rows:,} rows of {case.dataset} in bronze, 0 in the quarantine", SOON)
    record_property("clicks", effort.clicks)
    record_property("seconds", round(effort.seconds, 1))
    assert (effort.clicks <= MOST_CLICKS, effort.seconds < MOST_SECONDS) == (True, True), effort
    rows = bronze(home, case.dataset)
    values = [len(v) if hasattr(v, "__len__") else float(v) for v in rows[case.column].dropna()]
    assert (len(rows), sum(values)) == (case.rows, pytest.approx(case.total))
    window.check()
