"""Alerts of runs, sent to a webhook of this computer."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from motor_ingesta import MotorIngesta
from motor_ingesta.catalog.models import parse_catalog

PASSWORD = "pa55word-of-the-webhook"


class Channel(HTTPServer):
    "A webhook that keeps what it is sent."

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Webhook)
        self.messages: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://farmia:{PASSWORD}@127.0.0.1:{self.server_port}/alerts"


class Webhook(BaseHTTPRequestHandler):
    server: Channel

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def channel() -> Iterator[Channel]:
    server = Channel()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Farm:
    "A home with the dataset `farm/plots` of JSON lines, and one alert."

    def __init__(self, home, alert: str):
        self.home = home
        self.catalog = f"""
            alerts: [{{to: ["${{env:ALERTS_URL}}"], {alert}}}]
            datasets:
              - datasource: farm
                dataset: plots
                schema_changes: evolve
                max_rejected: 1.0
                source: {{kind: files, format: json, schema: "plot STRING, ha DOUBLE"}}
        """

    def land(self, name: str, *lines: str) -> None:
        folder = self.home / "landingcaso/farm/plots"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(lines) + "\n")

    def run(self):
        catalog = parse_catalog(self.catalog)
        return MotorIngesta(self.home, catalog, engine="local").run()


@pytest.fixture
def farm(tmp_path, monkeypatch, channel):
    monkeypatch.setenv("ALERTS_URL", channel.url)
    return lambda alert: Farm(tmp_path, alert)


def test_rows_in_the_quarantine(farm, channel):
    home = farm("quarantined_share: 0.2")
    home.land("a.json", *['{"plot": "a", "ha": 1}'] * 8, "broken", "broken")
    home.run()
    assert channel.messages == []  # not more than the share
    home.land("b.json", '{"plot": "a", "ha": 1}', "broken")
    home.run()
    assert channel.messages[0]["title"] == "motor_ingesta: farm/plots"
    assert "1 of 2 rows (50.0%) are in the quarantine" in channel.messages[0]["message"]


def test_a_schema_that_grows(farm, channel):
    home = farm("on: [schema_changed]")
    home.land("a.json", '{"plot": "a", "ha": 1}')
    home.run()
    assert channel.messages == []  # the first schema is no change
    home.land("b.json", '{"plot": "b", "ha": 2, "soil": "clay"}')
    home.run()
    assert "new column soil STRING" in channel.messages[0]["message"]


def test_a_dataset_that_fails(farm, channel):
    home = farm("on: [failed]")
    home.land("a.json", '{"plot": "a", "ha": 1}')
    home.run()
    (home.home / "datalakecaso/bronze/farm/plots/_delta_log/00000000000000000000.json").unlink()
    assert home.run().failed
    assert channel.messages[0]["message"].startswith("farm/plots failed: ")


def test_nothing_new_for_too_long(farm, channel):
    home = farm("on: [stale], stale_after_hours: 0.000001")
    home.land("a.json", '{"plot": "a", "ha": 1}')
    home.run()
    assert channel.messages == []
    home.run()
    assert "has had nothing new" in channel.messages[0]["message"]


def test_datasets_that_no_alert_looks_at(farm, channel):
    home = farm("datasets: [sales/*]")
    home.land("a.json", "broken")
    home.run()
    assert channel.messages == []


def test_a_channel_that_does_not_answer_changes_nothing(farm, channel, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("ALERTS_URL", f"http://farmia:{PASSWORD}@127.0.0.1:9/")
    home = farm("on: [quarantined]")
    home.land("a.json", '{"plot": "a", "ha": 1}', "broken")
    report = home.run()
    assert report.datasets[0].status == "succeeded"
    assert "alert 1 was not sent: channel 1 did not take the message" in caplog.text
    assert PASSWORD not in caplog.text


def test_a_reference_that_is_not_there(farm, channel, monkeypatch, caplog):
    monkeypatch.delenv("ALERTS_URL")
    home = farm("on: [quarantined]")
    home.land("a.json", "broken")
    assert home.run().datasets[0].rows_quarantined == 1
    assert "the environment variable ALERTS_URL is not set" in caplog.text


def test_the_channel_is_a_secret(farm, channel):
    catalog = parse_catalog(farm("on: [failed]").catalog)
    runner = MotorIngesta(farm("").home, catalog)
    assert channel.url in runner.known_secrets()
    assert PASSWORD in runner.known_secrets()
    assert "http" not in runner.known_secrets()  # a word of many messages
    assert PASSWORD not in repr(catalog)
