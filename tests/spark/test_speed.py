"A guard, not a benchmark: it fails only when the engine has become much slower than a plain script, twice in a row. `python -m tools.benchmarks.bench` measures"

import pytest

from tools.benchmarks.bench import Bench, compared
from tools.benchmarks.files import load

PAIRS, MUCH_SLOWER = 3, 1.5


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_not_much_slower_than_a_plain_script(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("tools.benchmarks.files.COUNT", 100_000)
    monkeypatch.setattr("tools.benchmarks.files.PEERS", ("plain script",))
    bench, tries = Bench(tmp_path, PAIRS), []
    while len(tries) < 2 and (not tries or tries[-1] > MUCH_SLOWER):
        tries.append(
            compared("load", load(bench, kind), "plain script", at_most=MUCH_SLOWER)["ratio"]
        )
    assert tries[-1] <= MUCH_SLOWER, (
        f"{kind}: the engine takes {tries} times as long as the plain script"
    )
