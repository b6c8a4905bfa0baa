"""Spark's workers read the same rows as the local engine, cell by cell, from many files at once.

    pytest tests/spark/test_differential_spark.py -n 0 --examples 1000 --seed 1

tries that many generated files besides the corpora, and writes down what came of it.
"""

from motor_ingesta.local.session import session
from support.differential import (
    datasets_of,
    disagreements,
    figures_of,
    files_to_compare,
    read_all,
)
from tools.faults.figures import record

EXAMPLES = 15  # generated files of all formats, unless `--examples` says another number


def test_spark_reads_the_same(tmp_path, size):
    files = files_to_compare(size.examples or EXAMPLES, size.seed)
    datasets = datasets_of(files)
    expected = read_all(datasets, tmp_path / "local")
    spark = session()
    try:
        by_spark = read_all(datasets, tmp_path / "spark", "spark", spark)
    finally:
        spark.stop()
    told = {"Spark": disagreements(expected, by_spark)}
    if size.examples:
        record("differential_spark", figures_of(files, expected, told, size.seed), among=True)
    assert not any(told.values()), told
