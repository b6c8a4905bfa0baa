"""The same files through every way that reads them, compared cell by cell."""

import json
import random
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, Phase, given, seed, settings

from motor_ingesta.catalog.models import parse_catalog
from motor_ingesta.formats import avro_container, avro_decoding, convert, csv, json_array, parquet
from motor_ingesta.formats import json as json_lines
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.sources import files as file_source
from motor_ingesta.storage.lake import plain_path
from support.bad_input import CORPUS
from support.corpora import csv_spectrum, json_test_suite
from support.strategies import FILES, files_source
from tools.faults.fuzz import mutated

MODES = ("rescue", "evolve", "ignore")
LARGEST = 100_000  # bytes of a file of the corpora
EXPANDS = ("bomb.json.gz", "blank bomb.json.bz2")
OF_THE_RUN = ("_ingested_at", "_run_id", "_source_file", "_source_modified_at", "ingestion_date")

Files = dict[str, bytes]


# The files


def corpus_files(kind: str) -> Files:
    "Files that break something, by name."
    found = {name: _bytes(case[0]) for name, case in CORPUS[kind].items()}
    if kind == "json":
        found |= {f"suite {name}.json": text for name, text in json_test_suite().items()}
    if kind == "json_array":
        for name, text in json_test_suite().items():
            found[f"suite {name}.json"] = b'[{"id": ' + text + b"}]"
    if kind == "csv":
        found |= {f"spectrum {name}.csv": case[0] for name, case in csv_spectrum().items()}
    return {
        name: content
        for name, content in found.items()
        if len(content) <= LARGEST and name not in EXPANDS
    }


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


def generated_files(kind: str, count: int, number: int) -> Files:
    "Files of Hypothesis; every second one with some bytes changed."
    drawn: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(FILES[kind])
    def keep(file):
        drawn.append(file[0])

    keep()
    rng = random.Random(number)
    changed = [mutated(rng, rng.choice(drawn)) for _ in range(count // 2)]
    whole = drawn[: count - len(changed)]
    return {f"{place}.dat": content for place, content in enumerate(whole + changed)}


# The ways


def _without_arrow(self, left):
    return left


def _no_objects(self, which):
    return np.zeros(len(which), bool)


def _all_slow(records, schema):
    "Every record of Avro by the reader of one record."
    places = np.arange(len(records))
    tables, undecodable = avro_decoding._decode_slow(records, schema, places)
    nothing = avro_decoding.avro_columns(schema).empty_table()
    return avro_decoding.Decoded([(nothing, places[:0]), *tables], np.sort(undecodable))


def _small_csv_pieces(file, options, block_size=0):
    return _CSV_PIECES(file, options, 48)


_CSV_PIECES = csv.read_csv_pieces
REFERENCE = [  # each value by the plain Python that defines the rules
    (json_lines._Reading, "_read_as_declared", _without_arrow),
    (json_lines._Reading, "_are_objects", _no_objects),
    (csv, "_whole_input", lambda *_: None),
    (csv, "_split_cells", lambda *_: None),
    (convert, "_conversions", lambda *_: []),
    (avro_decoding, "_decode_portion", _all_slow),
]
SMALL_BLOCKS = [  # a few bytes at once, each file for itself
    (file_source, "TINY_FILE", -1),
    (json_lines, "read_line_blocks", partial(json_lines.read_line_blocks, block_size=48)),
    (json_array, "read_blocks", partial(json_array.read_blocks, block_size=48)),
    (csv, "read_csv_pieces", _small_csv_pieces),
    (avro_container, "BLOCK_RECORDS", 1),
    (parquet, "MOST_ROWS", 1),
]
LOCAL_WAYS = {"as usual": [], "the reference": REFERENCE, "small blocks": SMALL_BLOCKS}


@contextmanager
def patched(patches):
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, value in patches:
            assert hasattr(owner, name), name
            patch.setattr(owner, name, value)
        yield


# The rows


@dataclass(frozen=True)
class Dataset:
    "Files of one format, taken in one way."

    kind: str
    mode: str
    files: Files

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.mode}"

    def in_catalog(self):
        source = files_source(self.kind) | {"max_files_per_batch": 1000}
        if self.kind == "csv":
            source["options"] = {"header": "true", "multiLine": "true"}
        return {
            "datasource": self.kind,
            "dataset": self.mode,
            "schema_changes": self.mode,
            "max_rejected": 1.0,
            "source": source,
        }


def files_to_compare(count: int, number: int) -> dict[str, Files]:
    "By format: about so many generated files of all formats, and the corpora."
    each = count // len(FILES)
    return {kind: generated_files(kind, each, number) | corpus_files(kind) for kind in FILES}


def datasets_of(files: dict[str, Files]) -> list[Dataset]:
    "Each format in each mode."
    found = []
    for kind, contents in files.items():
        for mode in MODES:
            found.append(Dataset(kind, mode, contents))
    return found


Rows = dict[tuple[str, str], Counter]  # dataset and file → its rows in both tables, as texts


def read_all(datasets: list[Dataset], home: Path, engine: str = "local", spark=None) -> Rows:
    "Every row of every file, as one way reads them."
    content = {"datasets": [dataset.in_catalog() for dataset in datasets]}
    catalog = parse_catalog(json.dumps(content))
    runner = MotorIngesta(home, catalog, engine=engine, spark=spark)
    for dataset in datasets:
        _land(dataset, Path(runner.lake.landing(dataset.name), "2026/01/07"))
    for report in runner.run().datasets:
        assert (report.error, report.engine) == ("", engine), report
    rows: Rows = {}
    for dataset in datasets:
        for zone in (runner.lake.bronze(dataset.name), runner.lake.quarantine(dataset.name)):
            _add_rows(rows, dataset.name, zone)
    return rows


def _land(dataset: Dataset, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, content in dataset.files.items():
        (folder / name).write_bytes(content)


def _add_rows(rows: Rows, dataset: str, uri: str) -> None:
    table = DeltaTable(uri).to_pyarrow_table()
    files = table["_source_file"].to_pylist()
    table = table.drop_columns([name for name in OF_THE_RUN if name in table.column_names])
    names = sorted(table.column_names)
    columns = [_exact(table[name]) for name in names]
    for path, *values in zip(files, *columns, strict=True):
        name = Path(plain_path(path)).name
        cells = {n: v for n, v in zip(names, values, strict=True) if v is not None}
        rows.setdefault((dataset, name), Counter())[repr(cells)] += 1


def _exact(values: pa.ChunkedArray) -> list:
    "Python values; moments as numbers, for Python does not have all of them."
    if pa.types.is_temporal(values.type):
        kind = pa.int32() if pa.types.is_date32(values.type) else pa.int64()
        values = values.cast(kind)
    return values.to_pylist()


def disagreements(expected: Rows, found: Rows) -> list[str]:
    "Where two ways read other rows."
    told = []
    for key in sorted(expected.keys() | found.keys()):
        one, other = expected.get(key, Counter()), found.get(key, Counter())
        if one != other:
            told.append(f"{key}: {[*one - other][:3]} instead of {[*other - one][:3]}")
    return told


def figures_of(
    files: dict[str, Files], rows: Rows, told: dict[str, list[str]], number: int
) -> dict[str, object]:
    "What a page says of a comparison; `told` has the disagreements of each way."
    return {
        "seed": number,
        "files": {kind: len(contents) for kind, contents in files.items()},
        "rows": sum(found.total() for found in rows.values()),
        "ways": list(told),
        "disagreements": sum(map(len, told.values())),
    }
