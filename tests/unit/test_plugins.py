"""A format and a kind of source from outside of the package, one file each, go the whole road."""

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from motor_ingesta.catalog import options
from support.plugins import PLUGINS, install_plugins
from support.trust import Home


@pytest.fixture
def installed(tmp_path, monkeypatch):
    folder = install_plugins(tmp_path / "site-packages")
    monkeypatch.syspath_prepend(folder)
    yield folder
    options.installed_format.cache_clear()
    for name in ("farm_logfmt", "farm_sqlite"):
        sys.modules.pop(name, None)


def test_plugins_are_small():
    for file in PLUGINS.glob("*.py"):
        assert len(file.read_text().splitlines()) < 150, file


@pytest.fixture
def logs(installed, tmp_path):
    source = {"kind": "files", "format": "logfmt", "schema": "level STRING, ms INT"}
    home = Home(tmp_path / "home", source=source)
    home.land("a.log", "level=info ms=12\nno pairs\nlevel=warn ms=many host=a\n")
    return home


def test_a_format_of_another_package(logs):
    report = logs.run()
    assert (report.rows_written, report.rows_quarantined, report.rows_rescued) == (2, 1, 1)
    assert logs.column("level") == ["info", "warn"]
    [rescued] = [row["_rescued_data"] for row in logs.rows() if row["level"] == "warn"]
    assert rescued == '{"host": "a", "ms": "many"}'
    assert logs.reasons() == {"malformed_logfmt": 1}
    assert logs.difference() == 0


def test_replay_of_a_format_of_another_package(logs):
    logs.run()
    logs.edit(source={"options": {"separator": ";"}})
    logs.land("b.log", "level=error;ms=5\n")
    logs.run()
    assert logs.runner().replay("farm/readings").replayed == 0
    quarantined = logs.rows("quarantine")
    assert [row["_raw"] for row in quarantined] == [b"no pairs"]
    assert logs.column("level") == ["error", "info", "warn"]


def test_preview_of_a_format_of_another_package(logs, motor_ingesta, installed, monkeypatch):
    logs.run()
    monkeypatch.setenv("PYTHONPATH", str(installed))
    options_ = ("--home", logs.path, "--catalog", logs.catalog)
    assert "warn" in motor_ingesta("preview", "farm/readings", *options_)
    assert "no pairs" in motor_ingesta("preview", "farm/readings", "--quarantine", *options_)


@pytest.fixture
def orders(installed, tmp_path):
    database = tmp_path / "shop.db"
    insert(database, "CREATE TABLE orders (id INTEGER, total TEXT)")
    insert(database, "INSERT INTO orders VALUES (1, '10.50'), (2, 'free'), (3, '7')")
    insert(database, "DELETE FROM orders WHERE id = 1")
    source = {"kind": "sqlite", "database": str(database), "table": "orders"}
    source |= {"schema": "id BIGINT, total DECIMAL(9,2)", "max_records_per_batch": 2}
    return Home(tmp_path / "home", source=source, schema_changes="fail"), database


def insert(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_source_of_another_package(orders):
    home, database = orders
    report = home.run()
    assert (report.rows_written, report.rows_quarantined) == (1, 1)
    assert home.reasons() == {"schema_mismatch": 1}
    assert [(row["_topic"], row["_offset"]) for row in home.rows()] == [("orders", 3)]
    insert(database, "INSERT INTO orders VALUES (4, '1')")
    assert home.runner().pending() == {"farm/readings": 1}
    home.run()
    assert home.column("id") == [3, 4]
    assert home.run().rows_read == 0
    assert home.difference() == 0


def test_audit_and_recovery_of_a_source_of_another_package(orders):
    home, database = orders
    home.run()
    shutil.rmtree(home.table_path("quarantine"))
    audit = home.runner().audit()
    assert (audit[0].missing, audit[0].twice) == (1, 0)
    home.runner().recover("farm/readings")
    home.run()
    assert home.column("id") == [3]
    assert home.difference() == 0


def test_replay_of_a_source_of_another_package(orders):
    home, _ = orders
    home.run()
    home.edit(schema_changes="rescue")
    done = home.runner().replay("farm/readings")
    assert (done.tried, done.replayed) == (1, 1)
    assert home.difference() == 0


def test_keys_that_a_source_does_not_take(orders):
    home, _ = orders
    home.edit(source={"tabel": "orders"})
    assert "sqlite does not take the keys" in home.failure()
