"""The SQL endpoint, asked by beeline and by a Python driver, with and without a password."""

import datetime as dt
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pyarrow as pa
import pyspark
import pytest
from deltalake import DeltaTable, write_deltalake
from impala.dbapi import connect
from thrift.transport.TTransport import TTransportException

from motor_ingesta.medallion.duckdb_file import Served, refresh_duckdb_file, write_duckdb_file
from motor_ingesta.medallion.passwords import add_user
from motor_ingesta.medallion.serving import ServeError, SqlServer
from motor_ingesta.storage.lake import Lake

PROGRAMS = Path(sys.executable).parent
SECRET = "olivo-centenario"
KEYSTORE_SECRET = "llave-del-almacen"
SALES = pa.table(
    {
        "sale_date": [dt.date(2026, 1, 3), dt.date(2026, 1, 4)],
        "product_name": ["Aceite de oliva", "Tomate ñora"],
        "amount_eur": pa.array([12.5, 7.25]),
    }
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def ask(port: int, sql: str, **login: Any) -> list[tuple]:
    """What the Python driver gets."""
    named = {"user": "ana", "password": "any"} | login
    with (
        connect("127.0.0.1", port, auth_mechanism="PLAIN", timeout=60, **named) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        return [] if sql.startswith("DROP") else cursor.fetchall()  # the driver expects columns


def beeline(url: str, sql: str, *login: str) -> subprocess.CompletedProcess[str]:
    options = ["--silent=true", "--outputformat=csv2", "--showHeader=false"]
    spark_home = Path(pyspark.__file__).parent  # else it asks the python3 of the path
    return subprocess.run(
        [PROGRAMS / "beeline", "-u", url, *login, *options, "-e", sql],
        env=os.environ | {"SPARK_HOME": str(spark_home)},
        capture_output=True,
        text=True,
        timeout=90,
    )


def within(seconds: float, is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.3)
    return False


def command_lines(process_id: int) -> str:
    """What the list of processes shows of a process and those it started."""
    process = psutil.Process(process_id)
    return str([p.cmdline() for p in [process, *process.children(recursive=True)]])


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    root = folder / "datalakecaso"
    write_deltalake(root / "gold/sales_daily", SALES)
    write_deltalake(root / "silver/stock", pa.table({"quantity": [5]}))
    write_deltalake(root / "bronze/sales/orders", pa.table({"order_id": ["ord-1"]}))
    return folder


@pytest.fixture(scope="module")
def command(home) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`motor-ingesta serve`, and the port where it answers."""
    port = free_port()
    words = ["serve", "--home", home, "--port", port, "--refresh-seconds", 1]
    process = subprocess.Popen(
        [PROGRAMS / "motor-ingesta", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.startswith("endpoint"), process.communicate()
    yield process, port
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def secured(home, tmp_path_factory) -> Iterator[tuple[SqlServer, dict[str, Any]]]:
    """An endpoint with passwords and TLS, and how the driver has to call it."""
    folder = tmp_path_factory.mktemp("secured")
    add_user(folder / "passwords", "luis", SECRET)
    keystore, certificate = folder / "key.p12", folder / "certificate.pem"
    key = ["-alias", "farmia", "-keystore", keystore, "-storepass", KEYSTORE_SECRET]
    new = ["-genkeypair", "-keyalg", "RSA", "-storetype", "PKCS12", "-dname", "CN=localhost"]
    name = ["-ext", "SAN=dns:localhost,ip:127.0.0.1"]
    subprocess.run(["keytool", *new, *name, *key], check=True, capture_output=True)
    export = ["-exportcert", "-rfc", "-file", certificate]
    subprocess.run(["keytool", *export, *key], check=True, capture_output=True)
    server = SqlServer(
        home,
        port=free_port(),
        schemas=["gold"],
        passwords=folder / "passwords",
        keystore=keystore,
        keystore_password=KEYSTORE_SECRET,
    )
    with server:
        yield server, {"use_ssl": True, "ca_cert": str(certificate)}


def test_driver_reads_tables_by_name(command):
    _, port = command
    rows = ask(port, "SELECT product_name, amount_eur FROM gold.sales_daily ORDER BY sale_date")
    assert rows == [("Aceite de oliva", 12.5), ("Tomate ñora", 7.25)]
    assert ask(port, "SELECT * FROM bronze.sales__orders") == [("ord-1",)]


def test_beeline_reads_tables_by_name(command):
    _, port = command
    url = f"jdbc:hive2://127.0.0.1:{port}/silver"
    done = beeline(url, "SELECT quantity * 2 FROM stock", "-n", "ana")
    assert done.returncode == 0, done.stderr
    assert re.search(r"(^|> )10$", done.stdout, re.MULTILINE), done.stdout


def test_new_rows_columns_and_tables_appear(command, home):
    _, port = command
    stock = home / "datalakecaso/silver/stock"
    more = pa.table({"quantity": [7], "unit": ["kg"]})
    write_deltalake(stock, more, mode="append", schema_mode="merge")
    rows = ask(port, "SELECT quantity, unit FROM silver.stock ORDER BY quantity")
    assert rows == [(5, None), (7, "kg")]
    write_deltalake(home / "datalakecaso/gold/customers", pa.table({"customer_id": ["c-1"]}))
    shows = "SHOW TABLES IN gold"
    assert within(20, lambda: "customers" in [row[1] for row in ask(port, shows)])
    assert ask(port, "SELECT * FROM gold.customers") == [("c-1",)]


def test_tables_are_not_written_by_name(command, home):
    _, port = command
    before = DeltaTable(home / "datalakecaso/gold/sales_daily").version()
    with pytest.raises(Exception, match=r"(?i)view"):
        ask(port, "DELETE FROM gold.sales_daily")
    ask(port, "DROP VIEW gold.sales_daily")
    assert DeltaTable(home / "datalakecaso/gold/sales_daily").version() == before


def test_taken_port_is_an_error_that_says_so(command, home):
    _, port = command
    with pytest.raises(ServeError, match=f"127.0.0.1:{port} cannot be used"):
        SqlServer(home, port=port).start()


def test_sigterm_ends_everything(command, home):
    process, port = command
    started = psutil.Process(process.pid).children(recursive=True)
    assert any("java" in child.name() for child in started)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert within(10, lambda: not any(child.is_running() for child in started))
    assert {path.name for path in (home / "serving").iterdir()} == {"farmia.pbids", "farmia.tds"}
    assert str(port) in (home / "serving/farmia.pbids").read_text()


def test_right_password_logs_in(secured):
    server, tls = secured
    login = {"user": "luis", "password": SECRET} | tls
    assert ask(server.endpoint.port, "SELECT count(*) FROM gold.sales_daily", **login) == [(2,)]
    store = f"sslTrustStore={server._keystore};trustStorePassword={KEYSTORE_SECRET}"
    done = beeline(f"{server.url};{store}", "SELECT 6 * 7", "-n", "luis", "-p", SECRET)
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout


@pytest.mark.parametrize("user, password", [("luis", "wrong"), ("luis", ""), ("eva", SECRET)])
def test_wrong_login_is_refused(secured, user, password):
    server, tls = secured
    with pytest.raises((TTransportException, EOFError), match="validating the login|TSocket"):
        ask(server.endpoint.port, "SELECT 1", user=user, password=password, **tls)


def test_added_user_logs_in_without_a_restart(secured):
    server, tls = secured
    add_user(server._passwords, "marta", "encina")
    assert ask(server.endpoint.port, "SELECT 1", user="marta", password="encina", **tls) == [(1,)]


def test_secrets_are_in_no_process_list_and_no_log(secured):
    server, _ = secured
    shown = command_lines(server._process.pid) + server.log.read_text(errors="replace")
    assert "HiveThriftServer2" in shown or "java" in shown
    assert SECRET not in shown
    assert KEYSTORE_SECRET not in shown


def test_start_that_takes_too_long_is_ended(home):
    server = SqlServer(home, port=free_port(), timeout=0.5)
    with pytest.raises(ServeError, match="did not answer within"):
        server.start(threading.Event())
    assert server._process is None


def test_duckdb_opens_the_file(home):
    lake = Lake(home)
    days = pa.table({"day": ["2026-01-03", "2026-01-04"], "units": [1, 2]})
    uri = home / "datalakecaso/gold/days of ñora"
    write_deltalake(uri, days, partition_by=["day"])
    served = write_duckdb_file(lake, ["gold", "bronze"])
    assert Served("gold.days of ñora", True) in served
    program = 'SELECT sum(units), max(day) FROM gold."days of ñora"'
    with duckdb.connect(home / "serving/farmia.duckdb", read_only=True) as database:
        assert database.sql(program).fetchall() == [(3, "2026-01-04")]
        rows = database.sql("FROM gold.sales_daily ORDER BY sale_date").to_arrow_table()
    assert rows["amount_eur"].to_pylist() == [12.5, 7.25]
    DeltaTable(uri).delete("units = 1")
    refresh_duckdb_file(lake)
    with duckdb.connect(home / "serving/farmia.duckdb", read_only=True) as database:
        assert database.sql(program).fetchall() == [(2, "2026-01-04")]
