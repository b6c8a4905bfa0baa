"Rows in, rows out: whatever the rows are, for every format and every way of taking a changed schema, each is in bronze once or in the quarantine once"
import csv
import io
import json
import shutil
import uuid
from collections import Counter
from pathlib import Path

import fastavro
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from motor_ingesta.audit import plain_path
from motor_ingesta.catalog import parse_catalog
from motor_ingesta.engine import MotorIngesta
from motor_ingesta.spark import session

MODES = ("rescue", "evolve", "fail", "ignore")
FORMATS = ("json", "json_array", "csv", "parquet", "avro")

text = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)
scalar = st.one_of(st.none(), st.booleans(), st.integers(-2**70, 2**70), st.floats(allow_nan=False, allow_infinity=False), text)
value = st.recursive(scalar, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["x", "y", "a b"]), inner, max_size=2)), max_leaves=4)
row = st.fixed_dictionaries({}, optional={"id": text, "n": st.one_of(st.integers(-2**31, 2**31 - 1), value), "new": value, "ID": scalar})
junk = st.one_of(st.just('{"id": "cut'), st.just("[1, 2]"), st.just("7"), st.just('{"id": "a"} x'), st.just('{"id": 1, "id": 2}'), text.filter(str.strip))


def as_json(rows): return "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows).encode(), sum(1 for r in rows if not isinstance(r, str) or r.strip(" "))
def as_array(rows): return json.dumps(rows).encode(), len(rows)


def as_csv(table):
    header, rows = table
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", escapechar="\\").writerows([header, *rows])
    return out.getvalue().encode(), len(rows)


def as_parquet(columns):
    table = pa.table(columns)
    parquet.write_table(table, out := io.BytesIO())
    return out.getvalue(), table.num_rows


def as_avro(drawn):
    kind, values = drawn
    schema = {"type": "record", "name": "R", "fields": [{"name": "id", "type": ["null", "string"]}, {"name": "n", "type": ["null", kind]}]}
    fastavro.writer(out := io.BytesIO(), schema, [{"id": "a", "n": v} for v in values])
    return out.getvalue(), len(values)


cell = st.text("abc 17,\"'", max_size=6).map(str.strip)
header = st.permutations(["id", "n", "new"]).flatmap(lambda names: st.integers(1, 3).map(lambda k: names[:k])).filter(lambda names: {"id", "n"} & set(names))
column = lambda count: st.one_of(*(st.lists(st.one_of(st.none(), s), min_size=count, max_size=count).map(lambda v, kind=kind: pa.array(v, kind))
                                   for kind, s in ((pa.int32(), st.integers(-2**31, 2**31 - 1)), (pa.int64(), st.integers(-2**63, 2**63 - 1)), (pa.float64(), st.floats(allow_nan=False)), (pa.string(), text), (pa.bool_(), st.booleans()))))
FILES = {
    "json": st.lists(st.one_of(row, row, junk), min_size=1, max_size=8).map(as_json),
    "json_array": st.lists(st.one_of(row, row, scalar.filter(lambda v: v is not None)), min_size=1, max_size=6).map(as_array),
    "csv": header.flatmap(lambda names: st.tuples(st.just(names), st.lists(st.lists(cell, min_size=len(names), max_size=len(names) + 1).filter(lambda c: any(c)), max_size=6))).map(as_csv),
    "parquet": st.integers(1, 5).flatmap(lambda count: st.dictionaries(st.sampled_from(["id", "n", "new", "a b", "_run_id"]), column(count), min_size=1)).map(as_parquet),
    "avro": st.one_of(st.tuples(st.just("int"), st.lists(st.integers(-2**31, 2**31 - 1), max_size=5)), st.tuples(st.just("string"), st.lists(text, max_size=5)), st.tuples(st.just("double"), st.lists(st.floats(allow_nan=False), max_size=5))).map(as_avro),
}


@pytest.fixture(scope="module")
def spark():
    spark = session()
    yield spark
    spark.stop()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", FORMATS)
def test_rows_in_rows_out(spark, tmp_path, kind, mode):
    options = ", options: {header: true}" if kind == "csv" else ""
    catalog = parse_catalog(f"datasets:\n  - {{datasource: any, dataset: rows, schema_changes: {mode}, source: {{kind: files, format: {kind}, schema: 'id STRING, n INT'{options}}}}}")

    @settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.lists(FILES[kind], min_size=4, max_size=12))
    def holds(files):
        engine = MotorIngesta(tmp_path / uuid.uuid4().hex, catalog, spark=spark)
        folder = Path(engine.lake.landing("any/rows"), "2026/01/07")
        folder.mkdir(parents=True)
        for i, (content, _) in enumerate(files): (folder / f"{i}.dat").write_bytes(content)
        report = engine.run().datasets[0]
        if mode == "fail" and report.status == "failed":
            assert "does not have the dataset's schema" in report.error
            assert report.rows_written == 0 and engine.run().datasets[0].status == "failed"
            return
        assert report.status == "succeeded", report.error
        found = Counter(Path(plain_path(r[0])).stem for table in (engine.bronze("any/rows"), engine.quarantine("any/rows")) for r in table.select("_source_file").collect())
        assert found == Counter({str(i): count for i, (_, count) in enumerate(files) if count}), files
        assert engine.audit().difference == 0
        shutil.rmtree(engine.lake.home)

    holds()
