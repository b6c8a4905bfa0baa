"""Spark's workers read the members of archives as the local engine does."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from motor_ingesta.local.session import session
from support.trust import Home

ROWS = '{"key": "k%d", "value": 1.5}\n{"key": "k%d", "value": "much"}\nbroken %d\n'


@pytest.fixture(scope="module")
def spark():
    return session()


def archives() -> dict[str, bytes]:
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as out:
        for number in range(3):
            out.writestr(f"may/{number}.json", ROWS % (number, number, number))
        out.writestr("inner.zip", b"PK")
    with tarfile.open(fileobj=tarred, mode="w:gz") as out:
        for number in range(3, 6):
            content = (ROWS % (number, number, number)).encode()
            entry = tarfile.TarInfo(f"june/{number}.json")
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
    return {"a.zip": zipped.getvalue(), "b.tar.gz": tarred.getvalue(), "cut.zip": b"PK\x03\x04"}


def rows_of(path, engine):
    source = {"kind": "files", "format": "json", "schema": "key STRING, value DOUBLE"}
    home = Home(path / engine, engine=engine, source=source)
    for name, content in archives().items():
        home.land(name, content)
    home.run()
    names = ("key", "value", "_rescued_data", "_reason", "_detail", "_raw", "_source_size")
    found = []
    for zone in ("bronze", "quarantine"):
        for row in home.rows(zone):
            where = row["_source_file"].rpartition("/landingcaso/")[2]
            found.append((zone, where, *(str(row.get(name)) for name in names)))
    return sorted(found)


def test_the_engines_agree_on_archives(spark, tmp_path):
    by_spark = rows_of(tmp_path, "spark")
    assert by_spark == rows_of(tmp_path, "local")
    assert [row[0] for row in by_spark].count("bronze") == 12
    assert [row[0] for row in by_spark].count("quarantine") == 8
