"The site: made twice, every link followed, every page opened in a browser that may reach nothing else"

import functools
import hashlib
import html
import http.server
import os
import re
import shutil
import threading
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from support import CHROMIUM, REPOSITORY
from tools.site.links import READMES
from tools.site.repository import notebooks, page_of
from tools.site.widgets import is_companion

PAGES = [page_of(REPOSITORY, path) for path in notebooks(REPOSITORY)]
COMPANIONS = [path.stem for path in notebooks(REPOSITORY) if is_companion(REPOSITORY, path)]


def fingerprints(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def site(motor_ingesta):
    before = {name: (REPOSITORY / name).read_bytes() for name in READMES.values()}
    motor_ingesta("docs", cwd=REPOSITORY)
    changed = [
        name for name, content in before.items() if (REPOSITORY / name).read_bytes() != content
    ]
    assert not changed, f"{changed} were not what the notebooks say"
    return REPOSITORY / "_docs"


def test_made_again_it_is_the_same(site, motor_ingesta):
    first = fingerprints(site)
    motor_ingesta("docs", cwd=REPOSITORY)
    second = fingerprints(site)
    assert {
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    } == set()


def test_every_notebook_is_a_page(site):
    assert [page for page in PAGES if not (site / f"{page}.html").exists()] == []


class Read(HTMLParser):
    "What a page links to, loads, and can be linked to by"

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.anchors = set(), set(), {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.add(found["href"])
        elif address := found.get("src") or (
            tag == "link" and found.get("rel") != "canonical" and found.get("href")
        ):
            self.loads.add(address)


def test_no_link_leads_nowhere(site):
    pages = {path: Read(path) for path in site.rglob("*.html")}
    dead = []
    for path, page in pages.items():
        for link in page.links | page.loads:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if (
                not target.exists()
                or target in pages
                and unquote(parts.fragment) not in pages[target].anchors
            ):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert dead == []
    assert sum(len(page.links) for page in pages.values()) > 1000, "links were found at all"


def test_links_to_the_source_are_there(site):
    found = {
        link
        for path in site.rglob("*.html")
        for link in Read(path).links
        if "/blob/main/motor_ingesta/" in link
    }
    for link in found:
        path, line = re.search(r"/blob/main/(motor_ingesta/[\w/]+\.py)#L(\d+)", link).groups()
        assert re.match(
            r" *(class|def|async def|@)",
            (REPOSITORY / path).read_text().splitlines()[int(line) - 1],
        ), link
    assert len(found) > 100


def test_types_and_meanings_are_shown(site):
    text = html.unescape(re.sub(r"<[^>]+>", "", (site / "pipeline/runner.html").read_text()))
    assert "max_parallel:int=4, # datasets at once" in text
    assert "->Report" in text


@pytest.fixture(scope="module")
def address(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=CHROMIUM
        )
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def window(request, browser, address):
    "A page that notes what it complains of, and whatever it asks of other machines"
    page = browser.new_page(color_scheme=request.param, viewport={"width": 1300, "height": 900})
    page.wrong = []
    page.on(
        "console",
        lambda m: page.wrong.append(f"{page.url}: {m.text}") if m.type == "error" else None,
    )
    page.on("pageerror", lambda e: page.wrong.append(f"{page.url}: {e}"))
    page.on(
        "request",
        lambda r: (
            page.wrong.append(f"{page.url} asks {r.url}")
            if not r.url.startswith((address, "data:", "blob:"))
            else None
        ),
    )
    yield page
    page.close()


def serious(page):
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {v['id']}: {v['nodes'][0]['html'][:200]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


def test_every_page_asks_nothing_of_other_machines(window, address):
    for page in PAGES:
        window.goto(f"{address}/{page}.html", wait_until="load")
    assert window.wrong == []


@pytest.mark.parametrize(
    "page", ["index", "architecture_es", "results", "configuration", "pipeline/report"]
)
def test_nothing_keeps_a_person_out(window, address, page):
    window.goto(f"{address}/{page}.html")
    assert serious(window) == []


def test_search_finds_the_catalog(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/index.html")
    page.get_by_role("searchbox").or_(page.get_by_placeholder("Search")).first.click()
    page.keyboard.type("max_files_per_batch")
    expect(
        page.locator("a[href*='configuration.html']")
        .filter(visible=True)
        .filter(has_text="max_files")
        .first
    ).to_be_visible()
    page.close()


@pytest.mark.parametrize("name", COMPANIONS)
def test_panel_is_shown_with_its_state(window, address, name):
    window.goto(f"{address}/{name}.html")
    frame = window.locator("iframe.panel")
    frame.scroll_into_view_if_needed()
    panel = frame.content_frame
    expect(panel.get_by_role("button").first).to_be_visible()
    expect(panel.locator("h2").first).to_be_visible()
    assert window.wrong == []
    window.goto(f"{address}/widgets/{name}.html")
    window.get_by_role("button").first.wait_for()
    assert serious(window) == []
