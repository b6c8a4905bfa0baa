"""A replay brings rows to bronze once, under the catalog of now, wherever it is killed."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import struct
from pathlib import Path
from types import SimpleNamespace

import fastavro
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyarrow import parquet

from motor_ingesta.catalog.models import Connections, Dataset, KafkaConnection
from motor_ingesta.engines.base import TableTarget
from motor_ingesta.engines.local import LocalEngine
from motor_ingesta.operations import replay as replays
from motor_ingesta.operations.replay import (
    ReplayLostError,
    Selection,
    SelectionError,
    finish_replay,
    lenient_plan,
    replay,
)
from motor_ingesta.operations.scope import DatasetScope
from motor_ingesta.sources.registry import SchemaNotFoundError
from motor_ingesta.sources.topics import TopicSource
from motor_ingesta.storage.checkpoint import Batch, Checkpoint
from motor_ingesta.storage.lake import exists
from motor_ingesta.tables import delta
from motor_ingesta.tables.delta import TypesDifferError
from motor_ingesta.tables.layout import RunContext
from support.homes import KILL_STEP, Home, Killed, Killer, catalog_of, csv_source
from support.operations import killed_at_each_write

DAY = dt.datetime(2026, 1, 7, 6, tzinfo=dt.UTC)


WRITES = [
    (LocalEngine, ["prepare", "append_batch", "mark_replayed"]),
    (Checkpoint, ["note_replay", "remember"]),
    (replays, ["delete_folder", "_sync_table"]),
    (replays._StagedWriter, ["add", "__exit__"]),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "a home")


class TestLines:
    def test_a_type_that_was_too_narrow(self, home: Home):
        home.land("a.csv", "plot,ha\nnorth,1.5\nsouth,2\n")
        home.run(csv_source("INT"))
        assert home.bronze("plot", "ha") == [("south", 2)]
        done = home.replay(csv_source("DOUBLE"))
        assert (done.tried, done.replayed, done.rows, done.still_quarantined) == (1, 1, 1, 0)
        assert home.bronze("plot", "ha") == [("north", 1.5), ("south", 2.0)]
        assert home.open_rows() == []
        assert home.is_clean(csv_source("DOUBLE"))

    def test_origin_and_run_are_told(self, home: Home):
        file = home.land("a.csv", "plot,ha\nnorth,1.5\n")
        home.run(csv_source("INT"))
        home.replay(csv_source())
        (row,) = home.rows(home.lake.bronze(home.name))
        (old,) = home.rows(home.lake.quarantine(home.name))
        assert row["_source_file"] == old["_source_file"] == f"file:{file}".replace(" ", "%20")
        assert row["_source_size"] == file.stat().st_size
        assert row["_run_id"] == old["_replayed_by"] != old["_run_id"]
        assert row["_ingested_at"] == old["_replayed_at"]

    def test_what_is_still_invalid_stays(self, home: Home):
        home.land("a.csv", "plot,ha\nnorth,1.5\nsouth,many\nwest\n")
        home.run(csv_source("INT"))
        done = home.replay(csv_source())
        assert (done.tried, done.replayed, done.still_quarantined) == (3, 1, 2)
        assert {row["_raw"] for row in home.open_rows()} == {b"south,many", b"west"}
        again = home.replay(csv_source())
        assert (again.tried, again.replayed, again.rows) == (2, 0, 0)
        assert not exists(f"{home.checkpoint.uri}/staged/000000001")

    def test_nothing_to_replay(self, home: Home):
        assert home.replay(csv_source()).tried == 0
        home.land("a.csv", "plot,ha\nnorth,1\n")
        home.run(csv_source())
        assert home.replay(csv_source()).tried == 0

    def test_equal_lines_come_as_often_as_they_are(self, home: Home):
        home.land("a.csv", "plot,ha\n" + 3 * "north,1.5\n")
        home.run(csv_source("INT"))
        done = home.replay(csv_source())
        assert (done.tried, done.replayed, done.rows) == (3, 3, 3)
        assert home.open_rows() == []

    def test_many_lines_in_many_blocks(self, home: Home, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(replays, "_BLOCK_ROWS", 500)
        home.land("a.csv", "plot,ha\n" + "".join(f"p{n},{n}.5\n" for n in range(2_000)))
        home.run(csv_source("INT"))
        assert home.replay(csv_source()).replayed == 2_000
        expected = sorted((f"p{n}", n + 0.5) for n in range(2_000))
        assert home.bronze("plot", "ha") == expected

    def test_rescue_keeps_unknown_fields_and_ignore_drops_them(self, home: Home):
        source = 'kind: files, format: json, schema: "plot STRING, ha {}"'
        home.land("a.json", '{"plot": "north", "ha": 1.5, "soil": "clay"}\n')
        home.run(source.format("INT"), "ignore")
        assert home.replay(source.format("DOUBLE"), "rescue").replayed == 1
        (row,) = home.rows(home.lake.bronze(home.name))
        assert json.loads(row["_rescued_data"]) == {"soil": "clay"}

    def test_evolve_does_not_grow_by_a_replay(self, home: Home):
        home.land("a.json", '{"plot": "north", "soil": "clay"\n')
        plain = 'kind: files, format: json, schema: "plot STRING"'
        home.run(plain, "evolve")
        quarantine = home.lake.quarantine(home.name)
        table = delta.open_table(quarantine)
        table.update({"_raw": 'CAST(\'{"plot": "north", "soil": "clay"}\' AS BYTEA)'})
        assert home.replay(plain, "evolve").replayed == 1
        assert "soil" not in home.rows(home.lake.bronze(home.name))[0]

    def test_bytes_in_the_encoding_of_the_source(self, home: Home):
        options = 'options: {{header: "true", encoding: {}}}'
        source = f'kind: files, format: csv, schema: "plot STRING, ha DOUBLE", {options}'
        home.land("a.csv", "plot,ha\nPeñón,1\n".encode("windows-1252"))
        home.run(source.format("UTF-8"))
        assert [row["_reason"] for row in home.open_rows()] == ["invalid_encoding"]
        assert home.replay(source.format("windows-1252")).replayed == 1
        assert home.bronze("plot", "ha") == [("Peñón", 1.0)]

    @pytest.mark.parametrize("form", ["parquet", "avro"])
    def test_typed_rows(self, home: Home, form: str):
        rows = [{"plot": "north", "ha": 1.5}, {"plot": "south", "ha": 2.0}]
        home.landing.mkdir(parents=True)
        if form == "parquet":
            parquet.write_table(pa.Table.from_pylist(rows), home.landing / "a.parquet")
        else:
            fields = [{"name": "plot", "type": "string"}, {"name": "ha", "type": "double"}]
            schema = {"type": "record", "name": "plots", "fields": fields}
            with (home.landing / "a.avro").open("wb") as file:
                fastavro.writer(file, schema, rows)
        source = f'kind: files, format: {form}, schema: "plot STRING, ha {{}}"'
        home.run(source.format("INT"), "ignore")
        assert home.bronze("plot", "ha") == [("south", 2)]
        assert home.replay(source.format("DOUBLE"), "ignore").replayed == 1
        assert home.bronze("plot", "ha") == [("north", 1.5), ("south", 2.0)]


class TestHeaders:
    "Columns are those of the file's header, in its order; never those of the catalog."

    SWAPPED = "ha,plot\n1.5,7\n2,8\n"
    EXPECTED = [("7", 1.5), ("8", 2.0)]

    def test_header_of_the_file_in_landing(self, home: Home):
        home.land("a.csv", self.SWAPPED)
        home.run(csv_source("INT"))
        home.replay(csv_source())
        assert home.bronze("plot", "ha") == self.EXPECTED

    @pytest.mark.parametrize("action", ["archive", "delete, after_days: 0"])
    def test_header_of_a_file_that_left(self, home: Home, action: str):
        more = f", after_ingest: {{action: {action}}}"
        file = home.land("a.csv", self.SWAPPED)
        packed = home.land("b.csv.gz", gzip.compress(b"plot,ha\n9,3.5\n"))
        home.run(csv_source("INT", more))
        assert not file.exists()
        assert not packed.exists()
        assert home.replay(csv_source("DOUBLE", more)).replayed == 2
        assert home.bronze("plot", "ha") == [*self.EXPECTED, ("9", 3.5)]

    def test_header_that_is_nowhere(self, home: Home):
        file = home.land("a.csv", self.SWAPPED)
        home.run(csv_source("INT"))
        file.unlink()
        done = home.replay(csv_source())
        assert (done.replayed, done.still_quarantined) == (0, 1)
        assert "need their header, and it is nowhere" in done.notes[0]
        assert "a.csv" in done.notes[0]

    def test_another_file_under_the_same_name(self, home: Home):
        file = home.land("a.csv", self.SWAPPED)
        home.run(csv_source("INT"))
        file.write_text("plot,ha\n1.5,7\n2,8\n")  # as many bytes
        os.utime(file, (0, 0))
        assert home.replay(csv_source()).replayed == 0

    def test_deleted_and_landed_again_under_the_same_name(self, home: Home):
        more = ", after_ingest: {action: delete, after_days: 0}"
        home.land("a.csv", self.SWAPPED)
        home.run(csv_source("INT", more))
        home.land("a.csv", "plot,ha\nnine,9\nten,10\neleven,11\n")
        assert home.replay(csv_source("DOUBLE", more)).replayed == 1
        assert ("7", 1.5) in home.bronze("plot", "ha")

    def test_files_with_different_headers_in_one_block(self, home: Home):
        home.land("a.csv", self.SWAPPED)
        home.land("b.csv", "plot,ha\n9,3.5\n")
        home.run(csv_source("INT"))
        assert home.replay(csv_source()).replayed == 2
        assert home.bronze("plot", "ha") == [*self.EXPECTED, ("9", 3.5)]

    def test_without_headers_the_catalog_names_the_columns(self, home: Home):
        source = 'kind: files, format: csv, schema: "plot STRING, ha {}"'
        file = home.land("a.csv", "north,1.5\n")
        home.run(source.format("INT"))
        file.unlink()
        assert home.replay(source.format("DOUBLE")).replayed == 1

    def test_a_home_that_was_moved(self, home: Home, tmp_path: Path):
        home.land("a.csv", self.SWAPPED)
        home.run(csv_source("INT"))
        home.root.rename(tmp_path / "new home")
        moved = Home(tmp_path / "new home")
        assert moved.replay(csv_source()).replayed == 1
        assert moved.bronze("plot", "ha") == self.EXPECTED


class TestWholeFiles:
    def test_a_file_that_was_mended_in_place(self, home: Home):
        file = home.land("a.csv", "")
        home.run(csv_source())
        assert [row["_reason"] for row in home.open_rows()] == ["empty_file"]
        assert home.replay(csv_source()).replayed == 0
        file.write_text("plot,ha\nnorth,1.5\nsouth,many\nwest,3\n")
        done = home.replay(csv_source())
        assert (done.tried, done.replayed, done.rows) == (1, 1, 2)
        assert home.bronze("plot", "ha") == [("north", 1.5), ("west", 3.0)]
        assert [row["_raw"] for row in home.open_rows()] == [b"south,many"]
        assert home.is_clean(csv_source())
        home.run(csv_source())
        assert len(home.bronze("plot")) == 2

    def test_a_file_that_breaks_off_late(self, home: Home):
        content = gzip.compress("".join(f'{{"plot": "p{n}"}}\n' for n in range(900_000)).encode())
        file = home.land("a.json.gz", b"")
        source = 'kind: files, format: json, schema: "plot STRING"'
        home.run(source)
        file.write_bytes(content[: len(content) * 9 // 10])
        assert home.replay(source).replayed == 0
        assert home.bronze("plot") == []
        assert [row["_reason"] for row in home.open_rows()] == ["empty_file"]

    def test_a_file_that_is_gone(self, home: Home):
        file = home.land("a.csv", "")
        home.run(csv_source())
        file.unlink()
        done = home.replay(csv_source())
        assert done.replayed == 0
        assert "not in landing any more" in done.notes[0]

    def test_a_file_that_changes_meanwhile(self, home: Home, monkeypatch: pytest.MonkeyPatch):
        file = home.land("a.csv", "")
        home.run(csv_source())
        file.write_text("plot,ha\nnorth,1\n")
        monkeypatch.setattr(replays, "changed_files", lambda files: files)
        with pytest.raises(replays.FilesChangedError):
            home.replay(csv_source())
        assert home.checkpoint.replays() == []


class TestSelection:
    @pytest.fixture
    def three(self, home: Home) -> Home:
        home.land("a.csv", "plot,ha\nnorth,1.5\nwest\n")
        home.land("b.csv", "plot,ha\nsouth,2.5\n")
        home.run(csv_source("INT"))
        return home

    @pytest.mark.parametrize(
        ("selection", "tried"),
        [
            ({}, 3),
            ({"reasons": ("schema_mismatch",)}, 2),
            ({"reasons": ["malformed_csv"]}, 1),
            ({"files": "%/b.csv"}, 1),
            ({"files": "%/_.csv", "reasons": ("schema_mismatch",)}, 2),
            ({"since": dt.date(2000, 1, 1), "until": dt.date(2001, 1, 1)}, 0),
            ({"since": dt.date(2000, 1, 1)}, 3),
        ],
    )
    def test_chosen_rows(self, three: Home, selection: dict, tried: int):
        done = three.replay(csv_source("INT"), **selection)
        assert (done.tried, done.replayed) == (tried, 0)

    def test_only_chosen_rows_come_to_bronze(self, three: Home):
        assert three.replay(csv_source(), files="%/b.csv").replayed == 1
        assert three.bronze("plot") == [("south",)]
        assert three.replay(csv_source()).replayed == 1
        assert three.bronze("plot") == [("north",), ("south",)]

    def test_files_have_no_topic(self, three: Home):
        with pytest.raises(SelectionError, match="no column _topic"):
            three.replay(csv_source(), topic="plots")


class TestBronzeThatCannotTakeThem:
    def test_nothing_is_on_record(self, home: Home):
        home.land("a.csv", "plot,ha\nnorth,1.5\nsouth,2\n")
        home.run(csv_source("INT"))
        with pytest.raises(TypesDifferError):
            home.replay(csv_source("STRING"))
        assert home.checkpoint.replays() == []
        assert home.bronze("plot") == [("south",)]
        assert len(home.open_rows()) == 1


class TestKilled:
    "Killed at any write, and gone on with by the next run or the next replay."

    CONTENT = "plot,ha\nnorth,1.5\nsouth,2\nwest\n"
    EXPECTED = [("east", 4.0), ("north", 1.5), ("south", 2.0)]

    def prepared(self, root: Path) -> Home:
        home = Home(root)
        home.land("a.csv", self.CONTENT)
        mended = home.land("b.csv", "")
        home.run(csv_source("INT"))
        mended.write_text("plot,ha\neast,4\nodd\n")
        return home

    def check(self, home: Home) -> None:
        assert home.bronze("plot", "ha") == self.EXPECTED
        assert sorted(row["_raw"] for row in home.open_rows()) == [b"odd", b"west"]
        assert home.is_clean(csv_source())
        states = {noted["state"] for noted in home.checkpoint.replays()}
        assert states == {"done"}

    def test_at_each_write(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        killer = Killer(monkeypatch, WRITES)
        counted = self.prepared(tmp_path / "counted")
        with killer.armed(-1):
            counted.replay(csv_source())
        self.check(counted)
        moments = killer.calls
        assert moments > 15
        for moment in range(0, moments, KILL_STEP):
            home = self.prepared(tmp_path / f"home {moment}")
            with killer.armed(moment), pytest.raises(Killed):
                home.replay(csv_source())
            if moment % 4 < 2:
                home.run(csv_source())
            home.replay(csv_source())
            self.check(home)

    def test_checkpoint_that_was_set_back(self, home: Home):
        "A number that a table has is not given again, or the rows would be skipped."
        home.land("a.csv", "plot,ha\nnorth,1.5\nsouth,9.5x\n")
        home.run(csv_source("INT"))
        home.replay(csv_source())
        Path(home.checkpoint.uri, "replays/000000000.json").unlink()
        table = delta.open_table(home.lake.quarantine(home.name))
        table.update({"_raw": "CAST('south,9.5' AS BYTEA)"}, predicate="_replayed_at IS NULL")
        assert home.replay(csv_source()).rows == 1
        assert home.bronze("plot", "ha") == [("north", 1.5), ("south", 9.5)]

    def test_staged_rows_that_are_gone(self, home: Home):
        home.land("a.csv", "plot,ha\nnorth,1\n")
        home.run(csv_source())
        noted = {"number": 0, "state": "staged", "run_id": "x", "at": DAY.isoformat(), "files": []}
        home.checkpoint.note_replay(noted)
        with pytest.raises(ReplayLostError, match="are gone"):
            home.replay(csv_source())


class TestOldForm:
    "A replay that a version before 2 had staged: two Delta tables, with absolute paths."

    def test_is_finished(self, home: Home):
        file = home.land("a.csv", "plot,ha\nnorth,1.5\nsouth,2\nwest\n")
        mended = home.land("b.csv", "")
        home.run(csv_source("INT"))
        old = {row["_reason"]: row for row in home.open_rows()}
        mended.write_text("plot,ha\neast,4\nodd\n")
        self._stage(home, old, file, mended)
        noted = {"number": 0, "state": "staged", "run_id": "old", "at": DAY.isoformat()}
        status = mended.stat()
        noted["files"] = [[str(mended), status.st_size, status.st_mtime_ns]]
        home.checkpoint.note_replay(noted)
        dataset = catalog_of(csv_source()).datasets[0]
        scope = DatasetScope(home.lake, dataset, home.checkpoint, LocalEngine())
        assert finish_replay(scope) == 2
        assert home.bronze("plot", "ha") == [("east", 4.0), ("north", 1.5), ("south", 2.0)]
        assert sorted(row["_raw"] for row in home.open_rows()) == [b"odd", b"west"]
        assert home.checkpoint.replays()[0]["state"] == "done"
        assert not exists(f"{home.checkpoint.uri}/staged/000000000")

    def _stage(self, home: Home, old: dict, file: Path, mended: Path) -> None:
        staging = f"{home.checkpoint.uri}/staged/000000000"
        stamp = {"_ingested_at": DAY, "_run_id": "old", "ingestion_date": DAY.date()}
        origin = ["_source_file", "_source_size", "_source_modified_at"]
        line, whole = old["schema_mismatch"], old["empty_file"]
        data = pa.schema([("plot", pa.string()), ("ha", pa.float64())])
        keys = pa.schema([("_key_raw", pa.binary()), ("_whole", pa.bool_())])
        bronze = delta.table_schema(delta.open_table(home.lake.bronze(home.name)))
        schema = pa.schema([*data, *list(bronze)[2:], *keys])
        rows = [
            {"plot": "north", "ha": 1.5, "_key_raw": line["_raw"], "_whole": False}
            | {name: line[name] for name in origin}
            | stamp,
            {"plot": "east", "ha": 4.0, "_key_raw": b"east,4", "_whole": True}
            | {name: whole[name] for name in origin}
            | stamp,
        ]
        write_deltalake(f"{staging}/good", pa.Table.from_pylist(rows, schema))
        quarantine = delta.table_schema(delta.open_table(home.lake.quarantine(home.name)))
        bad = [{"_reason": "malformed_csv", "_raw": b"odd"} | stamp]
        bad[0] |= {name: whole[name] for name in origin}
        write_deltalake(f"{staging}/bad", pa.Table.from_pylist(bad, quarantine))


AVRO = {
    1: json.dumps({"type": "record", "name": "o", "fields": [{"name": "id", "type": "string"}]}),
    2: json.dumps(
        {
            "type": "record",
            "name": "o",
            "fields": [{"name": "id", "type": "string"}, {"name": "n", "type": "int"}],
        }
    ),
}


class Registry:
    "A registry in memory, of one subject."

    def __init__(self, *ids: int):
        self.ids = ids

    def schema(self, schema_id: int) -> str:
        if schema_id not in self.ids:
            raise SchemaNotFoundError("unknown", fix="register it")
        return AVRO[schema_id]

    def writers(self, subject: str) -> dict[int, str]:
        return {number: AVRO[number] for number in self.ids}


class TestTopics:
    "Kafka records, from the bytes that the quarantine has. There is no broker."

    def dataset(self, value: str) -> Dataset:
        return catalog_of(f"kind: kafka, topic: orders, value: {{{value}}}", "ignore").datasets[0]

    def source(self, home: Home, value: str, registry: Registry | None = None) -> TopicSource:
        kafka = KafkaConnection(bootstrap_servers="127.0.0.1:1")
        connections = Connections(kafka=kafka)
        return TopicSource(self.dataset(value), home.lake, connections, lambda: registry)

    def ingest(self, home: Home, source: TopicSource, values: list[bytes | None]) -> None:
        "What a batch would have written."
        records = pa.table(
            {
                "topic": ["orders"] * len(values),
                "partition": pa.array([0] * len(values), pa.int32()),
                "offset": pa.array(range(10, 10 + len(values)), pa.int64()),
                "timestamp": pa.array([DAY] * len(values), pa.timestamp("ms", "UTC")),
                "key": pa.array([b"k"] * len(values), pa.binary()),
                "headers": pa.array(
                    [[("h", b"\xff")]] * len(values),
                    source.layout.origin.field("_headers").type,
                ),
                "value": pa.array(values, pa.binary()),
            }
        )
        batch = Batch(0, offsets={"orders": {"0": [10, 10 + len(values)]}})
        plan = lenient_plan(source.dataset, source, batch)
        reader = source.reader(plan, RunContext("run-1", DAY), batch)
        chunk = reader.read_records(records)
        engine = LocalEngine()
        uris = {
            home.lake.bronze(home.name): chunk.bronze,
            home.lake.quarantine(home.name): chunk.quarantine,
        }
        for uri, rows in uris.items():
            target = TableTarget(uri, rows.schema)
            engine.prepare(target)
            identity = source.checkpoint.identity
            engine.append_batch(target, rows.to_batches, identity, 0, "run-1")

    def replay(self, home: Home, source: TopicSource, **selection):
        context = RunContext("run-2", DAY)
        return replay(
            home.lake, source.dataset, source, LocalEngine(), Selection(**selection), context
        )

    def test_json_values(self, home: Home):
        value = 'format: json, schema: "id STRING, n {}"'
        values = [b'{"id": "a", "n": 1}', b'{"id": "b", "n": 1.5}', b"oops", None]
        self.ingest(home, self.source(home, value.format("INT")), values)
        done = self.replay(home, self.source(home, value.format("DOUBLE")))
        assert (done.tried, done.replayed, done.rows) == (3, 1, 1)
        assert home.bronze("id", "n", "_offset", "_key") == [
            ("a", 1.0, 10, "k"),
            ("b", 1.5, 11, "k"),
        ]
        headers = {
            row["_offset"]: row["_headers"] for row in home.rows(home.lake.bronze(home.name))
        }
        assert headers[11] == [{"key": "h", "value": b"\xff"}]
        assert sorted(row["_offset"] for row in home.open_rows()) == [12, 13]

    def test_selected_offsets(self, home: Home):
        value = 'format: json, schema: "id STRING, n {}"'
        values = [b'{"id": "%d", "n": 1.5}' % n for n in range(4)]
        self.ingest(home, self.source(home, value.format("INT")), values)
        source = self.source(home, value.format("DOUBLE"))
        assert self.replay(home, source, topic="orders", partition=0, offsets=(11, 13)).rows == 2
        assert home.bronze("_offset") == [(11,), (12,)]
        assert self.replay(home, source, topic="other").tried == 0

    def test_schema_ids_that_the_registry_knows_now(self, home: Home):
        def framed(schema_id: int, record: dict) -> bytes:
            out = _Bytes()
            fastavro.schemaless_writer(out, json.loads(AVRO[schema_id]), record)
            return struct.pack(">bI", 0, schema_id) + out.content

        value = f"format: avro, schema: {json.dumps(AVRO[2])}"
        values = [framed(2, {"id": "a", "n": 1}), framed(1, {"id": "b"}), b"\x07"]
        self.ingest(home, self.source(home, value, Registry(2)), values)
        reasons = {row["_offset"]: row["_reason"] for row in home.open_rows()}
        assert reasons == {11: "unknown_schema_id", 12: "truncated_message"}
        with_default = json.loads(AVRO[2])
        with_default["fields"][1]["default"] = 7
        value = f"format: avro, schema: {json.dumps(json.dumps(with_default))}"
        done = self.replay(home, self.source(home, value, Registry(1, 2)))
        assert (done.replayed, done.still_quarantined) == (1, 1)
        assert home.bronze("id", "n", "_schema_id") == [("a", 1, 2), ("b", 7, 1)]


class _Bytes(SimpleNamespace):
    content = b""

    def write(self, data: bytes) -> None:
        self.content += data


class TestChosenRows:
    "Rows that are ticked, or chosen by a condition, and what would come of them."

    @pytest.fixture
    def four(self, home: Home) -> Home:
        home.land("a.csv", "plot,ha\nnorth,1.5\nwest\neast,2.5\n")
        home.land("b.csv", "plot,ha\nsouth,3.5\n")
        home.run(csv_source("INT"))
        return home

    def ids(self, home: Home) -> dict[bytes, str]:
        rows = home.rows(home.lake.quarantine(home.name))
        found = replays.row_ids(pa.Table.from_pylist(rows))
        return dict(zip((row["_raw"] for row in rows), found, strict=True))

    def test_by_id(self, four: Home):
        ids = self.ids(four)
        chosen = (ids[b"north,1.5"], ids[b"south,3.5"])
        done = four.replay(csv_source(), ids=chosen)
        assert (done.tried, done.replayed) == (2, 2)
        assert four.bronze("plot") == [("north",), ("south",)]

    def test_ids_tell_equal_lines_of_two_files_apart(self, home: Home):
        home.land("a.csv", "plot,ha\nnorth,1.5\n")
        home.land("b.csv", "plot,ha\nnorth,1.5\n")
        home.run(csv_source("INT"))
        rows = home.rows(home.lake.quarantine(home.name))
        first, second = replays.row_ids(pa.Table.from_pylist(rows))
        assert first != second
        assert home.replay(csv_source(), ids=(first,)).replayed == 1

    def test_a_whole_file_by_id(self, home: Home):
        file = home.land("a.csv", "")
        home.run(csv_source())
        file.write_text("plot,ha\nnorth,1\n")
        (chosen,) = self.ids(home).values()
        assert home.replay(csv_source(), ids=("other",)).tried == 0
        assert home.replay(csv_source(), ids=(chosen,)).rows == 1

    def test_by_a_condition(self, four: Home):
        done = four.replay(csv_source(), where="_source_file LIKE '%b.csv' OR _reason = 'x'")
        assert (done.tried, done.replayed) == (1, 1)

    @pytest.mark.parametrize("where", ["nothing = 1", "_reason LIKE", "1 = 1) OR (DROP"])
    def test_a_condition_that_cannot_be_used(self, four: Home, where: str):
        with pytest.raises(SelectionError, match="cannot be used"):
            four.replay(csv_source(), where=where)

    def test_what_would_come_of_it(self, four: Home):
        versions = self.versions(four)
        found = four.replay(csv_source(), dry_run=True)
        assert (found.tried, found.replayed, found.rows) == (4, 3, 3)
        assert sorted(row["ha"] for row in found.bronze) == [1.5, 2.5, 3.5]
        assert found.reasons == {"malformed_csv": 1}
        assert [row["raw"] for row in found.still] == [b"west"]
        assert self.versions(four) == versions
        assert len(four.open_rows()) == 4
        assert four.checkpoint.replays() == []
        assert not exists(f"{four.checkpoint.uri}/staged/preview")

    def versions(self, home: Home) -> list[int]:
        uris = (home.lake.bronze(home.name), home.lake.quarantine(home.name))
        return [delta.open_table(uri).version() for uri in uris]

    def test_the_preview_is_what_a_replay_does(self, four: Home):
        chosen = tuple(self.ids(four).values())[:2]
        found = four.replay(csv_source(), dry_run=True, ids=chosen)
        done = four.replay(csv_source(), ids=chosen)
        assert (found.tried, found.replayed, found.rows) == (done.tried, done.replayed, done.rows)

    def test_killed_at_each_write(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        def prepare(home: Home) -> None:
            home.land("a.csv", "plot,ha\nnorth,1.5\nwest\neast,2.5\n")
            home.run(csv_source("INT"))

        def some(home: Home) -> None:
            rows = home.rows(home.lake.quarantine(home.name))
            north = [row for row in rows if row["_raw"] == b"north,1.5"]
            home.replay(csv_source(), ids=tuple(replays.row_ids(pa.Table.from_pylist(north))))

        for home, moment in killed_at_each_write(tmp_path, monkeypatch, prepare, some):
            some(home)
            assert home.bronze("plot", "ha") == [("north", 1.5)], moment
            assert sorted(r["_raw"] for r in home.open_rows()) == [b"east,2.5", b"west"], moment
            assert home.is_clean(csv_source()), moment
