"""Every way of reading gives the same rows: values, rescued data, and reasons, cell by cell.

    pytest tests/unit/test_differential.py -n 0 --examples 5000 --seed 1

tries that many generated files besides the corpora, and writes down what came of it.
"""

from functools import partial

from support.differential import (
    LOCAL_WAYS,
    corpus_files,
    datasets_of,
    disagreements,
    generated_files,
    patched,
    read_all,
)
from support.strategies import FILES
from tools.faults.figures import record

EXAMPLES = 100  # generated files of all formats, unless `--examples` says another number


def test_every_way_reads_the_same(tmp_path, size):
    count = (size.examples or EXAMPLES) // len(FILES)
    files = {}
    for kind in FILES:
        files[kind] = generated_files(kind, count, size.seed) | corpus_files(kind)
    datasets = datasets_of(files)
    ways = {name: partial(read_locally, patches) for name, patches in LOCAL_WAYS.items()}
    rows = {name: read(datasets, tmp_path / name) for name, read in ways.items()}
    expected = rows["as usual"]
    told = {name: disagreements(expected, found) for name, found in rows.items()}
    if size.examples:
        record("differential", figures(files, expected, told) | {"seed": size.seed})
    assert not any(told.values()), told


def read_locally(patches, datasets, home):
    with patched(patches):
        return read_all(datasets, home)


def figures(files, rows, told):
    return {
        "files": {kind: len(contents) for kind, contents in files.items()},
        "rows": sum(found.total() for found in rows.values()),
        "ways": len(told),
        "disagreements": sum(map(len, told.values())),
    }
