"""A schema that asks before it grows, and files that are replaced under their names."""

from __future__ import annotations

import pytest

from support.trust import csv_files, json_files


@pytest.fixture
def home(tmp_path):
    return json_files(tmp_path, "id BIGINT, value INT", schema_changes="ask")


def status(home):
    return home.runner().run().datasets[0]


def test_a_run_waits_and_goes_on_when_approved(home):
    home.land("a.json", '{"id": 1, "value": 2}\n{"id": 2, "value": 2.5, "soil": "clay"}\n')
    report = status(home)
    assert report.status == "needs approval"
    assert "new column soil STRING" in report.error
    assert "value INT → DOUBLE" in report.error
    assert home.rows() == []
    assert home.runner().approve("farm/readings") == [
        "new column soil STRING",
        "value INT → DOUBLE",
    ]
    assert status(home).status == "succeeded"
    assert home.column("value") == [2.0, 2.5]
    assert home.difference() == 0


def test_it_waits_until_it_is_approved(home):
    home.land("a.json", '{"id": 2, "soil": "clay"}\n')
    assert [status(home).status for _ in range(2)] == ["needs approval"] * 2


def test_what_fits_needs_no_approval(home):
    home.land("a.json", '{"id": 1, "value": 2}\n{"id": "one", "value": 2}\n')
    assert status(home).status == "succeeded"
    assert home.runner().approve("farm/readings") == []


def test_another_change_is_asked_again(home):
    home.land("a.json", '{"id": 2, "soil": "clay"}\n')
    status(home)
    home.runner().approve("farm/readings")
    assert status(home).status == "succeeded"
    home.land("b.json", '{"id": 3, "depth": 1.5, "soil": "sand"}\n')
    report = status(home)
    assert report.status == "needs approval"
    assert "depth" in report.error
    assert "soil" not in report.error.splitlines()[1]


@pytest.mark.parametrize("action", ["ignore", "refresh"])
def test_a_replaced_file(tmp_path, action):
    home = csv_files(tmp_path, source={"on_replaced": action})
    home.land("a[1].csv", "id,value\n1,2.5\n2,3.5\n")
    home.land("a1.csv", "id,value\n7,7.5\n")
    home.run()
    home.land("a[1].csv", "id,value\n3,4.5\n")
    report = home.run()
    if action == "ignore":
        assert "the new content is not read" in report.warnings[0]
        assert home.column("id") == [1, 2, 7]
    else:
        assert report.warnings == ["1 files were replaced under their names, and read again"]
        assert home.column("id") == [3, 7]
        assert home.run().warnings == []
    assert home.difference() == 0
