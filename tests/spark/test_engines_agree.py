"""Both engines give the same tables: the same readers run in this process and in Spark's workers."""

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from motor_ingesta.catalog.models import parse_catalog
from motor_ingesta.local.session import session
from motor_ingesta.pipeline.runner import MotorIngesta
from support.bad_input import CATALOG, CORPUS, land_corpus, wrong_files

OF_THE_RUN = ("_ingested_at", "_run_id", "_source_file", "_source_modified_at")


@pytest.fixture(scope="module")
def spark():
    spark = session()
    yield spark
    spark.stop()


@pytest.fixture(scope="module")
def runners(spark, tmp_path_factory):
    catalog = parse_catalog(CATALOG)
    found = {
        "local": MotorIngesta(tmp_path_factory.mktemp("local"), catalog, engine="local"),
        "spark": MotorIngesta(
            tmp_path_factory.mktemp("spark"), catalog, engine="spark", spark=spark
        ),
    }
    for runner in found.values():
        land_corpus(runner.lake, catalog.datasets)
    return found


def rows_of(runner, zone, dataset):
    """The rows of a table without what differs from run to run, sorted, each as a text."""
    table = DeltaTable(f"{runner.lake.home}/datalakecaso/{zone}/{dataset}").to_pyarrow_table()
    names = table["_source_file"].to_pylist()
    files = [name.rpartition("/")[2] for name in names]
    rest = table.drop_columns([name for name in OF_THE_RUN if name in table.column_names])
    columns = [_plain(rest[name]) for name in sorted(rest.column_names)]
    return sorted(map(str, zip(files, *columns, strict=True)))


def _plain(values: pa.ChunkedArray) -> list:
    if pa.types.is_temporal(values.type):
        kind = pa.int32() if pa.types.is_date32(values.type) else pa.int64()
        values = values.cast(kind)
    return values.to_pylist()


@pytest.mark.parametrize("mode", ["rescue", "evolve"])
@pytest.mark.parametrize("kind", CORPUS)
def test_the_same_rows(runners, kind, mode):
    dataset = f"bad/{kind}_{mode}"
    for name, runner in runners.items():
        report = runner.run(dataset).datasets[0]
        assert (report.error, report.engine) == ("", name)
    assert not wrong_files(runners["spark"].lake.home, kind, dataset)
    for zone in ("bronze", "quarantine"):
        local, by_spark = (rows_of(runner, zone, dataset) for runner in runners.values())
        assert local == by_spark
