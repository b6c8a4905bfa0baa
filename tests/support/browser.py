"JupyterLab and Voilà in a real browser, as a person uses them"

import io
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect

PATIENCE = 300_000  # milliseconds for what waits for Spark, Kafka or a kernel
TOKEN = "panels"
PANEL = ".widget-vbox:has(> .widget-html h2)"
expect.set_options(timeout=60_000)


@contextmanager
def process(*words, env, url, log):
    "A server that answers at a URL, until the end of the block"
    with log.open("w") as out:
        server = subprocess.Popen(
            [str(w) for w in words],
            env=os.environ | env,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while not answers(url):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.2)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


@contextmanager
def jupyterlab(home, kafka_port, registry_port, port):
    "What `motor-ingesta lab` opens; gives its URL"
    quiet = {
        "JUPYTER_TOKEN": TOKEN,
        "LANGUAGE": "en",
        "JUPYTER_CONFIG_DIR": f"{home}/jupyter",
        "JUPYTERLAB_SETTINGS_DIR": f"{home}/jupyter/lab",
        "JUPYTERLAB_WORKSPACES_DIR": f"{home}/jupyter/workspaces",
    }
    command = (
        Path(sys.executable).parent / "motor-ingesta",
        "lab",
        "--home",
        home,
        "--no-browser",
        "--port",
        port,
        "--kafka-port",
        kafka_port,
        "--registry-port",
        registry_port,
    )
    with process(
        *command,
        env=quiet,
        url=f"http://127.0.0.1:{port}/api/status?token={TOKEN}",
        log=Path(home, "lab.log"),
    ):
        yield f"http://127.0.0.1:{port}"


_PLAIN = """(panel, home) => {
  const texts = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(home, "farmia")
  document.activeElement.blur()
}"""


class Window:
    "A page, with what it complained about and what it asked of other machines"

    def __init__(self, page: Page, home: Path):
        self.page, self.home, self.errors, self.strangers = page, home, [], []
        page.set_default_timeout(PATIENCE)
        page.on(
            "console",
            lambda m: (
                self.errors.append(f"{m.location['url']}: {m.text}") if m.type == "error" else None
            ),
        )
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.route(
            lambda url: not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", url),
            lambda route: (self.strangers.append(route.request.url), route.abort()),
        )

    def open(self, base: str, notebook: str) -> None:
        "A notebook in JupyterLab"
        self.page.goto(f"{base}/lab/tree/{notebook}?reset&token={TOKEN}")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        expect(self.page.locator(".jp-Toolbar-kernelName")).to_contain_text(
            "Python 3", timeout=PATIENCE
        )
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=PATIENCE)

    def choose(self, *menu: str) -> None:
        "An entry of a menu, or of a menu in a menu"
        for entry in menu:
            self.page.locator(".lm-MenuBar-itemLabel, .lm-Menu-itemLabel").and_(
                self.page.get_by_text(entry, exact=True)
            ).click(timeout=30_000)

    def dark(self) -> None:
        self.choose("Settings", "Theme", "JupyterLab Dark")
        self.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")

    def run_all(self) -> Locator:
        "Run all cells; gives the panel"
        self.choose("Run", "Run All Cells")
        return self.panel()

    def run(self, code: str) -> Locator:
        "Run a cell of one's own, below the others; gives the panel it shows, if it shows one"
        before = self._panels().count()
        self.page.locator(".jp-Notebook .jp-Cell").last.click()
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("b")
        self.page.keyboard.press("Enter")
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Shift+Enter")
        return self._panels().nth(before)

    def panel(self) -> Locator:
        "The first panel, once it is there"
        self._panels().first.wait_for()
        return self._panels().first

    def _panels(self) -> Locator:
        return self.page.locator(PANEL)

    def save(self) -> None:
        self.page.locator(".jp-Notebook .jp-Cell").last.click()
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        expect(self.page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")).to_have_count(
            0, timeout=PATIENCE
        )

    def picture(self, panel: Locator, name: str) -> None:
        "A screenshot of a panel, for the site"
        if not (folder := os.environ.get("MOTOR_INGESTA_SCREENSHOTS")):
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        panel.evaluate(_PLAIN, str(self.home))  # the same picture on every machine
        self.page.mouse.move(0, 0)
        shot = Image.open(io.BytesIO(panel.screenshot(animations="disabled"))).convert("RGB")
        shot.quantize(dither=Image.Dither.NONE).save(
            Path(folder, f"panel_{name}.png"), optimize=True
        )  # 256 colours, a third of the size

    def check(
        self, around: str = "(?!)"
    ) -> (
        None
    ):  # `around`: what the page around the panel asks for or complains of, with or without it
        "Nothing in the console, nothing from elsewhere, and nothing that keeps a person out of the panel"
        assert [url for url in self.strangers if not re.search(around, url)] == []
        assert [text for text in self.errors if not re.search(around, text)] == []
        found = Axe().run(self.page, context=PANEL)
        serious = [
            f"{v['id']} ({v['impact']}): {v['nodes'][0]['html'][:300]}"
            for v in found.response["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], "\n".join(serious)


def says(panel: Locator, text: str | re.Pattern, timeout: int = PATIENCE) -> None:
    "Wait until a panel shows a text"
    expect(panel).to_contain_text(text, timeout=timeout)


def button(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("button", name=name, exact=True)


def fill(panel: Locator, label: str, value) -> None:
    "Type into a control that is found by its label"
    control = panel.get_by_label(label, exact=True)
    control.fill(str(value))
    control.press("Tab")


def choose(panel: Locator, label: str, option: str) -> None:
    panel.get_by_label(label, exact=True).select_option(label=option)


def tab(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("tab", name=name, exact=True)


def lit(panel: Locator) -> Locator:
    "What the chosen tab shows"
    return panel.locator(".widget-tab-contents > :not(.lm-mod-hidden)")
