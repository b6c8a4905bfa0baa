"""The browser that the tests of panels share."""

import os

import pytest
from playwright.sync_api import sync_playwright

from support import CHROMIUM


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM
        )
        yield browser
        browser.close()
