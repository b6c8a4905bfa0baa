"""Spark swaps and erases rows as the local engine does, each once."""

import pytest

from motor_ingesta.local.session import session
from motor_ingesta.pipeline.runner import MotorIngesta
from support.trust import Home, json_files

PERSON = "ana@farm.es"
LINES = '{"email": "ana@farm.es", "age": 1}\n{"email": "luis@farm.es", "age": 2.5}\n{"email"\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    home = json_files(tmp_path_factory.mktemp("home"), "email STRING, age INT")
    home.engine = "spark"
    home.land("a.json", LINES)
    home.run()
    return home


def runner(home: Home) -> MotorIngesta:
    return home.runner(spark=session())


def test_mend_and_erase(home):
    home.edit(source={"schema": "email STRING, age DOUBLE"})
    done = runner(home).refresh("farm/readings", rescued=True)
    assert (done.files, done.after) == (1, {"bronze": 2, "quarantine": 1})
    assert home.column("age") == [1.0, 2.5]
    assert home.difference() == 0
    preview = runner(home).replay("farm/readings", dry_run=True, where="_reason LIKE 'malformed%'")
    assert (preview.tried, preview.replayed) == (1, 0)
    assert runner(home).erase("farm/readings", "email", PERSON).bronze == 1
    assert home.column("email") == ["luis@farm.es"]
    assert home.difference() == 0
    engine = runner(home).engine_for(runner(home).catalog.datasets[0])
    bronze = str(home.table_path("bronze"))
    identity = runner(home).source_of(runner(home).catalog.datasets[0]).checkpoint.identity
    assert engine.committed_batch(bronze, f"{identity}/replay") == 0
    assert engine.committed_batch(bronze, f"{identity}/erase/email") == 0
