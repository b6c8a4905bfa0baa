"""A refresh, a drop and an erasure in a process of their own, killed before and after each write."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.kills import operation_killed_at
from support.trust import Home, json_files

STEP = int(os.environ.get("KILL_STEP", "4"))  # 1: kill at every place, not at every fourth
PERSON = "ana@farm.es"
LINES = '{"email": "ana@farm.es", "age": 1}\n{"email": "luis@farm.es", "age": "2"}\n{"email"\n'
SCHEMA = "email STRING, age INT"
EDITED = {"schema": "email STRING, age STRING"}


def prepared(path: Path, source: dict | None = None) -> Home:
    home = json_files(path, SCHEMA)
    home.land("a.json", LINES)
    home.run()
    home.edit(source=source)
    return home


def each_place(folder: Path, operation: tuple):
    "A home whose operation was killed at a place, and the place."
    template = prepared(folder / "template", operation[2])
    whole = folder / "whole"
    shutil.copytree(template.path, whole)
    names = operation_killed_at(whole, whole / "catalog.yml", -1, *operation[:2])
    assert len(names) > 5, names
    for place, name in list(enumerate(names))[::STEP]:
        home = json_files(folder / str(place), SCHEMA)
        home.edit(source=operation[2])
        shutil.rmtree(home.path)
        shutil.copytree(template.path, home.path)
        assert operation_killed_at(home.path, home.catalog, place, *operation[:2]) is None, name
        yield home, name
        shutil.rmtree(home.path)


REFRESH = ("refresh", ("farm/readings",), None)
DROP = ("drop", ("farm/readings",), EDITED)
ERASE = ("erase", ("farm/readings", "email", PERSON), None)


@pytest.mark.parametrize("operation", [REFRESH, DROP, ERASE], ids=lambda found: found[0])
def test_killed_and_run_again(tmp_path, operation):
    for home, place in each_place(tmp_path, operation):
        runner = home.runner()
        if operation is not DROP:
            getattr(runner, operation[0])(*operation[1])
        home.run()
        emails = home.column("email")
        if operation is ERASE:
            assert emails == ["luis@farm.es"], place
        else:
            assert emails == [PERSON, "luis@farm.es"], place
            assert len(home.rows("quarantine")) == 1, place
        assert home.difference() == 0, place
