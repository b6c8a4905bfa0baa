"""Every way of reading gives the same rows: values, rescued data, and reasons, cell by cell.

    pytest tests/unit/test_differential.py -n 0 --examples 1000 --seed 1

tries that many generated files besides the corpora, and writes down what came of it. The Spark engine
is compared by `tests/spark/test_differential_spark.py`.
"""

from support.differential import (
    LOCAL_WAYS,
    datasets_of,
    disagreements,
    figures_of,
    files_to_compare,
    patched,
    read_all,
)
from tools.faults.figures import record

EXAMPLES = 100  # generated files of all formats, unless `--examples` says another number


def test_every_way_reads_the_same(tmp_path, size):
    files = files_to_compare(size.examples or EXAMPLES, size.seed)
    datasets = datasets_of(files)
    rows = {}
    for name, patches in LOCAL_WAYS.items():
        with patched(patches):
            rows[name] = read_all(datasets, tmp_path / name)
    expected = rows["as usual"]
    told = {name: disagreements(expected, found) for name, found in rows.items()}
    if size.examples:
        record("differential", figures_of(files, expected, told, size.seed), among=True)
    assert not any(told.values()), told
