"""Every file that a source sends ends in bronze, in the quarantine, or in both, and the run goes on."""

import json
from pathlib import Path

import pytest

from motor_ingesta.catalog.models import parse_catalog
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.storage.lake import landing_day
from support.bad_input import CATALOG, CORPUS, dt, land_corpus, wrong_files


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    runner = MotorIngesta(tmp_path_factory.mktemp("bad"), parse_catalog(CATALOG), engine="local")
    land_corpus(runner.lake, runner.catalog.datasets)
    return runner


@pytest.mark.parametrize("mode", ["rescue", "evolve"])
@pytest.mark.parametrize("kind", CORPUS)
def test_corpus(runner, kind, mode):
    name = f"bad/{kind}_{mode}"
    report = runner.run(name).datasets[0]
    assert report.error == ""
    assert not wrong_files(runner.lake.home, kind, name)
    audit = runner.audit(name)[0]
    assert (audit.missing, audit.twice, audit.pending) == (0, 0, 0), audit.differences
    assert runner.run(name).datasets[0].files == 0


LINES = [json.dumps({"id": f"{i}", "n": i}) + "\n" for i in range(1000)]
CHANGES = {
    "vanishes": None,
    "is cut": "".join(LINES[:300]),
    "grows": "".join(LINES + LINES[:500]),
    "is another": "no JSON any more\n",
}
CHANGING = """
datasets:
  - datasource: changing
    dataset: files
    source: {kind: files, format: json, schema: "id STRING, n BIGINT"}
"""


@pytest.mark.parametrize("what", CHANGES)
def test_a_file_that_changes_after_it_was_planned(tmp_path, what):
    runner = MotorIngesta(tmp_path, parse_catalog(CHANGING), engine="local")
    folder = Path(landing_day(runner.lake.landing("changing/files"), dt.date(2026, 1, 7)))
    folder.mkdir(parents=True)
    for name in ("a.json", "b.json", "c.json"):
        (folder / name).write_text("".join(LINES))
    source = runner.source_of(runner.catalog.datasets[0])
    source.discover()
    source.checkpoint.begin(**source.plan())

    if CHANGES[what] is None:
        (folder / "b.json").unlink()
    else:
        (folder / "b.json").write_text(CHANGES[what])

    report = runner.run().datasets[0]
    assert report.error == ""
    rows = runner.bronze("changing/files")
    for name in ("a.json", "c.json"):
        found = rows.filter(f"_source_file LIKE '%/{name}'").count("*").fetchall()
        assert found == [(1000,)]
    after = runner.run().datasets[0]
    assert after.error == ""
    details = runner.quarantine("changing/files").project("_source_file, _detail").fetchall()
    audit = runner.audit()[0]
    told = [*report.warnings, *after.warnings, *audit.notes, *map(str, details)]
    assert any("b.json" in sentence for sentence in told), told
    assert (audit.missing, audit.twice) == (0, 0)
