"""Quarantined rows are ticked, their outcome is shown, and only they are replayed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from motor_ingesta.panels.tables import PanelContext, QuarantineView
from motor_ingesta.panels.texts import Texts
from motor_ingesta.panels.widgets import BackgroundTask
from support.homes import Home

BEFORE = 'kind: files, format: json, schema: "plot STRING, ha INT"'
AFTER = 'kind: files, format: json, schema: "plot STRING, ha DOUBLE"'
LINES = '{"plot": "north", "ha": 1.5}\n{"plot": "south", "ha": 2.5}\n{"plot": "east"\n'


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "a home")
    home.land("a.json", LINES)
    home.run(BEFORE, "fail")
    return home


@pytest.fixture
def view(home: Home) -> QuarantineView:
    context = PanelContext(
        Texts("en"), str(home.root), lambda: home.runner(AFTER, "rescue"), lambda: "", str
    )
    view = QuarantineView(context, [home.name])
    click(view.show)
    return view


def click(button) -> None:
    button.click()
    while BackgroundTask.any_running():
        time.sleep(0.02)


def tick(view: QuarantineView, text: str) -> None:
    (box,) = view.ticks.children
    for checkbox in box.children:
        checkbox.value = text in checkbox.description


def test_what_a_replay_of_ticked_rows_would_do_is_shown_and_not_done(home, view):
    tick(view, "malformed")
    click(view.preview)
    assert view.replays.message.text == "0 of 1 rows would come to bronze; nothing is written yet"
    for checkbox in view.ticks.children[0].children:
        checkbox.value = True
    click(view.preview)
    assert view.replays.message.text == "2 of 3 rows would come to bronze; nothing is written yet"
    assert len(view.outcome.children) == 2
    assert home.bronze("plot") == []
    assert len(home.open_rows()) == 3


def test_only_ticked_rows_are_replayed(home, view):
    (box,) = view.ticks.children
    mismatched = [box_ for box_ in box.children if "schema_mismatch" in box_.description]
    mismatched[0].value = True
    click(view.replay)
    assert "1 row tried, 1 now in bronze" in view.replays.message.text
    assert len(home.open_rows()) == 2
    assert len(view.ticks.children[0].children) == 2
    assert view.ticks.ids == ()
