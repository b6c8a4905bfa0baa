"""The lineage of FarmIA's project, from dbt's own manifest: no Spark, no tables."""

import pytest

from motor_ingesta.farmia import farmia_catalog
from motor_ingesta.medallion.lineage import Column, Origin, ProjectLineage
from tools.site.data_docs import COLUMNS, LINK, PICTURE, document_data, insert_data


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return document_data(tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="module")
def lineage(manifest):
    return ProjectLineage(manifest, farmia_catalog())


def test_sales_come_from_orders_of_shops_and_of_the_online_shop(lineage):
    trace = lineage.trace("gold.sales_daily", "amount_eur")
    assert trace.columns_of("silver.orders_enriched") == ["lines"]  # not its column `amount`
    assert trace.columns_of("bronze.sales__orders") == ["lines"]
    assert {"quantity", "unit_price"} <= set(trace.columns_of("bronze.sales__online_orders"))
    origins = {origin for origin, _ in trace.origins}
    assert origins == {
        Origin("files", "landing/sales/orders/**/*.json*"),
        Origin("kafka", "sales.online_orders"),
        Origin("seed", "seeds/products.csv"),
    }


def test_a_column_made_by_a_join_has_both_sources(lineage):
    trace = lineage.trace("gold.sales_daily", "province")
    assert trace.columns_of("bronze.logistics__shipments") == ["destination_province"]
    assert trace.columns_of("bronze.sales__online_orders") == ["delivery_province"]


def test_a_count_of_rows_has_the_tables_behind_it(lineage):
    trace = lineage.trace("gold.field_photos", "photos")
    assert trace.columns == []
    assert ("silver.photos", "gold.field_photos") in trace.tables
    assert [origin.kind for origin, _ in trace.origins] == ["files"]


def test_every_column_of_gold_is_traced_to_a_source(lineage):
    assert lineage.not_understood == {}
    gold = [table for table in lineage.tables if table.startswith("gold.")]
    assert len(gold) == 7
    for table in gold:
        for name in lineage.columns(table):
            assert lineage.trace(table, name).origins, f"{table}.{name}"
            assert lineage.describe_column(Column(table, name))[0], f"{table}.{name}"


def test_every_gold_table_is_read_by_a_dashboard(lineage):
    read = {t for e in lineage.exposures if e.kind == "dashboard" for t in e.tables}
    assert read == {table for table in lineage.tables if table.startswith("gold.")}


def test_the_page_on_the_data_has_a_picture_and_every_column(manifest, lineage):
    page = insert_data(f"{LINK}\n{PICTURE}\n{COLUMNS}", "es", manifest)
    assert "accTitle: De ficheros" in page and 'href="data_docs.html"' in page
    for name in lineage.columns("gold.stock_at_risk"):
        assert f"| `{name}` |" in page
    assert "<!--" not in page
    assert "sin dbt" in insert_data(PICTURE, "es", None)
