"""The server for assistants, asked over HTTP by a client of the protocol."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time

import httpx
import pytest

from motor_ingesta import MotorIngesta
from motor_ingesta.assistant.answers import Answers
from motor_ingesta.catalog.models import parse_catalog

TOKEN = "a-token-of-the-test"
CATALOG = """
datasets:
  - datasource: shop
    dataset: customers
    privacy: {loyalty: drop}
    source:
      kind: files
      format: json
      schema: "id BIGINT, email STRING, city STRING, loyalty STRING, home STRUCT<address: STRING>"
"""
ROW = (
    '{"id": 1, "email": "ana@example.org", "city": "Lleida", "loyalty": "gold", '
    '"home": {"address": "Carrer Major 1"}, "nick": "Anita"}'
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    (folder / "catalog.yml").write_text(CATALOG)
    landing = folder / "landingcaso/shop/customers"
    landing.mkdir(parents=True)
    (landing / "a.json").write_text(f"{ROW}\nbroken\n")
    MotorIngesta(folder, folder / "catalog.yml", engine="local").run()
    return folder


@pytest.fixture(scope="module")
def url(home):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "from motor_ingesta.cli.main import main; main()"
    command = [sys.executable, "-c", program, "assistant", "--home", str(home)]
    process = subprocess.Popen(
        [*command, "--catalog", str(home / "catalog.yml"), "--port", str(port)],
        env=os.environ | {"MOTOR_INGESTA_ASSISTANT_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=20)
    assert TOKEN not in printed  # it is in the environment, and need not be shown


def _wait_for(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server does not answer")


def ask(url, question, **arguments):
    "One question of a client that shows the token."
    from httpx2 import AsyncClient
    from mcp.client import Client
    from mcp.client.streamable_http import streamable_http_client

    async def asked():
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with AsyncClient(headers=headers, timeout=30) as http:
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport) as client:
                return await client.call_tool(question, arguments)

    return asyncio.run(asked())


def test_an_answer(url):
    answer = ask(url, "datasets")
    assert "shop/customers" in str(answer.structured_content)


def test_private_values_are_not_in_a_preview(url):
    answer = str(ask(url, "preview", dataset="shop/customers").content)
    assert "Lleida" in answer
    for private in ("ana@example.org", "gold", "Carrer Major", "Anita"):
        assert private not in answer


def test_an_unknown_dataset_is_a_sentence(url):
    answer = ask(url, "preview", dataset="shop/custmers")
    assert answer.is_error
    assert "did you mean shop/customers?" in str(answer.content)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer another"}])
def test_without_the_token(url, headers):
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert httpx.post(url, json=request, headers=headers).status_code == 401


def test_questions_change_nothing(home):
    answers = Answers(MotorIngesta(home, parse_catalog(CATALOG), engine="local"))
    tables = home / "datalakecaso/bronze"
    before = {path: path.stat().st_mtime_ns for path in tables.rglob("*")}
    answers.runs()
    answers.quarantine("shop/customers")
    answers.preview("shop/customers", rows=1_000_000)
    answers.audit("shop/customers")
    assert {path: path.stat().st_mtime_ns for path in tables.rglob("*")} == before
