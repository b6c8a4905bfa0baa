"""Generated data for datasets that are not FarmIA's: a run is counted against the manifest."""

import json
from collections import Counter

import pytest
from deltalake import DeltaTable

from motor_ingesta.catalog.models import Dataset
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.generator import DatasetGenerator
from motor_ingesta.simulator.manifest import Manifest
from motor_ingesta.simulator.trouble import Trouble

SALES = "id BIGINT, email STRING, price DECIMAL(8,2), paid BOOLEAN, day DATE, at TIMESTAMP"
NESTED = (
    "order_id STRING, total DOUBLE, at TIMESTAMP, ship STRUCT<city: STRING, zip: STRING>, "
    "lines ARRAY<STRUCT<sku: STRING, quantity: INT>>, tags MAP<STRING, INT>, photo BINARY"
)
SPREADSHEET = {
    "header": "true",
    "sep": ";",
    "locale": "es-ES",
    "encoding": "windows-1252",
    "dateFormat": "dd/MM/yyyy",
    "timestampFormat": "dd/MM/yyyy HH:mm:ss",
    "timeZone": "Europe/Madrid",
    "nullValue": "NA",
}
CATALOGS = {
    "shop/json_lines": {"format": "json", "schema": NESTED},
    "shop/json_gzip": {"format": "json", "schema": SALES, "pattern": "*.jsonl.gz"},
    "bank/json_array": {"format": "json_array", "schema": NESTED},
    "bank/csv": {"format": "csv", "schema": SALES, "options": {"header": "true"}},
    "clinic/spreadsheet": {"format": "csv", "schema": SALES, "options": SPREADSHEET},
    "clinic/no_header": {"format": "csv", "schema": SALES, "options": {"multiLine": "true"}},
    "city/parquet": {"format": "parquet", "schema": NESTED + ", n TINYINT, t TIMESTAMP_NTZ"},
    "city/avro": {
        "format": "avro",
        "schema": NESTED + ", n SMALLINT, m STRUCT<t: MAP<STRING, INT>>",
    },
    "web/text": {"format": "text"},
    "web/binary": {"format": "binary"},
}
ALL_TROUBLE = Trouble(
    late=0.05,
    duplicate=0.05,
    corrupt=0.03,
    missing=0.04,
    null=0.05,
    misfit=0.05,
    new_column=0.1,
    renamed=0.1,
    retyped=0.1,
    dropped=0.1,
    update=0.05,
)


def dataset_of(name: str, source: dict, **keys) -> Dataset:
    datasource, dataset = name.split("/")
    source = {"kind": "files"} | source
    return Dataset(datasource=datasource, dataset=dataset, source=source, max_rejected=1.0, **keys)


def home_with(path, dataset: Dataset) -> MotorIngesta:
    entry = dataset.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    catalog = path / "catalog.yml"
    catalog.write_text(json.dumps({"datasets": [entry]}))
    return MotorIngesta(path, catalog, engine="local", attempts=1)


def rows_of(runner: MotorIngesta, zone: str, name: str) -> list[dict]:
    uri = getattr(runner.lake, zone)(name)
    return DeltaTable(uri).to_pyarrow_table().to_pylist() if DeltaTable.is_deltatable(uri) else []


def assert_counted(runner: MotorIngesta, made: Manifest) -> None:
    """What the manifest says is what arrived, in total and file by file."""
    report = runner.run(made.dataset).datasets[0]
    assert not report.error, report.error
    bronze = rows_of(runner, "bronze", made.dataset)
    quarantine = rows_of(runner, "quarantine", made.dataset)
    rescued = [row for row in bronze if row["_rescued_data"] is not None]
    counts = {"bronze": len(bronze), "quarantine": len(quarantine), "rescued": len(rescued)}
    expected = {"bronze": made.bronze, "quarantine": made.quarantine, "rescued": made.rescued}
    assert counts == expected, Counter(row["_reason"] for row in quarantine)
    arrived = Counter(row["_source_file"].split("/")[-1] for row in bronze + quarantine)
    assert arrived == {file["path"].split("/")[-1]: file["rows"] for file in made.files}


@pytest.mark.parametrize("name", CATALOGS)
def test_a_run_is_counted_against_the_manifest(tmp_path, name):
    dataset = dataset_of(name, CATALOGS[name])
    runner = home_with(tmp_path, dataset)
    made = DatasetGenerator(dataset).files(runner.lake, 8, 50, trouble=ALL_TROUBLE)
    assert made.rows >= 8
    assert_counted(runner, made)


@pytest.mark.parametrize("mode", ["evolve", "ignore"])
@pytest.mark.parametrize("name", ["shop/json_lines", "bank/csv", "city/parquet", "city/avro"])
def test_a_run_is_counted_in_other_modes(tmp_path, name, mode):
    dataset = dataset_of(name, CATALOGS[name], schema_changes=mode)
    runner = home_with(tmp_path, dataset)
    made = DatasetGenerator(dataset).files(runner.lake, 8, 40, trouble=ALL_TROUBLE)
    assert_counted(runner, made)


BY_COLUMN = [name for name in CATALOGS if "schema" in CATALOGS[name] and name != "shop/json_gzip"]


@pytest.mark.parametrize("kind", ["misfit", "new_column", "renamed", "retyped", "dropped"])
@pytest.mark.parametrize("name", BY_COLUMN)
def test_each_kind_of_trouble_is_counted(tmp_path, name, kind):
    dataset = dataset_of(name, CATALOGS[name])
    runner = home_with(tmp_path, dataset)
    made = DatasetGenerator(dataset).files(runner.lake, 1, 20, trouble=Trouble(**{kind: 1}))
    assert made.trouble == {kind: 20} or made.not_possible == [kind]
    assert_counted(runner, made)
