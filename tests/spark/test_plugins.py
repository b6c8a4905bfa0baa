"""A format and a source of another package are read by Spark's workers as in this process."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

from support import REPOSITORY
from support.plugins import install_plugins
from support.trust import Home

RUN = """
import sys
from motor_ingesta import MotorIngesta

for home in sys.argv[1:]:
    engine = MotorIngesta(home, f"{home}/catalog.yml", engine="spark")
    [report] = engine.run().datasets
    assert not report.error, report.error
    assert report.engine == "spark"
    assert engine.audit(everything=True).difference == 0
"""


def test_plugins_on_spark(tmp_path):
    installed = install_plugins(tmp_path / "site-packages")
    source = {"kind": "files", "format": "logfmt", "schema": "level STRING, ms INT"}
    logs = Home(tmp_path / "logs", source=source)
    logs.land("a.log", "level=info ms=12\nno pairs\nlevel=warn ms=many host=a\n")
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, total REAL)")
        connection.execute("INSERT INTO orders VALUES (1, 10.5), (2, 7), ('x', 1)")
        connection.commit()
    source = {"kind": "sqlite", "database": str(database), "table": "orders"}
    orders = Home(tmp_path / "orders", source=source | {"schema": "id BIGINT, total DOUBLE"})
    environment = os.environ | {"PYTHONPATH": f"{installed}:{REPOSITORY}"}
    command = [sys.executable, "-c", RUN, logs.path, orders.path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert logs.column("level") == ["info", "warn"]
    assert logs.reasons() == {"malformed_logfmt": 1}
    assert orders.column("_offset") == [1, 2, 3]
