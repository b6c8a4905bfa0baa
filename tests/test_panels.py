"The three notebooks in a real browser, every control used, and what is seen held against what other readers find"
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from browser import CHROMIUM, Window, button, choose, fill, jupyterlab, says
from motor_ingesta.services import Services, free_port


@pytest.fixture(scope="module")
def home(tmp_path_factory): return tmp_path_factory.mktemp("farm")


@pytest.fixture(scope="module")
def services(home):
    local = Services(home, free_port(), free_port())
    yield local
    local.stop()


@pytest.fixture(scope="module")
def lab(home, services):
    with jupyterlab(home, services.ports["kafka"], services.ports["registry"], free_port()) as url: yield url


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium):
    page = chromium.new_page(viewport={"width": 1300, "height": 2200})
    yield Window(page)
    page.close()


def test_files_generation(home, lab, window):
    window.open(lab, "files_generation.ipynb")
    panel = window.run_all()
    choose(panel, "Dataset", "inventory/stock")
    fill(panel, "Files", 3)
    fill(panel, "Rows per file", 40)
    fill(panel, "Corrupt", 0.05)
    button(panel, "Generate").click()
    says(panel, "120 rows of inventory/stock")
    window.picture(panel, "files_generation_en")
    print(panel.inner_text())
    window.check()
