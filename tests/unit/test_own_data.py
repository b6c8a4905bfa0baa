"Data that nobody here made, through a catalog of a few lines"

import csv
import json
import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable
from vega_datasets import local_data

from motor_ingesta.catalog.models import parse_catalog
from motor_ingesta.pipeline.runner import MotorIngesta

CATALOG = """
datasets:
  - datasource: weather
    dataset: seattle
    source:
      kind: files
      format: csv
      schema: "date DATE, precipitation DOUBLE, temp_max DOUBLE, temp_min DOUBLE, wind DOUBLE, weather STRING"
      options: {header: true, dateFormat: yyyy/MM/dd}
"""


def test_seattle_weather(tmp_path, motor_ingesta):
    (tmp_path / "my.yml").write_text(CATALOG)
    landing = tmp_path / "landingcaso/weather/seattle/2026/01/07"
    landing.mkdir(parents=True)
    shutil.copy(local_data.seattle_weather.filepath, landing / "seattle weather.csv")
    report = json.loads(
        motor_ingesta("run", "--home", tmp_path, "--catalog", tmp_path / "my.yml", "--json")
    )
    with Path(local_data.seattle_weather.filepath).open() as file:
        source = list(csv.DictReader(file))
    bronze = DeltaTable(str(tmp_path / "datalakecaso/bronze/weather/seattle")).to_pandas()
    assert report["datasets"][0]["rows_written"] == len(source) == len(bronze)
    assert sum(float(row["precipitation"]) for row in source) == pytest.approx(
        bronze.precipitation.sum()
    )
    assert set(bronze.weather) == {row["weather"] for row in source}


def test_a_spreadsheet_and_types_that_change(tmp_path):
    landing = tmp_path / "landingcaso/campo/parcelas/2026/01/07"
    landing.mkdir(parents=True)

    def land(name, lines):
        (landing / name).write_bytes(f"parcela;ha;siembra\n{lines}\n".encode("windows-1252"))

    def engine(
        area,
        options="{header: true, sep: ';', encoding: windows-1252, dateFormat: dd/MM/yyyy, locale: es-ES}",
    ):
        return MotorIngesta(
            tmp_path / "x" / "..",
            parse_catalog(f"""
datasets:
  - datasource: campo
    dataset: parcelas
    source: {{kind: files, format: csv, schema: "parcela STRING, ha {area}, siembra DATE", options: {options}}}
"""),
            engine="local",
        )

    land("a.csv", "Peñón;12,5;15/03/2026\nmil;1.234,5;16/03/2026")
    first = engine("DOUBLE", "{header: true}").run().datasets[0]
    assert (
        first.rows_quarantined == 1
        and "a.csv" in first.warnings[0]
        and "option `sep`" in first.warnings[0]
    )
    assert (
        engine("DECIMAL(10,2)").replay("campo/parcelas").rows == 2
    )  # bronze was empty, and took the new type
    found = (
        engine("DECIMAL(10,2)")
        .bronze("campo/parcelas")
        .order("ha")
        .project("parcela, ha, siembra")
        .fetchall()
    )
    assert [(name, str(area), str(day)) for name, area, day in found] == [
        ("Peñón", "12.50", "2026-03-15"),
        ("mil", "1234.50", "2026-03-16"),
    ]
    land("b.csv", "Soto;7,25;17/03/2026\nRaso;1;2;3")
    said = engine("STRING").run().failed[0]
    assert (
        "ha is DECIMAL(10, 2) in bronze and STRING in the catalog" in said.error and not said.trace
    )
    assert engine("DECIMAL(10,2)").run().datasets[0].rows_quarantined == 1
    assert engine("STRING").replay("campo/parcelas").rows == 0  # the line is still malformed
    assert not engine("DECIMAL(10,2)").run().failed
    assert engine("DECIMAL(10,2)").audit().difference == 0
