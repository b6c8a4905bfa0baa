"Data that nobody here made, through a catalog of a few lines"
import csv
import json
import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable
from vega_datasets import local_data

from motor_ingesta.catalog import parse_catalog
from motor_ingesta.engine import MotorIngesta
from motor_ingesta.repair import TypesDiffer

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
    report = json.loads(motor_ingesta("run", "--home", tmp_path, "--catalog", tmp_path / "my.yml", "--json"))
    with Path(local_data.seattle_weather.filepath).open() as file: source = list(csv.DictReader(file))
    bronze = DeltaTable(str(tmp_path / "datalakecaso/bronze/weather/seattle")).to_pandas()
    assert report["datasets"][0]["rows_written"] == len(source) == len(bronze)
    assert sum(float(row["precipitation"]) for row in source) == pytest.approx(bronze.precipitation.sum())
    assert set(bronze.weather) == {row["weather"] for row in source}


def test_a_spreadsheet_and_a_replay_that_cannot_be(tmp_path):
    landing = tmp_path / "landingcaso/campo/parcelas/2026/01/07"
    landing.mkdir(parents=True)
    (landing / "parcelas.csv").write_bytes("parcela;ha;siembra\nPeñón;12,5;15/03/2026\nmil;1.234,5;16/03/2026\n".encode("windows-1252"))
    def engine(area, options): return MotorIngesta(tmp_path / "x" / "..", parse_catalog(f"""
datasets:
  - datasource: campo
    dataset: parcelas
    source: {{kind: files, format: csv, schema: "parcela STRING, ha {area}, siembra DATE", options: {options}}}
"""))
    spreadsheet = "{header: true, sep: ';', encoding: windows-1252, dateFormat: dd/MM/yyyy, locale: es-ES}"
    assert engine("DOUBLE", "{header: true}").run().datasets[0].rows_quarantined == 1
    for _ in range(2):  # the first leaves nothing behind that stands in the way
        with pytest.raises(TypesDiffer, match="ha DOUBLE in bronze, DECIMAL"): engine("DECIMAL(10,2)", spreadsheet).replay("campo/parcelas")
    shutil.rmtree(tmp_path / "datalakecaso")
    whole = engine("DECIMAL(10,2)", spreadsheet)
    assert not whole.run().failed
    assert [(r.parcela, str(r.ha), str(r.siembra)) for r in whole.bronze("campo/parcelas").orderBy("ha").collect()] == [("Peñón", "12.50", "2026-03-15"), ("mil", "1234.50", "2026-03-16")]
    assert whole.audit().difference == 0
