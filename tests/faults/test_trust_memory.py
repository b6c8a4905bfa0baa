"""Input that unpacks to much more than it weighs is read in bounded memory."""

import gzip
import io
import json

import fastavro
import pyarrow as pa
import pytest
from pyarrow import parquet

from support.trust import Home, run_python


def home_of(path, kind, schema):
    return Home(path, source={"kind": "files", "format": kind, "schema": schema})


PEAK = """
import resource, sys, threading
from pathlib import Path
from support.trust import Home
path, kind, schema, name = sys.argv[1:5]
home = Home(path, source={"kind": "files", "format": kind, "schema": schema})
idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = home.run()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(report.rows_read, (peak - idle) // 1024)
"""


def packed_parquet():
    "Some kilobytes that unpack to 1.5 GB: one long text, again and again."
    places = pa.repeat(pa.scalar(0, pa.int32()), 15_000)
    texts = pa.DictionaryArray.from_arrays(places, ["x" * 100_000])
    parquet.write_table(
        pa.table({"text": texts}), sink := io.BytesIO(), compression="zstd", row_group_size=15_000
    )
    return sink.getvalue()


def packed_avro(block=50_000_000):
    schema = {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    records = ({"text": "y" * 100_000} for _ in range(8_000))
    fastavro.writer(sink := io.BytesIO(), schema, records, codec="deflate", sync_interval=block)
    return sink.getvalue()


def packed_json():
    line = json.dumps({"text": "z" * 1_000_000}).encode() + b"\n"
    return gzip.compress(line * 1_000)


PACKED = {
    "parquet": (packed_parquet, "text STRING", "a.parquet", 15_000),
    "avro": (packed_avro, "text STRING", "a.avro", 8_000),
    "json": (packed_json, "text STRING", "a.json.gz", 1_000),
}


@pytest.mark.parametrize("kind", PACKED)
def test_packed_input_is_bounded_in_memory(tmp_path, kind):
    """280 kB of Parquet took 3.1 GB, 6 kB of Avro 0.8 GB."""
    make, schema, name, count = PACKED[kind]
    home = home_of(tmp_path, kind, schema)
    content = make()
    home.land(name, content)
    code, said = run_python(PEAK, tmp_path, kind, schema, name)
    assert code == 0, said
    rows, megabytes = map(int, said.split()[-2:])
    assert rows == count
    assert megabytes < 1024, (len(content), megabytes)


def test_a_block_of_avro_that_is_too_large_is_one_named_thing(tmp_path):
    home = home_of(tmp_path, "avro", "text STRING")
    home.land("a.avro", packed_avro(400_000_000))
    code, said = run_python(PEAK, tmp_path, "avro", "text STRING", "a.avro")
    assert code == 0, said
    assert int(said.split()[-1]) < 1024
    assert home.reasons() == {"unreadable_file": 1}
    assert "MiB" in home.rows("quarantine")[0]["_detail"]
