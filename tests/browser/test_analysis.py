"""The notebook `analisis` in a real browser: what is seen is compared with the tables."""

import re
from pathlib import Path

import pytest
from deltalake import DeltaTable
from playwright.sync_api import expect

from motor_ingesta.local.services import free_port
from support import REPOSITORY
from support.browser import TOKEN, Window, button, choose, jupyterlab, lit, says, tab
from support.gold_home import make_gold_home


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("gold")
    make_gold_home(home, tmp_path_factory.mktemp("scratch"))
    return home


@pytest.fixture(scope="module")
def lab(home):
    with jupyterlab(home, free_port(), free_port(), free_port()) as url:
        yield url


@pytest.fixture
def window(chromium, home):
    page = chromium.new_page(viewport={"width": 1300, "height": 1800})
    yield Window(page, home)
    page.close()


def gold(home, name):
    return DeltaTable(f"{home}/datalakecaso/gold/{name}").to_pyarrow_table().to_pandas()


def figures(panel):
    """The rows of the table of figures that is shown."""
    rows = panel.locator(".dt-scroll-body:visible tbody tr").all()
    return [row.locator("td").all_inner_texts() for row in rows]


def in_spanish(value):
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def test_gold_lineage_health_and_sql(home, lab, window):
    sales = gold(home, "sales_daily")
    window.open(lab, "analisis.ipynb")
    panel = window.run_all()
    says(panel, f"{len(sales):,} rows, amount_eur (sum) {sales.amount_eur.sum():,.2f} EUR")
    by_day = sales.groupby("sale_date").amount_eur.sum()
    expect(panel.get_by_role("img", name=re.compile("amount_eur in EUR"))).to_be_visible()
    shown = dict(figures(panel))
    assert shown == {str(day): f"{figure:,.2f}" for day, figure in by_day.items()}
    window.check()
    window.picture(panel, "analisis_en")

    product = sales.groupby("product_name").amount_eur.sum().idxmax()
    charts = lit(panel)
    choose(charts, "product_name", product)
    of_product = sales[sales.product_name == product]
    says(panel, f"amount_eur (sum) {of_product.amount_eur.sum():,.2f} EUR")

    choose(charts, "Table", "farm_days")
    days = gold(home, "farm_days")
    farm = days[days.soil_moisture_pct.notna()].farm_name.iloc[0]
    choose(charts, "Figure", "soil_moisture_pct")
    choose(charts, "farm_name", farm)
    of_farm = days[days.farm_name == farm].soil_moisture_pct
    says(panel, f"soil_moisture_pct (average) {of_farm.mean():,.2f} %")

    tab(panel, "Lineage").click()
    shown = lit(panel)
    choose(shown, "Column", "amount_eur")
    drawn = shown.get_by_role("img", name=re.compile("Lineage of gold.sales_daily.amount_eur"))
    expect(drawn).to_have_attribute("aria-label", re.compile(r"landingcaso/sales/orders/"))
    expect(drawn).to_have_attribute("aria-label", re.compile(r"sales\.online_orders"))
    shown.get_by_text("Step by step").click()
    says(shown, "silver.orders.lines comes from bronze.sales__orders.lines")
    window.check()

    tab(panel, "Tables").click()
    shown = lit(panel)
    says(shown, re.compile(r"34 tables: .*; expectations not met: 1 of \d+"))
    says(shown, "✗ not met")
    window.check()

    tab(panel, "Explore").click()
    shown = lit(panel)
    choose(shown, "Table", "bronze.suppliers__suppliers")
    bronze = DeltaTable(f"{home}/datalakecaso/bronze/suppliers/suppliers").to_pyarrow_table()
    says(shown, f"rows 1 to 50 of {bronze.num_rows:,}")
    button(shown, "Next").click()
    says(shown, f"rows 51 to 100 of {bronze.num_rows:,}")
    choose(shown, "Column", "province")
    shown.get_by_role("img", name=re.compile("Most frequent values of province")).wait_for()
    window.check()

    tab(panel, "SQL").click()
    shown = lit(panel)
    query = shown.get_by_label("SQL query", exact=True)
    query.fill("select channel, count(*) as n from gold.sales_daily group by all order by all")
    counts = sales.groupby("channel").size()
    expect(shown.locator(".dt-scroll-body:visible tbody tr")).to_have_count(len(counts))
    assert figures(shown) == [[channel, str(n)] for channel, n in counts.items()]
    query.fill("drop table gold")
    says(shown, "not a whole query yet")
    button(shown, "Run the query").click()
    says(shown, "write one SELECT")
    window.check()


def copy_of_notebook(home: Path, name: str, old: str, new: str) -> str:
    """Copy the notebook into the lab's folder with another setting; the copy's name."""
    text = (REPOSITORY / "nbs/analisis.ipynb").read_text(encoding="utf-8")
    assert old in text
    (home / "notebooks" / name).write_text(text.replace(old, new), encoding="utf-8")
    return name


# Voilà's template asks for icons and formulas, which the panel has none of, and Voilà loads
# Notebook's extension.
AROUND_VOILA = (
    r"https://cdn\S+/(@fortawesome|mathjax)/|labextensions/@jupyter-notebook/lab-extension/"
)


def test_in_spanish_through_voila(home, lab, window):
    sales = gold(home, "sales_daily")
    name = copy_of_notebook(home, "es.ipynb", "language = None", "language = 'es'")
    window.page.goto(f"{lab}/voila/render/{name}?token={TOKEN}")
    panel = window.panel()
    says(panel, f"filas, amount_eur (suma) {in_spanish(sales.amount_eur.sum())} EUR")
    window.picture(panel, "analisis_es")
    tab(panel, "Linaje").click()
    says(lit(panel), "orígenes")
    tab(panel, "Tablas").click()
    says(lit(panel), "expectativas sin cumplir")
    window.check(around=AROUND_VOILA)


def test_an_empty_home_says_what_to_do(home, lab, window, tmp_path):
    name = copy_of_notebook(home, "empty.ipynb", "home = None", f"home = '{tmp_path}'")
    window.page.goto(f"{lab}/voila/render/{name}?token={TOKEN}")
    panel = window.panel()
    says(panel, "There are no gold tables here yet")
    says(panel, f"motor-ingesta build --home {tmp_path}")
    says(panel, "nothing in bronze yet")
    window.check(around=AROUND_VOILA)
