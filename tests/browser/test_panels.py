"The three notebooks in a real browser: every control used, and what is seen held against what other readers find"

import json
import re
import shutil
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from deltalake import DeltaTable
from playwright.sync_api import expect

from motor_ingesta.catalog.models import Connections
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.simulator.events import generate_events
from motor_ingesta.simulator.farmia import Trouble
from motor_ingesta.simulator.files import generate_files, next_row
from motor_ingesta.storage.lake import Lake
from support import REPOSITORY
from support.browser import (
    TOKEN,
    Window,
    button,
    choose,
    fill,
    jupyterlab,
    lit,
    says,
    tab,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("farm")


@pytest.fixture(scope="module")
def services(home):
    local = Services(home, free_port(), free_port())
    yield local
    local.stop()


@pytest.fixture(scope="module")
def lab(home, services):
    with jupyterlab(home, services.ports["kafka"], services.ports["registry"], free_port()) as url:
        yield url


@pytest.fixture
def window(chromium, lab, home, request):
    page = chromium.new_page(viewport={"width": 1300, "height": 2600})
    yield Window(page, home)
    page.screenshot(
        path=home / f"{request.node.name}.png", full_page=True
    )  # beside lab.log, for whom it failed
    page.close()
    for kernel in json.loads(api(lab, "kernels")):
        api(lab, f"kernels/{kernel['id']}", "DELETE")


def api(lab, path, method="GET"):
    return urllib.request.urlopen(
        urllib.request.Request(f"{lab}/api/{path}?token={TOKEN}", method=method), timeout=30
    ).read()


def wait_until(condition, window, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        window.page.wait_for_timeout(100)


def landed(home, dataset, pattern="*"):
    "Files of a dataset as the operating system lists them"
    return sorted(
        path for path in Path(home, "landingcaso", dataset).rglob(pattern) if path.is_file()
    )


def records(endpoints, topic):
    "Every record of a topic, as a plain consumer reads it"
    consumer = Consumer(
        {
            "bootstrap.servers": endpoints.bootstrap_servers,
            "group.id": "test",
            "enable.auto.commit": False,
        }
    )
    found, ends = [], {}
    try:
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            if low < high:
                ends[partition] = high
        consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
        while ends:
            message = consumer.poll(20)
            assert message is not None and not message.error(), message
            found.append(message)
            if message.offset() + 1 == ends[message.partition()]:
                del ends[message.partition()]
    finally:
        consumer.close()
    return found


def registry(endpoints, path):
    return json.loads(
        urllib.request.urlopen(f"{endpoints.schema_registry_url}/{path}", timeout=10).read()
    )


def local_connections(endpoints):
    return Connections.model_validate(
        {
            "kafka": {"bootstrap_servers": endpoints.bootstrap_servers},
            "schema_registry": {"url": endpoints.schema_registry_url},
        }
    )


def delta(home, zone, dataset):
    return DeltaTable(f"{home}/datalakecaso/{zone}/{dataset}").to_pyarrow_table()


def number(text):
    return int(text.replace(",", ""))


SOMETHING_PENDING = re.compile("ha(s|ve) something pending")
TROUBLE = {
    "late": "Late (%)",
    "duplicate": "Duplicated (%)",
    "corrupt": "Corrupt (%)",
    "missing": "Field missing (%)",
    "null": "Field null (%)",
}


def ask_for_trouble(panel, share, new_schema_from, *kinds):
    "Fill in how much goes wrong, and see it in the lines of Python"
    for kind in kinds:
        fill(panel, TROUBLE[kind], share * 100)
    fill(panel, "New schema from row (-1: never)", new_schema_from)
    says(
        panel,
        ", ".join(f"{kind}={share}" for kind in kinds) + f", schema_v2_from={new_schema_from}",
    )


def test_files_generation(home, lab, window):
    window.open(lab, "files_generation.ipynb")
    panel = window.run_all()
    choose(panel, "Dataset", "inventory/stock")
    for label, value in {
        "Files": 3,
        "Rows per file": 40,
        "Seed": 11,
        "First day": "2026-01-02",
    }.items():
        fill(panel, label, value)
    ask_for_trouble(panel, 0.05, 0, *TROUBLE)
    start = number(panel.get_by_label("First row", exact=True).input_value())
    assert start > 0
    for words in (
        "generate_files(",
        "'inventory/stock', files=3, rows_per_file=40, seed=11",
        f"start={start}",
    ):
        says(panel, words)
    button(panel, "Generate").click()
    says(panel, "rows of inventory/stock")
    says(panel, "3 files")
    files = landed(home, "inventory/stock")
    assert [path.parent.relative_to(home).as_posix() for path in files] == [
        "landingcaso/inventory/stock/2026/01/02"
    ] * 3
    made, _, _ = map(
        number,
        re.search(
            r"([\d,]+) rows of inventory/stock: ([\d,]+) for bronze, ([\d,]+) for the quarantine",
            panel.inner_text(),
        ).groups(),
    )
    assert made == sum(len(path.read_text().splitlines()) - 1 for path in files) > 120
    for path in files:
        says(
            panel,
            f"{path.name}  {path.stat().st_size / 1024:.1f} KiB"
            if path.stat().st_size >= 1024
            else f"{path.name}  {path.stat().st_size} bytes",
        )
    assert number(panel.get_by_label("First row", exact=True).input_value()) == start + 120

    fill(panel, "First rows", 4)
    choose(
        panel, "File", files[1].relative_to(Path(home, "landingcaso/inventory/stock")).as_posix()
    )
    button(panel, "Show content").click()
    shown = panel.get_by_role("region", name=files[1].name)
    shown.wait_for()
    assert shown.inner_text().strip() == "\n".join(files[1].read_text().splitlines()[:4])
    window.picture(panel, "files_generation_en")
    window.check()

    choose(panel, "Dataset", "logistics/shipments")
    fill(panel, "Corrupt (%)", 50)
    fill(panel, "Rows per file", 4)
    button(panel, "Generate").click()
    says(panel, "rows of logistics/shipments")
    broken = landed(home, "logistics/shipments", "*broken*")[0]
    choose(
        panel, "File", broken.relative_to(Path(home, "landingcaso/logistics/shipments")).as_posix()
    )
    button(panel, "Show content").click()
    says(panel, "cannot be read as parquet")
    says(panel, "Fix: send the file again")
    panel.get_by_text("Technical details").click()
    says(panel, "Traceback (most recent call last)")

    choose(panel, "Dataset", "fields/photos")
    fill(panel, "Files", 1)
    fill(panel, "Corrupt (%)", 0)
    button(panel, "Generate").click()
    says(panel, "1 row of fields/photos")
    button(panel, "Show content").click()
    expect(panel.locator("img")).to_have_count(1)

    choose(panel, "Dataset", "iot/devices")
    fill(panel, "Files", 100_000)
    fill(panel, "Rows per file", 200)
    button(panel, "Generate").click()
    expect(button(panel, "Generate")).to_be_disabled()
    window.run("6 * 7 + 0.5")
    says(window.page.locator(".jp-Notebook"), "42.5")  # the kernel is free
    window.save()
    window.page.reload()
    panel = window.panel()
    says(panel, "Working: generating iot/devices")
    button(panel, "Stop").click()
    says(panel, "rows of iot/devices")
    expect(button(panel, "Generate")).to_be_enabled()
    made = number(re.search(r"([\d,]+) rows of iot/devices", panel.inner_text()).group(1))
    files = landed(home, "iot/devices")
    assert (
        made == sum(len(path.read_text().splitlines()) for path in files)
        and 0 < len(files) < 100_000
    )
    button(panel, "Refresh").click()
    says(panel, re.compile(f"… and {len(files) - 200:,} files more|{files[-1].name}"))

    panel = window.run("files_generation(home, language='es')")
    choose(panel, "Dataset", "inventory/stock")
    says(panel, "3 ficheros")
    button(panel, "Ver el contenido").click()
    panel.get_by_role("region", name=re.compile("stock_")).wait_for()
    window.picture(panel, "files_generation_es")
    window.check()


def test_messages_generation(home, lab, services, window):
    services.stop()
    window.open(lab, "messages_generation.ipynb")
    panel = window.run_all()
    says(panel, "kafka stopped")
    button(panel, "Produce").click()
    says(panel, "are not running")
    button(panel, "Start the services").click()
    says(panel, re.compile("kafka running.*registry running"))
    endpoints = services.endpoints()

    choose(panel, "Dataset", "sales/online_orders")
    choose(panel, "Profile", "bursts")
    for label, value in {
        "Events": 600,
        "Events per second (0: no limit)": 50,
        "Seed": 5,
        "Last messages, decoded": 15,
    }.items():
        fill(panel, label, value)
    ask_for_trouble(panel, 0.02, 300, "late", "duplicate", "corrupt", "null")
    says(panel, "count=600, seed=5, start=0")
    says(panel, "rate=50, profile='bursts'")
    button(panel, "Produce").click()
    expect(button(panel, "Produce")).to_be_disabled()
    panel.get_by_role("img", name=re.compile("Events per second")).wait_for()
    says(panel, "rows of sales/online_orders")
    found = records(endpoints, "sales.online_orders")
    made = number(re.search(r"([\d,]+) rows of sales/online_orders", panel.inner_text()).group(1))
    assert made == len(found) > 600
    says(panel, f"{len(found)} records in")

    ends = Counter(m.partition() for m in found)
    rows = [
        r.locator("td").all_inner_texts()
        for r in panel.locator(".dt-scroll-body:visible tbody tr").all()
    ]
    assert {int(r[1]): int(r[4]) for r in rows if int(r[4])} == ends and {r[0] for r in rows} == {
        "sales.online_orders"
    }
    tab(panel, "Last messages").click()
    says(panel, "the first 15 rows")
    at = {(m.partition(), m.offset()): m for m in found}
    for r in [
        r.locator("td").all_inner_texts()
        for r in panel.locator(".dt-scroll-body:visible tbody tr").all()
    ]:
        message = at[int(r[1]), int(r[2])]
        assert r[4] == (message.key() or b"").decode(), r
        if r[5] and r[6].startswith("{"):
            assert (
                int(r[5]) == int.from_bytes(message.value()[1:5])
                and re.search(r'"order_id": "([^"]+)"', r[6]).group(1).encode() in message.value()
            )
    tab(panel, "Schema").click()
    versions = registry(endpoints, "subjects/sales.online_orders-value/versions")
    told = panel.get_by_label("Version", exact=True).locator("option").all_inner_texts()
    assert len(told) == len(versions) == 2 and all("compatibility" in t for t in told)
    for t in reversed(told):
        choose(panel, "Version", t)
        version = registry(
            endpoints,
            "subjects/sales.online_orders-value/versions/"
            + re.search(r"version\s(\d+)", t).group(1),
        )
        assert f"id {version['id']}," in t.replace("\xa0", " ")
        expect(panel.get_by_role("region", name="Schema in the registry")).to_have_text(
            json.dumps(json.loads(version["schema"]), indent=2)
        )
    window.picture(panel, "messages_generation_en")
    window.check()

    choose(panel, "Dataset", "iot/telemetry")
    fill(panel, "Events", 1_000_000)
    fill(panel, "Events per second (0: no limit)", 100)
    button(panel, "Produce").click()
    panel.get_by_role("img", name=re.compile(r"Events per second: [1-9]")).wait_for()
    button(panel, "Stop").click()
    says(panel, "rows of iot/telemetry")
    button(panel, "Refresh").click()
    tab(panel, "Partitions and offsets").click()
    says(panel, "iot.telemetry.")

    panel.get_by_text("Use a real cluster instead").click()
    fill(panel, "Bootstrap servers", endpoints.bootstrap_servers)
    fill(panel, "Schema registry URL", endpoints.schema_registry_url)
    choose(panel, "Security protocol", "SASL_PLAINTEXT")
    for label in ("API key", "API secret", "Registry key:secret"):
        assert panel.get_by_label(label, exact=True).get_attribute("type") == "password"
    fill(panel, "API key", "farm-key")
    fill(panel, "API secret", "hunter2-secret")
    button(panel, "Use this cluster").click()
    says(panel, "refused the request")
    assert [
        panel.get_by_label(label, exact=True).input_value() for label in ("API key", "API secret")
    ] == ["", ""]
    choose(panel, "Security protocol", "PLAINTEXT")
    button(panel, "Use this cluster").click()
    says(panel, re.compile(f"connected to {endpoints.bootstrap_servers}; topics: [1-9]"))
    says(panel, f"'bootstrap_servers': '{endpoints.bootstrap_servers}'")
    window.save()
    assert (
        "hunter2"
        not in window.page.content() + Path(home, "notebooks/messages_generation.ipynb").read_text()
    )

    panel = window.run("messages_generation(home, catalog, 'es')")
    says(panel, re.compile("kafka en marcha"))
    choose(panel, "Dataset", "sales/online_orders")
    button(panel, "Actualizar").click()
    says(panel, f"{len(found)} registros en")
    window.picture(panel, "messages_generation_es")
    button(panel, "Parar los servicios").click()
    says(panel, re.compile("kafka parado.*registry parado"))
    assert not any(s.running for s in services.status())
    window.check()


def test_motor_de_ingesta(home, lab, services, window):
    endpoints, lake = services.start(), Lake(home)
    generate_files(
        lake,
        "sales/orders",
        3,
        100,
        start=next_row(lake, "sales/orders"),
        trouble=Trouble(corrupt=0.03),
    )
    generate_events(
        local_connections(endpoints),
        "sales/online_orders",
        200,
        start=next_row(lake, "sales/online_orders"),
        trouble=Trouble(corrupt=0.03),
        lake=lake,
    )
    lag = len(records(endpoints, "sales.online_orders"))

    window.open(lab, "motor_de_ingesta.ipynb")
    panel = window.run_all()

    def line(name):
        return (
            panel.locator(".widget-hbox")
            .filter(has=window.page.get_by_label(name, exact=True))
            .last
        )

    says(panel, SOMETHING_PENDING)
    says(line("sales/orders"), "3 files")
    says(line("sales/online_orders"), f"{lag} records (lag)")

    choose(panel, "Engine", "this computer")
    says(panel, "engine='local')")
    choose(panel, "Engine", "automatic")
    button(panel, "None").click()
    button(panel, "Run once").click()
    says(panel, "choose at least one dataset")
    for name in ("sales/orders", "sales/online_orders"):
        panel.get_by_label(name, exact=True).check()
    says(panel, "engine.run('sales/online_orders', 'sales/orders')")
    button(panel, "Run once").click()
    expect(button(panel, "Run once")).to_be_disabled()
    expect(button(panel, "Run continuously")).to_be_disabled()
    says(panel, "0 datasets failed")
    for name, kind in {"sales/orders": "files", "sales/online_orders": "records (lag)"}.items():
        says(line(name), f"0 {kind}")
        bronze, quarantine = delta(home, "bronze", name), delta(home, "quarantine", name)
        says(line(name), f"{bronze.num_rows} in bronze, {quarantine.num_rows} in quarantine")
        says(line(name), "✓ succeeded")
        assert (
            line(name).get_by_role("progressbar").get_attribute("aria-label") == f"Progress: {name}"
            and quarantine.num_rows > 0
        )
        assert re.search(r"[\d,]+ rows/s", line(name).inner_text())
    assert (
        delta(home, "bronze", "sales/online_orders").num_rows
        + delta(home, "quarantine", "sales/online_orders").num_rows
        == lag
    )
    says(panel.locator(".dt-scroll-body:visible"), "sales/online_orders")  # the report
    says(panel, SOMETHING_PENDING)
    window.picture(panel, "motor_de_ingesta_en")

    tab(panel, "Bronze").click()
    look = lit(panel)
    choose(look, "Dataset", "sales/orders")
    fill(look, "First rows", 12)
    button(look, "Show").click()
    bronze = delta(home, "bronze", "sales/orders")
    says(look, f"{bronze.num_rows} rows in 1 partition")
    days = Counter(map(str, bronze["ingestion_date"].to_pylist()))
    look.get_by_role(
        "img",
        name=f"Rows of sales/orders by partition ingestion_date: {', '.join(f'{day} {n}' for day, n in days.items())}",
    ).wait_for()
    says(look, "the first 12 rows")
    heads = [h for h in look.locator(".dt-scroll-head th").all_inner_texts() if h]
    assert heads == ["#", *bronze.column_names]
    window.picture(look, "bronze_en")
    fill(look, "Row to trace", 2)
    button(look, "Show its source").click()
    says(look, "landingcaso/sales/orders/")
    says(look, "engine.bronze('sales/orders').aggregate('ingestion_date, count(*)').show()")

    tab(panel, "Quarantine").click()
    look = lit(panel)
    choose(look, "Dataset", "sales/orders")
    button(look, "Show").click()
    quarantine = delta(home, "quarantine", "sales/orders")
    says(look, f"{quarantine.num_rows} rows in quarantine")
    look.get_by_role(
        "img",
        name=re.compile(
            "Rows in quarantine by reason: "
            + ", ".join(
                f"{reason} {n}"
                for reason, n in sorted(Counter(quarantine["_reason"].to_pylist()).items())
            )
        ),
    ).wait_for()
    choose(look, "Reason", quarantine["_reason"][0].as_py())
    look.locator(".dt-scroll-body tbody tr").first.click()
    button(look, "Show its source").click()
    region = look.get_by_role("region", name=re.compile("landingcaso"))
    region.wait_for()
    file = Path(re.search(r"(/\S+\.json)", region.get_attribute("aria-label")).group(1))
    marked = next(text for text in region.inner_text().splitlines() if text.startswith("▶"))
    line_number, text = re.match(r"▶\s+(\d+)\s\s(.*)", marked).groups()
    content = file.read_text(errors="replace").splitlines()[int(line_number) - 1]
    assert text == content[:400].rstrip() and content.encode() in [
        raw.strip() for raw in quarantine["_raw"].to_pylist()
    ]
    window.picture(look, "quarantine_en")
    button(look, "Replay the quarantine").click()
    says(look, re.compile(r"[1-9]\d* rows tried, 0 now in bronze"))
    says(look, re.compile(r"rows in quarantine, 0 replayed"))
    choose(look, "Dataset", "sales/online_orders")
    button(look, "Show").click()
    says(look, "rows in quarantine, 0 replayed")
    fill(look, "Row to trace", 1)
    button(look, "Show its source").click()
    says(look, re.compile(r"topic sales\.online_orders, partition \d+, offset \d+"))
    partition, offset = map(
        int, re.search(r"partition (\d+), offset (\d+)", look.inner_text()).groups()
    )
    row = next(
        r
        for r in delta(home, "quarantine", "sales/online_orders").to_pylist()
        if (r["_partition"], r["_offset"]) == (partition, offset)
    )
    assert row["_raw"] == next(
        m.value()
        for m in records(endpoints, "sales.online_orders")
        if (m.partition(), m.offset()) == (partition, offset)
    )

    tab(panel, "History").click()
    look = lit(panel)
    button(look, "Refresh").click()
    says(
        look,
        re.compile(
            rf"\b{DeltaTable(f'{home}/datalakecaso/_runs').to_pyarrow_table().num_rows} entries"
        ),
    )
    tab(panel, "Audit").click()
    look = lit(panel)
    button(look, "Audit the chosen datasets").click()
    says(look, "difference 0")
    says(look.locator(".dt-scroll-body"), "sales/orders")

    tab(panel, "Dataset editor").click()
    look = lit(panel)
    entry = look.get_by_label("Catalog entry (YAML)", exact=True)
    entry.fill(entry.input_value().replace("format: csv", "format: cvs"))
    says(look, "did you mean csv?")
    expect(button(look, "Use it in this panel")).to_be_disabled()
    entry.fill(entry.input_value().replace("format: cvs", "format: csv"))
    says(look, "Valid: weather/my_station reads files")
    button(look, "Use it in this panel").click()
    says(line("weather/my_station"), "0 files")
    choose(look, "Template", "iot/telemetry")
    says(look, "Valid: iot/telemetry reads Kafka")
    window.check()

    button(panel, "None").click()
    expect(panel.get_by_label("sales/orders", exact=True)).not_to_be_checked()
    panel.get_by_label("sales/orders", exact=True).check()
    button(panel, "Run continuously").click()
    says(panel, "until stopped")
    before = delta(home, "bronze", "sales/orders").num_rows
    more = generate_files(lake, "sales/orders", 1, 50, start=next_row(lake, "sales/orders"))
    says(line("sales/orders"), f"{more.rows} read")
    window.save()
    window.page.reload()
    panel = window.panel()
    says(panel, "until stopped")
    expect(button(panel, "Run once")).to_be_disabled()
    panel = window.run("motor_de_ingesta(home, catalog, 'es')")
    says(panel, "En curso:")
    says(line("sales/orders"), f"{more.rows} leídas")
    button(panel, "Parar").click()
    says(panel, re.compile(r"filas leídas, [\d.]+ en bronze"))
    assert delta(home, "bronze", "sales/orders").num_rows == before + more.bronze
    says(panel, re.compile("tienen? algo pendiente"))
    window.picture(panel, "motor_de_ingesta_es")

    says(
        line("sales/online_orders"), re.compile(r"✓ correcto\s*20\d\d-")
    )  # known from the table of runs
    tab(panel, "Bronze").click()
    look = lit(panel)
    choose(look, "Dataset", "sales/orders")
    button(look, "Mostrar").click()
    says(look, re.compile(r"[\d.]+ filas en 1 partición"))
    window.picture(look, "bronze_es")
    tab(panel, "Cuarentena").click()
    look = lit(panel)
    choose(look, "Dataset", "sales/orders")
    button(look, "Mostrar").click()
    says(look, "filas en cuarentena")
    choose(look, "Motivo", quarantine["_reason"][0].as_py())
    look.locator(".dt-scroll-body tbody tr").first.click()
    button(look, "Ver su origen").click()
    look.get_by_role("region", name=re.compile("landingcaso")).wait_for()
    window.picture(look, "quarantine_es")

    window.dark()
    panel = window.panel()
    tab(panel, "Bronze").click()
    choose(lit(panel), "Dataset", "sales/orders")
    button(lit(panel), "Show").click()
    says(lit(panel), "rows in 1 partition")
    window.picture(panel, "motor_de_ingesta_dark")
    window.check()

    services.stop()
    button(panel, "Refresh").click()
    says(line("sales/online_orders"), "motor-ingesta services start")
    button(panel, "All").click()
    button(panel, "Run once").click()
    says(panel, "2 datasets failed")
    says(line("iot/telemetry"), "✗ failed")
    window.check()


def test_voila(home, lab, services, window):
    lake = Lake(home)
    made = generate_files(
        lake,
        "weather/observations",
        2,
        60,
        start=next_row(lake, "weather/observations"),
        trouble=Trouble(corrupt=0.05),
    )
    window.page.goto(f"{lab}/voila/render/motor_de_ingesta.ipynb?token={TOKEN}")
    panel = window.panel()
    line = (
        panel.locator(".widget-hbox")
        .filter(has=window.page.get_by_label("weather/observations", exact=True))
        .last
    )
    says(line, "2 files")
    button(panel, "None").click()
    expect(panel.get_by_label("weather/observations", exact=True)).not_to_be_checked()
    panel.get_by_label("weather/observations", exact=True).check()
    button(panel, "Run once").click()
    says(line, f"{made.bronze} in bronze, {made.quarantine} in quarantine")
    assert (
        delta(home, "bronze", "weather/observations").num_rows,
        delta(home, "quarantine", "weather/observations").num_rows,
    ) == (made.bronze, made.quarantine)
    window.check(
        around=r"https://cdn\S+/(@fortawesome|mathjax)/"
        r"|labextensions/@jupyter-notebook/lab-extension/"
    )  # Voilà's template asks for icons and formulas, which the panel has none of, and Voilà loads Notebook's extension


def test_notebook_7(home, lab, window):
    shutil.copy(
        REPOSITORY / "nbs/motor_de_ingesta.ipynb", home / "notebooks/fresh.ipynb"
    )  # without the panel of a kernel that is gone
    told = []
    window.page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: told.append(str(frame))),
    )
    window.page.goto(f"{lab}/notebooks/fresh.ipynb?token={TOKEN}")
    window.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    wait_until(
        lambda: any("kernel_info_reply" in frame for frame in told), window
    )  # nothing on the page shows that the kernel is there, and the page forgets what it is told before; the server answers 500 to who asks while a kernel starts
    panel = window.run_all()
    says(panel, SOMETHING_PENDING)
    window.check(
        around=r"/static/notebook/|Cannot read properties of undefined \(reading 'schema'\)|Command 'filebrowser:open-path' not registered"
    )  # Notebook's own, as it starts


SPREADSHEET = (
    "parcela;superficie;siembra\nNorte;12,5;15/03/2026\nSur;7,25;16/03/2026\nEste;3,1;17/03/2026\n"
)


def test_own_file_by_mouse(home, lab, window, tmp_path):
    """The CSV of a Spanish spreadsheet, from the desktop to bronze: three clicks, under a minute."""
    file = tmp_path / "parcelas.csv"
    file.write_bytes(SPREADSHEET.encode("cp1252"))
    window.open(lab, "datos_propios.ipynb")
    panel = window.run_all()
    began = time.monotonic()
    with window.page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name=re.compile("Choose files")).click()
    chooser.value.set_files(file)
    says(panel, "3 rows looked at; nothing is written yet")
    says(panel, "2026-03-15")
    window.check()
    window.picture(panel, "own_data_en")
    button(panel, "Take to bronze").click()
    says(panel, "3 rows of own/parcelas in bronze, 0 in the quarantine")
    assert time.monotonic() - began < 60
    window.check()
    rows = delta(home, "bronze", "own/parcelas")
    assert sorted(map(float, rows["superficie"].to_pylist())) == [3.1, 7.25, 12.5]
    assert min(rows["siembra"].to_pylist()).isoformat() == "2026-03-15"
