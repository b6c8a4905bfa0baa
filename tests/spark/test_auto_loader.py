"""Discovery by a stream of file names, as Auto Loader gives them on Databricks."""

import pytest

from motor_ingesta.sources import discovery
from tools.benchmarks.growth import engine_at, ingest, land


@pytest.fixture(scope="module")
def spark():
    from motor_ingesta.local.session import session

    session = session()
    yield session
    session.stop()


def test_auto_loader_is_refused_elsewhere(tmp_path, spark):
    "The catalog takes the option; outside Databricks the dataset fails and says where it would work"
    from motor_ingesta.catalog.models import CatalogError, parse_catalog

    engine = engine_at(tmp_path, spark)
    text = (
        (tmp_path / "catalog.yml")
        .read_text()
        .replace(
            "format: json",
            "format: json, discovery: auto_loader, discovery_options: {cloudFiles.useManagedFileEvents: true}",
        )
    )
    land(tmp_path, "2026/01/07", 0, 1)
    engine.catalog = parse_catalog(text)
    failed = engine.run().failed[0]
    assert (
        "Auto Loader, which this Spark does not have" in failed.error
        and "discovery: listing" in failed.error
    )
    with pytest.raises(CatalogError, match="discovery_options, which are for Auto Loader"):
        parse_catalog(text.replace("discovery: auto_loader, ", ""))


def test_a_stream_of_names_takes_the_place_of_the_listing(tmp_path, spark, monkeypatch):
    "The road of Auto Loader, with Spark's own stream of files in its place: the same rows, once"
    from functools import partial

    from motor_ingesta.sources import files

    monkeypatch.setattr(
        files, "AutoLoaderDiscovery", partial(discovery.AutoLoaderDiscovery, stream="binaryFile")
    )
    engine = engine_at(tmp_path, spark)
    engine.catalog = type(engine.catalog).model_validate(
        engine.catalog.model_dump(by_alias=True)
        | {
            "datasets": [
                d.model_dump(by_alias=True)
                | {"source": d.source.model_dump(by_alias=True) | {"discovery": "auto_loader"}}
                for d in engine.catalog.datasets
            ]
        }
    )
    for n in range(3):
        land(tmp_path, "2026/01/07", 10 * n, 10)
        ingest(engine, 50)
    ingest(engine, 0)
    audit = engine.audit()
    assert audit.difference == 0 and audit[0].checked == 30
