"""Feed nonsense to everything that reads: the catalog, the wire-format decoder, each file reader.

    python -m tools.faults.fuzz --seed 1 --catalogs 20000 --messages 200000 --files 300

A catalog is taken or refused with `CatalogError`; a message is a row or in the quarantine; a file is in the tables and
the audit finds no difference. Prints how many inputs of each kind were tried.
"""

import argparse
import json
import random
import struct
import tempfile
from collections import Counter
from io import BytesIO
from pathlib import Path

import fastavro
import pyarrow as pa

from motor_ingesta.catalog.models import (
    CatalogError,
    catalog_yaml,
    farmia_catalog,
    parse_catalog,
)
from motor_ingesta.formats.avro import read_messages
from motor_ingesta.formats.base import ReadSchema
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.schemas.avro import avro_schema
from motor_ingesta.simulator.farmia import SOURCES
from motor_ingesta.simulator.files import generate_files
from tools.faults.figures import record


def mutated(rng: random.Random, content: bytes) -> bytes:
    "Some bytes changed, cut out, repeated or put in"
    content = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(content) + 1)
        kind = rng.randrange(4)
        if kind == 0 and content:
            content[at % len(content)] = rng.randrange(256)
        elif kind == 1:
            del content[at : at + rng.randint(1, 40)]
        elif kind == 2:
            content[at:at] = content[max(0, at - rng.randint(1, 40)) : at]
        else:
            content[at:at] = rng.randbytes(rng.randint(1, 8))
    return bytes(content)


def fuzz_catalogs(rng: random.Random, count: int) -> dict:
    whole, taken = farmia_catalog().datasets, 0
    texts = [
        catalog_yaml(*whole[i : i + 2]).encode() for i in range(0, len(whole), 2)
    ]  # each is right before it is changed
    for _ in range(count):
        try:
            parse_catalog(mutated(rng, rng.choice(texts)).decode("utf-8", errors="replace"))
            taken += 1
        except CatalogError:
            pass
    return {"catalogs": count, "taken": taken}


def fuzz_messages(rng: random.Random, count: int) -> dict:
    schema = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "n", "type": ["null", "long"]},
            {"name": "tags", "type": {"type": "array", "items": "double"}},
            {"name": "by", "type": {"type": "map", "values": "bytes"}},
            {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["a", "b"]}},
        ],
    }
    fastavro.schemaless_writer(
        body := BytesIO(),
        schema,
        {"id": "x" * 20, "n": 7, "tags": [1.5, 2.5], "by": {"k": b"v"}, "kind": "b"},
    )
    whole = b"\x00" + struct.pack(">I", 1) + body.getvalue()
    values = [
        mutated(rng, whole) if rng.random() < 0.8 else rng.randbytes(rng.randint(0, 40))
        for _ in range(count)
    ]
    columns = avro_schema(json.dumps(schema))
    parsed = read_messages(
        pa.array(values, pa.binary()), ReadSchema(columns), {1: json.dumps(schema)}
    )
    found = Counter(parsed.rejected["reason"].to_pylist())
    if parsed.rows.num_rows:
        found["good"] = parsed.rows.num_rows
    assert sum(found.values()) == count, found
    return {"messages": count, **found}


def fuzz_files(rng: random.Random, count: int) -> dict:
    told = {}
    with tempfile.TemporaryDirectory() as home:
        engine = MotorIngesta(home, engine="local")
        for name, source in SOURCES.items():
            if source.topics or source.format == "png":
                continue
            manifest = generate_files(engine.lake, name, 1, 50)
            path = Path(manifest.files[0]["path"])
            for i in range(count):
                path.with_name(f"fuzz-{i}{path.name[path.name.index('.') :]}").write_bytes(
                    mutated(rng, path.read_bytes())
                )
            report = engine.run(name).datasets[0]
            assert report.status in ("succeeded", "rejected"), report.error
            assert report.files == count + 1, report
            audit = engine.audit(name)[0]
            told[name] = {
                "files": count,
                "rows": report.rows_written,
                "quarantined": report.rows_quarantined,
                "difference": audit.missing + audit.twice,
                **(
                    {"examples": [d.where for d in audit.differences][:3]}
                    if audit.differences
                    else {}
                ),
            }
            print(name, told[name], flush=True)
    return told


def main(seed: int, catalogs: int, messages: int, files: int) -> dict:
    rng = random.Random(seed)
    return {
        "seed": seed,
        **fuzz_catalogs(rng, catalogs),
        "decoder": fuzz_messages(rng, messages),
        "readers": fuzz_files(rng, files),
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    for name, default in (("seed", 1), ("catalogs", 20_000), ("messages", 200_000), ("files", 300)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    record("fuzz", told := main(**vars(arguments.parse_args())))
    print(json.dumps(told, indent=1))
