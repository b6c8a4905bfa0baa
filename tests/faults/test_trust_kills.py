"""A run is killed at each of its writes, the catalog is edited, and the next run makes it whole.

Each place is met at least once; the chaos test kills at random times.
"""

import json
import re
import shutil
from collections import Counter

import pytest

from support.kills import WatchedPlaces, run_killed_at, watch_delta_rs, watch_files
from support.trust import json_files

FIRST = {"a.json": range(4), "b.json": range(4, 8)}
SECOND = {"c.json": range(8, 12), "d.json": range(12, 16)}
EDITS = {
    "as it was": {},
    "evolve": {"schema_changes": "evolve"},
    "more columns": {
        "source": {"schema": "key STRING, extra BOOLEAN, value DOUBLE"},
        "schema_changes": "ignore",
    },
    "smaller batches": {"source": {"max_files_per_batch": 1}},
}


def content(numbers):
    "A good line, one with a misfit, one with a column more, one that is broken."
    a, b, c, d = (f"k{number}" for number in numbers)
    rows = [{"key": a, "value": 1.5}, {"key": b, "value": "much"}, {"key": c, "extra": True}]
    return "".join(json.dumps(row) + "\n" for row in rows) + f'{{"key": "{d}", "value"\n'


def land(home, contents):
    for name, numbers in contents.items():
        home.land(name, content(numbers))


def keys(home):
    "The keys of all rows in both tables, each as often as it is there."
    found = Counter(row["key"] for row in home.rows())
    for row in home.rows("quarantine"):
        found.update(re.findall(r"k\d+", row["_raw"].decode()))
    return found


def each_place(folder, first, after_ingest):
    "A home killed at each place of a run, and the place."
    source = {"after_ingest": after_ingest, "max_files_per_batch": 2}
    template = json_files(folder / "template", "key STRING, value DOUBLE", source=source)
    if not first:
        land(template, FIRST)
        template.run()
    land(template, FIRST if first else SECOND)
    whole = folder / "whole"
    shutil.copytree(template.path, whole)
    names = run_killed_at(whole, whole / "catalog.yml", -1)
    for place, name in enumerate(names):
        home = json_files(folder / str(place), "key STRING, value DOUBLE", source=source)
        shutil.rmtree(home.path)
        shutil.copytree(template.path, home.path)
        killed = run_killed_at(home.path, home.catalog, place) is None
        assert killed, f"the run did not come by place {place}, {name}"
        yield home, name
        shutil.rmtree(home.path)


@pytest.mark.parametrize(
    ("batch", "edit"),
    [
        ("first", "evolve"),
        ("second", "as it was"),
        ("second", "more columns"),
        ("second", "smaller batches"),
    ],
)
def test_kill_at_each_write(tmp_path, batch, edit):
    expected = Counter(f"k{n}" for n in range(8 if batch == "first" else 16))
    for home, place in each_place(tmp_path, batch == "first", {"action": "keep"}):
        home.edit(**EDITS[edit])
        home.run()
        assert keys(home) == expected, place
        assert home.difference() == 0, place


@pytest.mark.parametrize("action", ["delete", "archive"])
def test_kill_at_each_write_where_files_leave_landing(tmp_path, action):
    expected = Counter(f"k{n}" for n in range(16))
    for home, place in each_place(tmp_path, False, {"action": action, "after_days": 0}):
        home.run()
        home.run()
        assert keys(home) == expected, place
        assert home.difference() == 0, place
        assert not list(home.landing.glob("*.json")), place


@pytest.mark.parametrize("action", ["keep", "delete", "archive"])
def test_no_two_writes_without_a_place_between_them(tmp_path, monkeypatch, action):
    """The places are all there are: what changes on disk from one to the next is one file."""
    source = {"after_ingest": {"action": action}, "max_files_per_batch": 2}
    if action != "keep":
        source["after_ingest"]["after_days"] = 0
    home = json_files(tmp_path, "key STRING, value DOUBLE", source=source)
    land(home, FIRST)
    home.run()
    land(home, SECOND)
    places = WatchedPlaces(home.path)
    watch_files(places, monkeypatch.setattr)
    watch_delta_rs(places, monkeypatch.setattr)
    home.run()
    together = [(name, changed) for name, changed in places.changes if len(changed) > 1]
    moved = [name for name, changed in together if is_move(changed)]
    assert [one for one in together if one[0] not in moved] == []
    assert sum(len(changed) for _, changed in places.changes) > 8


def is_move(changed):
    "Whether one file went from one folder to another."
    return len(changed) == 2 and len({name.rpartition("/")[2] for name in changed}) == 1
