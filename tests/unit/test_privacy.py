"""Private columns are hashed or dropped before a row is written, wherever they could be."""

from __future__ import annotations

import pytest

from motor_ingesta.catalog.loading import CatalogError
from motor_ingesta.catalog.models import parse_catalog
from motor_ingesta.sources.privacy import keyed_hash
from support.trust import csv_files, json_files

KEY = "a key of the tests"
PRIVATE = {"privacy": {"email": "hash", "phone": "drop"}, "privacy_key": "${env:TEST_PII_KEY}"}
SCHEMA = "id BIGINT, email STRING, phone STRING"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("TEST_PII_KEY", KEY)


def everything(home) -> bytes:
    "All bytes of the lakehouse, but not what landed."
    files = [file for file in (home.path / "datalakecaso").rglob("*") if file.is_file()]
    return b"".join(file.read_bytes() for file in files)


def test_columns_are_hashed_and_dropped(tmp_path):
    home = json_files(tmp_path, SCHEMA, **PRIVATE)
    home.land("a.json", '{"id": 1, "email": "ana@farm.es", "phone": "600"}\n{"id": 2}\n')
    home.run()
    rows = {row["id"]: row for row in home.rows()}
    assert rows[1]["email"] == keyed_hash("ana@farm.es", KEY.encode())
    assert rows[2]["email"] is None
    assert {row["phone"] for row in rows.values()} == {None}
    assert home.difference() == 0


@pytest.mark.parametrize("mode", ["rescue", "evolve", "ignore", "fail"])
def test_nothing_of_it_is_in_any_file(tmp_path, mode):
    schema = SCHEMA.replace("phone STRING", "phone BIGINT")
    home = json_files(tmp_path, schema, schema_changes=mode, **PRIVATE)
    lines = [
        '{"id": 1, "email": "ana@farm.es", "phone": "secret-600"}',
        '{"id": "secret-id", "email": "ana@farm.es", "phone": 600}'.replace("secret-id", "one"),
        '{"id": 3, "EMAIL": "ana@farm.es", "Phone": "secret-600"}',
        '{"id": 4, "email": "ana@farm.es", "phone": "secret-600"',
        '{"id": 5, "email": {"at": "ana@farm.es"}, "phone": ["secret-600"]}',
    ]
    if mode == "fail":
        del lines[2]
    home.land("a.json", "\n".join(lines) + "\n")
    home.run()
    written = everything(home)
    for text in (b"ana@farm.es", b"secret-600", KEY.encode()):
        assert text not in written
    assert home.difference() == 0


def test_csv_and_a_broken_file(tmp_path):
    home = csv_files(tmp_path, SCHEMA, **PRIVATE)
    home.land("a.csv", "id,email,phone\n1,ana@farm.es,600111\nx,ana@farm.es,600111\nana@farm.es\n")
    home.land("b.csv.gz", b"\x1f\x8bana@farm.es")
    home.run()
    assert b"ana@farm.es" not in everything(home)
    assert {row["_raw"] for row in home.rows("quarantine")} == {None}
    assert home.difference() == 0


def test_a_refresh_and_a_plan_protect_them_too(tmp_path):
    home = json_files(tmp_path, SCHEMA, **PRIVATE)
    home.land("a.json", '{"id": 1, "email": "ana@farm.es", "phone": 600, "more": 1}\n{"id"\n')
    home.run()
    runner = home.runner()
    runner.refresh("farm/readings")
    home.land("b.json", '{"id": 1, "email": 5551234, "phone": 600}\n')
    shown = str(runner.plan().to_dict())
    assert "5551234" not in shown
    assert b"ana@farm.es" not in everything(home)
    assert home.difference() == 0


def test_a_key_that_is_not_there_stops_the_dataset(tmp_path, monkeypatch):
    private = PRIVATE | {"privacy_key": "${secret:pii/key}"}
    home = json_files(tmp_path, SCHEMA, **private)
    home.land("a.json", '{"id": 1, "email": "ana@farm.es"}\n')
    report = home.runner().run().datasets[0]
    assert report.status == "failed"
    assert home.rows() == []
    given = home.runner(secrets=lambda scope, name: KEY).run().datasets[0]
    assert given.error == ""
    assert home.column("email") == [keyed_hash("ana@farm.es", KEY.encode())]


def test_a_number_is_not_hashed(tmp_path):
    home = json_files(
        tmp_path, "id BIGINT, email BIGINT", **PRIVATE | {"privacy": {"email": "hash"}}
    )
    home.land("a.json", '{"id": 1, "email": 5}\n')
    assert "only texts are hashed" in home.failure()
    assert home.rows() == []


@pytest.mark.parametrize(
    ("privacy", "message"),
    [
        ("{emial: drop}", "did you mean email"),
        ("{email: mask}", "hash"),
        ("{email: hash}", "without a key"),
    ],
)
def test_mistakes_in_the_catalog(privacy, message):
    with pytest.raises(CatalogError, match=message):
        parse_catalog(
            "datasets: [{datasource: farm, dataset: people, "
            f"privacy: {privacy}, source: {{kind: files, format: json, "
            'schema: "id BIGINT, email STRING"}}]'
        )


def test_the_key_is_a_known_secret(tmp_path):
    home = json_files(tmp_path, SCHEMA, **PRIVATE)
    assert KEY in home.runner().known_secrets()
