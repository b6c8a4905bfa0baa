"Data that nobody here made, through a catalog of a few lines"
import csv
import json
import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable
from vega_datasets import local_data

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
