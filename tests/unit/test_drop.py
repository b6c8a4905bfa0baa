"""A dropped dataset begins anew, wherever the drop is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.homes import Home, csv_source
from support.operations import killed_at_each_write

ROWS = [("north", 1.5), ("south", 2.0)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "a home")


def ingested(home: Home) -> None:
    home.land("a.csv", "plot,ha\nnorth,1.5\nsouth,2\nwest\n")
    home.run(csv_source())
    assert home.is_clean(csv_source())  # so that the audit remembers


def drop(home: Home, **options):
    return home.runner(csv_source()).drop(home.name, **options)


def files_below(home: Home) -> set[str]:
    lake = Path(home.lake.datalake_root)
    found = {file.relative_to(lake).as_posix() for file in lake.rglob("*") if file.is_file()}
    return {name for name in found if home.name in name and "/." not in name}


def test_everything_goes_and_landing_stays(home):
    ingested(home)
    done = drop(home)
    assert files_below(home) == set()
    assert (done.landing_files, done.archive_files) == (1, 0)
    assert (home.landing / "a.csv").exists()


def test_the_next_run_reads_all_again(home):
    ingested(home)
    drop(home)
    home.run(csv_source())
    assert home.bronze("plot", "ha") == ROWS
    assert home.is_clean(csv_source())


def test_landing_and_archive_when_asked(home):
    more = ", after_ingest: {action: archive}"
    home.land("a.csv", "plot,ha\nnorth,1.5\n")
    home.run(csv_source("DOUBLE", more))
    home.land("b.csv", "plot,ha\nnorth,1.5\n")
    kept = drop(home)
    assert (kept.landing_files, kept.archive_files, len(kept.notes)) == (1, 1, 1)
    gone = drop(home, landing=True)
    assert (gone.landing_files, gone.archive_files) == (0, 0)


def test_another_type_is_taken_afterwards(home):
    ingested(home)
    drop(home)
    home.run(csv_source("STRING"))
    assert home.bronze("plot", "ha") == [("north", "1.5"), ("south", "2")]


def test_a_dataset_that_was_never_run(home):
    assert drop(home).landing_files == 0


def test_killed_at_each_write(tmp_path, monkeypatch):
    for home, moment in killed_at_each_write(tmp_path, monkeypatch, ingested, drop):
        if moment % 4 == 0:
            drop(home)
        home.run(csv_source())
        assert home.bronze("plot", "ha") == ROWS, moment
        assert len(home.open_rows()) == 1
        assert home.is_clean(csv_source()), moment
