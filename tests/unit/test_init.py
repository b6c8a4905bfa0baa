"What `init` finds out, held against what a careful person says, and the rows against pandas"

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import vega_datasets
from deltalake import DeltaTable

from motor_ingesta.catalog.loading import load_catalog
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.profiling.files import add_to_catalog, land_files, propose
from motor_ingesta.storage.lake import Lake

DATA = Path(vega_datasets.__file__).parent / "_data"

EXPECTED = {  # file → types, in order; S STRING, B BIGINT, D DOUBLE, d DATE, N TIMESTAMP_NTZ
    "airports.csv": "S S S S S D D",
    "anscombe.json": "S D D",
    "barley.json": "D S B S",
    "burtin.json": "S D D D S S",
    "cars.json": "S D B D B B D d S",
    "crimea.json": "d B B B",
    "driving.json": "S B B D",
    "iowa-electricity.csv": "d S B",
    "iris.json": "D D D D S",
    "la-riots.csv": "S S B S S d S S S D D",
    "ohlc.json": "d D D D D S D",
    "seattle-temps.csv": "N D",
    "seattle-weather.csv": "d D D D D S",
    "sf-temps.csv": "D N",
    "stocks.csv": "S d D",
    "us-employment.csv": "d B B B B B B B B B B B D D D D B B B B B B B B",
    "wheat.json": "S D D",  # the years are in quotes
}
LETTERS = {"STRING": "S", "BIGINT": "B", "DOUBLE": "D", "DATE": "d", "TIMESTAMP_NTZ": "N"}


@pytest.mark.parametrize("name", EXPECTED)
def test_types_of_public_files(name):
    found = propose(DATA / name)
    types = [LETTERS.get(column.type, column.type) for column in found.columns]
    assert " ".join(types) == EXPECTED[name]
    assert not found.preview.problem
    assert found.preview.rejected.num_rows == 0
    assert found.preview.rescued.num_rows == 0


def test_rows_and_sums_agree_with_pandas(tmp_path):
    for name in EXPECTED:
        found = propose(DATA / name)
        dataset = found.dataset(f"vega/{Path(name).stem.replace('-', '_')}")
        add_to_catalog(tmp_path / "catalog.yml", dataset)
        land_files(found, Lake(tmp_path), dataset.name)
    catalog = load_catalog(tmp_path / "catalog.yml")
    report = MotorIngesta(tmp_path, catalog, engine="local").run()
    assert not report.failed
    for name in EXPECTED:
        expected = pd.read_csv(DATA / name) if name.endswith("csv") else pd.read_json(DATA / name)
        table = f"datalakecaso/bronze/vega/{Path(name).stem.replace('-', '_')}"
        bronze = DeltaTable(str(tmp_path / table)).to_pandas()
        assert len(bronze) == len(expected), name
        assert bronze._rescued_data.isna().all(), name
        for column in expected.select_dtypes("number").columns.intersection(bronze.columns):
            if pd.api.types.is_numeric_dtype(bronze[column]):
                assert bronze[column].sum() == pytest.approx(expected[column].sum()), column


SHEET = """Parcela;Superficie ha;Siembra;Código;Nota
Peñón;12,5;15/03/2026;007;
Soto;1.234,25;16/03/2026;012;"seco
de secano"
Raso;n/d;17/03/2026;099;NA
"""


def test_a_spanish_spreadsheet(tmp_path):
    (tmp_path / "parcelas.csv").write_bytes(SHEET.encode("windows-1252"))
    found = propose(tmp_path / "parcelas.csv")
    assert found.options == {
        "header": "true",
        "sep": ";",
        "encoding": "windows-1252",
        "multiLine": "true",
        "locale": "es-ES",
        "nullValue": "n/d",
        "dateFormat": "dd/MM/yyyy",
    }
    types = {column.name: column.type for column in found.columns}
    assert types == {
        "Parcela": "STRING",
        "Superficie ha": "DECIMAL(18, 2)",
        "Siembra": "DATE",
        "Código": "STRING",
        "Nota": "STRING",
    }
    rows = found.preview.rows.to_pylist()
    assert [row["superficie_ha"] for row in rows] == [Decimal("12.50"), Decimal("1234.25"), None]
    assert rows[1]["Nota"].splitlines() == ["seco", "de secano"]
    assert rows[0]["Siembra"] == dt.date(2026, 3, 15)


def test_what_is_unsure_is_said(tmp_path):
    lines = ["day,people,epoch,short"]
    lines += [f'0{n}/02/2026,"1,23{n}",176780000{n},31/12/9{n}' for n in (3, 1, 2, 5)]
    (tmp_path / "unsure.csv").write_text("\n".join(lines) + "\n")
    found = propose(tmp_path / "unsure.csv")
    by_name = {column.name: column for column in found.columns}
    assert not by_name["day"].is_sure and "d/M/yyyy" in by_name["day"].why
    assert not by_name["epoch"].is_sure and "1970" in by_name["epoch"].why
    assert by_name["short"].type == "STRING"  # 2090 was not meant
    assert any("decimal comma or groups" in warning for warning in found.warnings)


def test_values_that_do_not_fit_are_shown_and_kept(tmp_path):
    lines = ["id,ha"] + [f"{n},{n}.5" for n in range(50)] + ["50,much", "51"]
    (tmp_path / "plots.csv").write_text("\n".join(lines) + "\n")
    found = propose(tmp_path / "plots.csv")
    ha = found.columns[1]
    assert (ha.type, ha.fits, ha.values, ha.examples) == ("DOUBLE", 50, 51, ("much",))
    assert found.preview.rescued["_rescued_data"].to_pylist() == ['{"ha":"much"}']
    assert found.preview.rejected["raw"].to_pylist() == [b"51"]


def test_digits_are_not_lost(tmp_path):
    lines = ["id,exact,big", "9007199254740993,0.12345678901234567891,98765432109876543210"] * 2
    (tmp_path / "digits.csv").write_text("\n".join(lines[:1] + lines[1:2]) + "\n")
    row = propose(tmp_path / "digits.csv").preview.rows.to_pylist()[0]
    assert row["id"] == 9007199254740993
    assert row["exact"] == Decimal("0.12345678901234567891")
    assert row["big"] == Decimal("98765432109876543210")


def test_the_command_writes_a_catalog_that_runs(tmp_path, motor_ingesta):
    (tmp_path / "plots.json").write_text('{"id": 7, "at": "2026-01-07T10:00:00Z"}\n')
    home = tmp_path / "home"
    said = motor_ingesta(
        "init",
        tmp_path / "plots.json",
        "--home",
        home,
        "--dataset",
        "farm/plots",
        "--write",
        "--json",
    )
    assert json.loads(said)["columns"][1]["type"] == "TIMESTAMP"
    report = MotorIngesta(home, load_catalog(home / "catalog.yml"), engine="local").run()
    assert report.datasets[0].rows_written == 1
