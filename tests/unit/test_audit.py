"""The audit finds what is missing, twice or wrong, in small tables that these tests write."""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import fastavro
import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from motor_ingesta.catalog.models import Connections, Dataset, KafkaConnection, parse_catalog
from motor_ingesta.operations import audit_topics as audits
from motor_ingesta.operations.audit import (
    Audit,
    AuditReport,
    audit_files,
    audit_topics,
    complete_offsets,
)
from motor_ingesta.operations.audit_counts import count_elements
from motor_ingesta.operations.audit_offsets import OffsetRuns
from motor_ingesta.operations.audit_values import parse_json, same_json
from motor_ingesta.sources.kafka import Ends
from motor_ingesta.storage.checkpoint import Checkpoint
from motor_ingesta.storage.lake import Lake, LandedFile
from motor_ingesta.tables.layout import Layout, source_uri

DAY = dt.datetime(2026, 1, 7, 6, tzinfo=dt.UTC)


def dataset_of(source: str, schema_changes: str = "rescue") -> Dataset:
    "A dataset `iot/devices` with this source, in YAML."
    text = (
        "datasets: [{datasource: iot, dataset: devices, "
        f"schema_changes: {schema_changes}, source: {source}}}]"
    )
    return parse_catalog(text).datasets[0]


JSON_LINES = dataset_of('{kind: files, format: json, schema: "id STRING, charge DOUBLE"}')


@dataclass
class Home:
    "A home whose tables the tests write as an ingestion would."

    root: Path
    dataset: Dataset = field(default_factory=lambda: JSON_LINES)
    batch: int = 0

    @property
    def lake(self) -> Lake:
        return Lake(self.root)

    @property
    def folder(self) -> Path:
        return Path(self.lake.landing(self.dataset.name), "2026/01/07")

    @property
    def bronze(self) -> str:
        return self.lake.bronze(self.dataset.name)

    @property
    def quarantine(self) -> str:
        return self.lake.quarantine(self.dataset.name)

    def land(self, name: str, content: bytes) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def write(self, uri: str, schema: pa.Schema, rows: list[dict], at: dt.datetime) -> None:
        stamp = {"_ingested_at": at, "_run_id": f"run-{at}", "ingestion_date": at.date()}
        table = pa.Table.from_pylist([stamp | row for row in rows], schema)
        write_deltalake(uri, table, mode="append", partition_by=["ingestion_date"])

    def write_rows(
        self,
        file: Path,
        columns: pa.Schema,
        rows: list[dict],
        rejected: list[tuple[str, bytes | None]] = (),
        at: dt.datetime = DAY,
    ) -> None:
        "Rows of a file in bronze, and rejected ones in the quarantine."
        layout = Layout.for_files()
        origin = {"_source_file": source_uri(str(file)), "_source_size": file.stat().st_size}
        bad = [{"_reason": reason, "_raw": raw} | origin for reason, raw in rejected]
        good = [origin | row for row in rows]
        self.write(self.bronze, layout.bronze_schema(columns), good, at)
        self.write(self.quarantine, layout.quarantine_schema(), bad, at)

    def commit(self, *files: Path, at: dt.datetime = DAY) -> None:
        "Record a batch in the checkpoint."
        landing = self.lake.landing(self.dataset.name)
        log = Checkpoint(self.lake.checkpoint(self.dataset.name), landing, self.dataset.name)
        landed = [LandedFile(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
        log.commit(log.begin(files=landed), at)

    def ingest(self, name: str, content: bytes, at: dt.datetime = DAY) -> Path:
        "Land JSON lines and ingest them; lines that are no JSON object are rejected."
        file = self.land(name, content)
        lines = [line for line in content.split(b"\n") if line.strip()]
        good = [json.loads(line) for line in lines if line.startswith(b"{")]
        bad = [("malformed_json", line) for line in lines if not line.startswith(b"{")]
        if not content:
            bad = [("empty_file", b"")]
        columns = pa.schema([("id", pa.string()), ("charge", pa.float64())])
        self.write_rows(file, columns, good, bad, at)
        self.commit(file, at=at)
        return file

    def audit(self, **options) -> Audit:
        return audit_files(self.lake, self.dataset, **options)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "a home")


TWO_ROWS = b'{"id": "d1", "charge": 70.5}\n{"id": "d2"}\n'


def later(hours: int) -> dt.datetime:
    return DAY + dt.timedelta(hours=hours)


def differences(audit: Audit) -> list[tuple[str, int, int]]:
    return [(Path(d.where).name, d.missing, d.twice) for d in audit.differences]


class TestIncremental:
    def test_counts_files_of_every_kind(self, home: Home):
        home.ingest("a 1%.json", TWO_ROWS)
        home.ingest("bad.json", b"oops\n" + TWO_ROWS)
        home.ingest("empty.json", b"")
        home.land("new.json", b"{}\n")
        audit = home.audit()
        assert (audit.checked, audit.expected, audit.found, audit.pending) == (3, 6, 6, 1)
        assert (audit.differences, audit.wrong, audit.notes) == ([], [], [])
        assert audit.compared == 5
        assert len(audit.complete) == 3

    def test_complete_files_are_not_counted_again(self, home: Home):
        home.ingest("a.json", TWO_ROWS, DAY)
        home.ingest("b.json", TWO_ROWS, later(1))
        assert home.audit().checked == 2
        assert home.audit().checked == 1  # the rows of the last time may not be all there yet
        assert home.audit(everything=True).checked == 2

    def test_rows_of_a_complete_file_that_come_twice(self, home: Home):
        file = home.ingest("a.json", TWO_ROWS, DAY)
        home.ingest("b.json", TWO_ROWS, later(1))
        home.audit()
        columns = pa.schema([("id", pa.string()), ("charge", pa.float64())])
        home.write_rows(file, columns, [{"id": "d1"}], at=later(2))
        home.ingest("c.json", TWO_ROWS, later(3))
        for _ in range(2):  # an audit that finds a difference remembers nothing
            assert differences(home.audit()) == [("a.json", 0, 1)]

    def test_batch_that_was_killed_between_its_two_commits(self, home: Home):
        columns = pa.schema([("id", pa.string()), ("charge", pa.float64())])
        file = home.land("two.json", b'{"id": "d1"}\noops\n')
        home.write_rows(file, columns, [{"id": "d1"}], at=DAY)
        home.write_rows(file, columns, [], [("malformed_json", b"oops")], at=later(5))
        home.commit(file, at=later(5))
        for hours in (6, 7):
            assert home.audit().differences == []
            home.ingest(f"{hours}.json", TWO_ROWS, later(hours))
        assert home.audit().differences == []

    def test_replay_of_a_row_and_of_a_whole_file(self, home: Home):
        row = home.ingest("row.json", b"oops\n" + TWO_ROWS, DAY)
        whole = home.land("whole.json", TWO_ROWS)
        columns = pa.schema([("id", pa.string()), ("charge", pa.float64())])
        home.write_rows(whole, columns, [], [("unreadable_file", b"")], at=DAY)
        home.commit(whole)
        home.ingest("next.json", TWO_ROWS, later(1))
        assert home.audit().differences == []
        at = later(30)  # the next day
        home.write_rows(row, columns, [{"id": "mended"}], at=at)
        home.write_rows(whole, columns, [json.loads(x) for x in TWO_ROWS.splitlines()], at=at)
        DeltaTable(home.quarantine).update(
            {"_replayed_at": f"CAST('{at.isoformat()}' AS TIMESTAMP)"}
        )
        audit = home.audit()
        assert (audit.differences, audit.notes) == ([], [])
        assert audit.checked == 3
        assert home.audit(everything=True).differences == []

    def test_replaced_file_is_named(self, home: Home):
        home.ingest("a.json", TWO_ROWS)
        home.land("a.json", TWO_ROWS + b"{}\n")
        audit = home.audit()
        assert "it was replaced" in audit.notes[0]
        assert audit.differences == []

    def test_file_that_left_landing_is_named(self, home: Home):
        home.ingest("a.json", TWO_ROWS).unlink()
        assert "1 ingested files are not in landing any more" in home.audit().notes[0]

    def test_archived_file_is_counted_where_it_is(self, home: Home):
        file = home.ingest("a.json", TWO_ROWS)
        archive = Path(home.lake.archive("iot/devices"), "2026/01/07")
        archive.mkdir(parents=True)
        file.rename(archive / "a.json")
        assert (home.audit().checked, home.audit().notes) == (1, [])

    def test_new_checkpoint_voids_the_memory(self, home: Home):
        home.ingest("a.json", TWO_ROWS)
        home.ingest("b.json", TWO_ROWS, later(1))
        home.audit()
        shutil.rmtree(home.lake.checkpoint("iot/devices"))
        home.commit(*home.folder.iterdir(), at=later(2))
        assert home.audit().checked == 2


class TestTables:
    def test_deleted_quarantine_is_noticed_by_every_audit(self, home: Home):
        home.ingest("a.json", b"oops\n" + TWO_ROWS)
        home.ingest("b.json", TWO_ROWS, later(1))
        assert home.audit().is_clean
        shutil.rmtree(home.quarantine)
        for _ in range(2):
            audit = home.audit()
            assert differences(audit) == [("a.json", 1, 0)]
            assert "quarantine table" in audit.notes[0]

    def test_quarantine_that_was_made_again_is_noticed(self, home: Home):
        home.ingest("a.json", b"oops\n" + TWO_ROWS)
        assert home.audit().is_clean
        shutil.rmtree(home.quarantine)
        home.ingest("b.json", TWO_ROWS, later(1))
        home.ingest("c.json", TWO_ROWS, later(2))
        audit = home.audit()
        assert differences(audit) == [("a.json", 1, 0)]
        assert "was made again since the last audit" in audit.notes[0]

    def test_deleted_bronze_is_noticed(self, home: Home):
        home.ingest("a.json", TWO_ROWS)
        home.ingest("b.json", TWO_ROWS, later(1))
        assert home.audit().is_clean
        shutil.rmtree(home.bronze)
        assert differences(home.audit()) == [("a.json", 2, 0), ("b.json", 2, 0)]

    def test_rows_deleted_behind_the_engine_are_noticed(self, home: Home):
        home.ingest("a.json", TWO_ROWS)
        home.ingest("b.json", TWO_ROWS, later(1))
        home.ingest("c.json", TWO_ROWS, later(2))
        assert home.audit().is_clean
        DeltaTable(home.bronze).delete("id = 'd1' AND _source_file LIKE '%a.json'")
        for _ in range(2):
            assert differences(home.audit()) == [("a.json", 1, 0)]

    def test_maintenance_is_no_reason_to_count_again(self, home: Home):
        for hours in range(3):
            home.ingest(f"{hours}.json", TWO_ROWS, later(hours))
        home.audit()
        DeltaTable(home.bronze).optimize.compact()
        assert (home.audit().checked, home.audit().notes) == (1, [])

    def test_memory_of_an_older_version_goes_on(self, home: Home):
        home.ingest("a.json", TWO_ROWS)
        home.ingest("b.json", TWO_ROWS, later(1))
        home.audit()
        state = Path(home.lake.audit("iot/devices"), "state.json")
        content = json.loads(state.read_text())
        del content["tables"]
        state.write_text(json.dumps(content))
        assert home.audit().checked == 1
        state.write_text(json.dumps(content))
        shutil.rmtree(home.quarantine)
        assert home.audit().checked == 2

    def test_moved_home_audits_to_zero(self, home: Home, tmp_path: Path):
        home.ingest("a 1%.json", b"oops\n" + TWO_ROWS)
        home.ingest("b.json", TWO_ROWS, later(1))
        home.audit()
        moved = Home(tmp_path / "elsewhere" / "iot")
        moved.root.parent.mkdir()
        home.root.rename(moved.root)
        for everything in (False, True):
            audit = moved.audit(everything=everything)
            assert (audit.differences, audit.wrong, audit.notes) == ([], [], [])
        assert audit.checked == 2
        moved.ingest("c.json", TWO_ROWS, later(2))
        assert moved.audit(everything=True).found == 7

    def test_table_whose_columns_were_widened_in_place(self, home: Home):
        home.ingest("a.json", TWO_ROWS)
        log = Path(home.bronze, "_delta_log", "00000000000000000000.json")
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        for action in actions:
            if "protocol" in action:
                features = {"readerFeatures": ["typeWidening"], "writerFeatures": ["typeWidening"]}
                versions = {"minReaderVersion": 3, "minWriterVersion": 7}
                action["protocol"] = versions | features
        log.write_text("\n".join(map(json.dumps, actions)))
        assert (home.audit().found, home.audit().is_clean) == (2, True)


def rows_of(home: Home, file: Path, schema: str, rows: list[dict], rejected=()) -> None:
    from motor_ingesta.schemas.types import parse_ddl

    home.write_rows(file, parse_ddl(schema), rows, rejected)
    home.commit(file)


class TestValues:
    "What counts alone do not show."

    def test_row_of_nulls_for_a_line_that_is_no_json(self, home: Home):
        file = home.land("a.json", b'{"id": "d1", "charge": 1}\n{"id": "a\tb", "charge": 2}\n')
        good = [{"id": "d1", "charge": 1.0}, {"id": None, "charge": None}]
        rows_of(home, file, "id STRING, charge DOUBLE", good)
        audit = home.audit()
        assert audit.differences == []
        assert [w.detail for w in audit.wrong] == [
            "a record that is not valid is not in the quarantine"
        ]
        assert AuditReport([audit]).difference == 1

    def test_field_that_was_dropped(self, home: Home):
        file = home.land("a.json", b'{"id": "d1", "site": "x"}\n')
        rows_of(home, file, "id STRING, charge DOUBLE", [{"id": "d1"}])
        assert "site: the source says 'x'" in home.audit().wrong[0].detail

    def test_rescued_fields_and_misfits(self, home: Home):
        file = home.land("a.json", b'{"id": "d1", "charge": "much", "n": 1.50, "o": {"p": 0.1}}\n')
        rescued = '{"charge": "much", "n": 1.5, "o": {"p": 0.1}}'
        rows_of(home, file, "id STRING, charge DOUBLE", [{"id": "d1", "_rescued_data": rescued}])
        assert (home.audit().wrong, home.audit().compared) == ([], 1)

    def test_what_was_asked_to_be_ignored_is_not_missed(self, tmp_path: Path):
        source = '{kind: files, format: json, schema: "id STRING, charge DOUBLE"}'
        home = Home(tmp_path, dataset_of(source, "ignore"))
        file = home.land("a.json", b'{"id": "d1", "charge": "much", "site": "x"}\n')
        rows_of(home, file, "id STRING, charge DOUBLE", [{"id": "d1"}])
        assert home.audit().wrong == []

    def test_nested_values_times_and_decimals(self, tmp_path: Path):
        schema = (
            "id STRING, at TIMESTAMP, day DATE, price DECIMAL(10, 2), "
            "tags ARRAY<STRUCT<k: STRING, n: INT>>, m MAP<STRING, INT>, raw BINARY"
        )
        source = f'{{kind: files, format: json, schema: "{schema}"}}'
        home = Home(tmp_path, dataset_of(source))
        line = {
            "id": {"a": 1},
            "at": "2026-01-07T07:00:00+01:00",
            "day": "2026-01-07",
            "price": "12.50",
            "tags": [{"k": "x", "n": 1}, None],
            "m": {"a": 1},
            "raw": "AAE=",
        }
        row = line | {
            "id": '{"a":1}',
            "at": DAY,
            "day": DAY.date(),
            "price": Decimal("12.50"),
            "m": [("a", 1)],
            "raw": b"\0\1",
        }
        file = home.land("a.json", json.dumps(line).encode() + b"\n")
        rows_of(home, file, schema, [row])
        assert (home.audit().wrong, home.audit().compared) == ([], 1)

    def test_csv_values_in_the_wrong_columns(self, tmp_path: Path):
        source = '{kind: files, format: csv, schema: "a STRING, b STRING", options: {header: true}}'
        home = Home(tmp_path, dataset_of(source))
        file = home.land("a.csv", b'b,a\nb1,a1\n"b,2",\n"bad"x,1\n')
        good = [{"a": "b1", "b": "a1"}, {"b": "b,2"}]
        rows_of(home, file, "a STRING, b STRING", good, [("malformed_csv", b'"bad"x,1')])
        audit = home.audit()
        assert audit.differences == []
        assert len(audit.wrong) == 1

    def test_csv_of_a_spreadsheet(self, tmp_path: Path):
        options = 'header: true, sep: ";", encoding: windows-1252, locale: es-ES'
        schema = "Año INT, nombre STRING, precio DECIMAL(10, 2)"
        source = f'{{kind: files, format: csv, schema: "{schema}", options: {{{options}}}}}'
        home = Home(tmp_path, dataset_of(source))
        text = 'Año;nombre;precio\r\n2026;"Peñón; ""A"""\t;1.234,5\r\n2027;;\r\n'
        file = home.land("a.csv", text.replace("\t", "").encode("windows-1252"))
        good = [
            {"Año": 2026, "nombre": 'Peñón; "A"', "precio": Decimal("1234.50")},
            {"Año": 2027},
        ]
        rows_of(home, file, schema, good)
        audit = home.audit()
        assert (audit.differences, audit.wrong, audit.compared) == ([], [], 2)

    def test_name_that_was_made_fit(self, home: Home):
        file = home.land("a.json", b'{"US Gross": 7}\n{"US Gross": 9}\n')
        rows_of(home, file, "`US Gross` BIGINT", [{"us_gross": 7}, {"us_gross": 8}])
        assert "bronze has no row" in home.audit().wrong[0].detail

    def test_the_same_source_row_needs_as_many_rows(self, home: Home):
        file = home.land("a.json", b'{"id": "d1", "charge": 1}\n' * 2)
        good = [{"id": "d1", "charge": 1.0}, {"id": "d1", "charge": 2.0}]
        rows_of(home, file, "id STRING, charge DOUBLE", good)
        assert [w.detail for w in home.audit().wrong] == [
            "charge: the source says 1, bronze has 2.0"
        ]

    def test_a_few_rows_of_a_long_file(self, home: Home):
        lines = [f'{{"id": "d{i}", "charge": {i}.5}}\n' for i in range(5000)]
        file = home.land("a.json", "".join(lines).encode())
        good = [{"id": f"d{i}", "charge": i + 0.5} for i in range(5000)]
        rows_of(home, file, "id STRING, charge DOUBLE", good)
        audit = home.audit(sample=50)
        assert (audit.expected, audit.compared, audit.wrong) == (5000, 50, [])

    def test_files_with_types(self, tmp_path: Path):
        rows = [{"n": i, "at": DAY, "name": f"x{i}", "f": i / 3} for i in range(3)]
        schema = "n INT, at TIMESTAMP, name STRING, f DOUBLE"
        wrong = [rows[0], rows[1] | {"f": 7.0}, rows[2]]
        for form in ("parquet", "avro"):
            home = Home(tmp_path / form, dataset_of(f"{{kind: files, format: {form}}}"))
            file = home.land(f"a.{form}", typed_file(form, rows))
            rows_of(home, file, schema, wrong)
            audit = home.audit()
            assert (audit.expected, audit.differences) == (3, [])
            assert len(audit.wrong) == 1, form
            assert audit.wrong[0].detail.startswith("f: the source says 0.33")


def typed_file(form: str, rows: list[dict]) -> bytes:
    stream = io.BytesIO()
    if form == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), stream)
        return stream.getvalue()
    moment = {"type": "long", "logicalType": "timestamp-micros"}
    types = {"n": "int", "at": moment, "name": "string", "f": "double"}
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    fastavro.writer(stream, {"type": "record", "name": "R", "fields": fields}, rows)
    return stream.getvalue()


# Kafka, with a broker of this test's own


class FakeMessage:
    def __init__(self, offset: int, value: bytes | None):
        self._offset, self._value = offset, value

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes | None:
        return self._value

    def error(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, int(DAY.timestamp() * 1000)


class EndOfPartition(FakeMessage):
    def error(self):
        from confluent_kafka import KafkaError

        return SimpleNamespace(code=lambda: KafkaError._PARTITION_EOF)


class FakeConsumer:
    def __init__(self, records: dict[int, bytes | None]):
        self.records, self.position = records, 0

    def assign(self, partitions) -> None:
        self.position = partitions[0].offset

    def consume(self, count: int, timeout: float) -> list[FakeMessage]:
        offsets = sorted(offset for offset in self.records if offset >= self.position)[:count]
        if not offsets:
            return [EndOfPartition(0, None)]
        self.position = offsets[-1] + 1
        return [FakeMessage(offset, self.records[offset]) for offset in offsets]

    def close(self) -> None:
        pass


@dataclass
class Topic:
    "A topic with one partition, and a dataset that reads it."

    home: Home
    records: dict[int, bytes | None]
    low: int = 0
    id: str = "id-1"

    @property
    def connections(self) -> Connections:
        return Connections(kafka=KafkaConnection(bootstrap_servers="localhost:1"))

    def consumer(self) -> FakeConsumer:
        return FakeConsumer({o: v for o, v in self.records.items() if o >= self.low})

    def ends(self, *_) -> dict[tuple[str, int], Ends]:
        return {("t", 0): Ends(self.low, max(self.records) + 1)}

    def ingest(self, offsets, at: dt.datetime = DAY, ids=True) -> None:
        self.write(offsets, at)
        log = Checkpoint(self.home.lake.checkpoint("iot/devices"), dataset="iot/devices")
        start = log.positions().get("t", {}).get("0", 0)
        known = {"t": self.id} if ids else {}
        batch = log.begin(offsets={"t": {"0": [start, max(offsets) + 1]}}, topic_ids=known)
        log.commit(batch, at)

    def write(self, offsets, at: dt.datetime = DAY) -> None:
        layout = Layout.for_kafka()
        columns = pa.schema([("n", pa.int64())])
        origin = {"_topic": "t", "_partition": 0, "_timestamp": DAY}
        good, bad = [], []
        for offset in offsets:
            value, row = self.records[offset], origin | {"_offset": offset}
            if value is None:
                bad.append(row | {"_reason": "null_value"})
            else:
                good.append(row | json.loads(value))
        self.home.write(self.home.bronze, layout.bronze_schema(columns), good, at)
        self.home.write(self.home.quarantine, layout.quarantine_schema(), bad, at)

    def audit(self, **options) -> Audit:
        return audit_topics(self.home.lake, self.home.dataset, self.connections, **options)


TOPIC = dataset_of('{kind: kafka, topic: t, value: {format: json, schema: "n BIGINT"}}')


@pytest.fixture
def topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Topic:
    records = {offset: json.dumps({"n": offset}).encode() for offset in range(10)}
    del records[4]  # a transaction's marker
    found = Topic(Home(tmp_path, TOPIC), records | {3: None})
    client = SimpleNamespace(consumer=found.consumer)
    monkeypatch.setattr(audits, "KafkaClient", lambda *_: client)
    monkeypatch.setattr(audits, "partition_ends", found.ends)
    monkeypatch.setattr(audits, "topic_ids", lambda *_: {"t": found.id})
    return found


class TestTopics:
    def test_every_offset_once(self, topic: Topic):
        topic.ingest([0, 1, 2, 3, 5, 6])
        audit = topic.audit()
        assert (audit.expected, audit.found, audit.pending) == (6, 6, 3)
        assert (audit.is_clean, audit.notes, audit.compared) == (True, [], 6)
        topic.ingest([7, 8, 9], later(1))
        assert (topic.audit().expected, topic.audit().checked) == (3, 1)

    def test_missing_and_twice(self, topic: Topic):
        topic.ingest([0, 1, 3, 5, 5, 6])
        audit = topic.audit()
        assert (audit.missing, audit.twice) == (0, 0)  # one of each, in one partition
        assert (audit.expected, audit.found) == (6, 6)

    def test_missing(self, topic: Topic):
        topic.ingest([0, 1, 3, 6])
        for _ in range(2):
            assert [(d.where, d.missing) for d in topic.audit().differences] == [("t/0 [0, 7)", 2)]
        assert complete_offsets(topic.home.lake, TOPIC, topic.connections) == {"t": {"0": [0, 2]}}

    def test_old_offsets_that_come_again(self, topic: Topic):
        topic.ingest([0, 1, 2, 3, 5, 6])
        assert topic.audit().is_clean
        topic.write([1, 2], later(1))
        topic.ingest([7, 8, 9], later(2))
        assert topic.audit().twice == 2

    def test_replayed_record(self, topic: Topic):
        topic.ingest([0, 1, 2, 3, 5, 6])
        assert topic.audit().is_clean
        at = later(30)
        topic.records[3] = b'{"n": 3}'
        topic.write([3], at)
        mark = {"_replayed_at": f"CAST('{at.isoformat()}' AS TIMESTAMP)"}
        DeltaTable(topic.home.quarantine).update(mark)
        for _ in range(3):
            assert topic.audit().is_clean
        topic.ingest([7, 8, 9], later(31))
        assert (topic.audit().is_clean, topic.audit(everything=True).is_clean) == (True, True)

    def test_what_retention_removed_is_named(self, topic: Topic):
        topic.ingest([2, 3, 5, 6])
        topic.low = 2
        audit = topic.audit()
        assert audit.is_clean
        assert "2 offsets below 2 were removed by retention" in audit.notes[0]

    @pytest.mark.parametrize("checkpoint_knows_ids", [True, False])
    def test_topic_that_was_made_again(self, topic: Topic, checkpoint_knows_ids: bool):
        topic.ingest([0, 1, 2, 3, 5, 6], ids=checkpoint_knows_ids)
        assert topic.audit().is_clean
        topic.id = "id-2"
        for _ in range(2):
            audit = topic.audit()
            assert [(d.where, d.missing) for d in audit.differences] == [("t/0 [0, 7)", 6)]
            assert "t was deleted and created again" in audit.notes[0]
            assert audit.pending == 3

    def test_wrong_value(self, topic: Topic):
        topic.ingest([0, 1, 2, 3, 5, 6])
        topic.records[5] = b'{"n": 50}'
        wrong = topic.audit().wrong
        assert [(w.where, w.detail) for w in wrong] == [("t/0/5", "n: the source says 50")]

    def test_deleted_quarantine(self, topic: Topic):
        topic.ingest([0, 1, 2, 3, 5, 6])
        assert topic.audit().is_clean
        shutil.rmtree(topic.home.quarantine)
        for _ in range(2):
            assert topic.audit().missing == 1


# What a reference says

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(st.lists(JSON_VALUES), st.integers(1, 20), st.booleans())
def test_elements_are_counted_as_json_reads_them(values: list, size: int, is_ascii: bool):
    document = json.dumps(values, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    chunks = [document[i : i + size] for i in range(0, len(document), size)]
    assert count_elements(chunks) == len(values)


@given(JSON_VALUES)
def test_a_json_value_is_itself(value):
    text = json.dumps(value)
    assert same_json(parse_json(text), parse_json(json.dumps(json.loads(text), indent=1)))


@given(st.lists(st.lists(st.integers(0, 60), max_size=20), max_size=6))
def test_offset_runs_are_a_set(parts: list[list[int]]):
    runs = OffsetRuns()
    for part in parts:
        runs.add(np.array(part, np.int64))
    offsets = {offset for part in parts for offset in part}
    missing = {offset for start, end in runs.gaps(10, 50) for offset in range(start, end)}
    assert (runs.rows, runs.distinct()) == (sum(map(len, parts)), len(offsets))
    assert missing == set(range(10, 50)) - offsets
