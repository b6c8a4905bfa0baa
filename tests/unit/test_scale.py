"The cost of a run follows what is new: listings, ledger reads, files in the plan; and tables do not fall to pieces"

import sys
import time

from motor_ingesta.sources import discovery
from motor_ingesta.storage import checkpoint
from motor_ingesta.storage import landed as landed_files
from motor_ingesta.storage.checkpoint import Checkpoint
from tools.benchmarks.growth import engine_at, land

DAY = "2027/01/01"


class Watched:
    "Counts what Python is told about: folders that are listed, files that are opened"

    def __init__(self):
        self.on, self.scanned, self.opened = False, [], []
        sys.addaudithook(lambda event, args: self._note(event, args) if self.on else None)

    def _note(self, event, args):
        if event == "os.scandir":
            self.scanned.append(str(args[0]))
        if event == "open":
            self.opened.append(str(args[0]))

    def __enter__(self):
        self.scanned.clear()
        self.opened.clear()
        self.on = True
        return self

    def __exit__(self, *exception):
        self.on = False


WATCHED = Watched()


def landed(home, files):
    "So many empty files that were ingested, a hundred a folder, long enough ago"
    root = home / "landing"
    for n in range(files):
        folder = root / f"2026/{1 + n // 100 // 25:02}/{1 + n // 100 % 25:02}"
        if n % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"{n:06}.json").touch()
    log = Checkpoint(str(home / "checkpoint"), str(root), "iot/devices")
    look(log, files)
    return log, root


def look(log, expected):
    found = discovery.FileDiscovery(log)
    new = found.discover(time.time() + 60)
    assert len(new) == expected
    if new:
        log.commit(log.begin(files=new), discovery.dt.datetime.now(discovery.dt.timezone.utc))
    found.remember(time.time())
    return found


def work_of_ten_more(home, files, monkeypatch):
    "Folders listed, and files of the checkpoint read, when ten new ones have landed"
    log, root = landed(home, files)
    look(log, 0)
    (root / DAY).mkdir(parents=True)
    for n in range(10):
        (root / DAY / f"new{n}.json").touch()
    reads, listings = [], []
    read, listed = checkpoint.read_bytes, checkpoint.list_files
    with monkeypatch.context() as patch, WATCHED:
        patch.setattr(checkpoint, "read_bytes", lambda uri: reads.append(uri) or read(uri))
        patch.setattr(landed_files, "list_files", lambda *a: listings.append(a) or listed(*a))
        look(log, 10)
    assert not listings, "no flat listing"
    return (
        sum(str(root) in folder for folder in WATCHED.scanned),
        sum("/seen/" in uri for uri in reads),
        len(reads),
    )


def test_listings_and_reads_do_not_grow(tmp_path, monkeypatch):
    few, many = (
        work_of_ten_more(tmp_path / str(files), files, monkeypatch) for files in (500, 20_000)
    )
    assert few == many, "(folders listed, ledgers read, files of the checkpoint read)"
    assert few[0] <= 4, "the new folder, and those that it is new in"
    assert few[1] <= 1


def test_a_listing_of_everything_would_be_noticed(tmp_path, monkeypatch):
    "The counting can fail: with nothing remembered, every folder is listed"
    monkeypatch.setattr(Checkpoint, "looks", lambda self: {})
    few, many = (
        work_of_ten_more(tmp_path / str(files), files, monkeypatch) for files in (500, 2_000)
    )
    assert many[0] - few[0] == 15 and many[1] - few[1] == 15


def test_tables_are_kept(tmp_path):
    "Bronze, quarantine and run table after many runs: few files, every row there once, also for a reader of the snapshot before"
    from deltalake import DeltaTable

    engine = engine_at(tmp_path)
    bronze, quarantine, runs = (
        engine.lake.bronze("iot/devices"),
        engine.lake.quarantine("iot/devices"),
        engine.lake.runs,
    )
    for n in range(22):
        land(tmp_path, "2026/01/07", n, 1, rows=2)
        (tmp_path / f"landingcaso/iot/devices/2026/01/07/bad{n}.json").write_text("oops\n")
        if n == 8:
            before = DeltaTable(bronze)
        report = engine.run()
        assert not report.failed and not report.datasets[0].warnings, report.to_dict()
    rows = {
        table: DeltaTable(table).to_pyarrow_table().num_rows for table in (bronze, quarantine, runs)
    }
    assert rows == {bronze: 44, quarantine: 22, runs: 22}
    assert before.to_pyarrow_table().num_rows == 16
    for table in rows:
        assert len(DeltaTable(table).file_uris()) <= 12, (
            table
        )  # seven that may wait, four of the ten commits until the next look, one that was compacted
    audit = engine.audit(everything=True)
    assert audit.difference == 0 and audit[0].checked == 44


def test_an_upkeep_that_fails_loses_nothing(tmp_path, monkeypatch):
    from motor_ingesta.tables import maintenance as upkeep

    engine = engine_at(tmp_path)
    monkeypatch.setattr(
        upkeep,
        "_compact",
        lambda *a: (_ for _ in ()).throw(RuntimeError("DELTA_CONCURRENT_DELETE_READ")),
    )
    for n in range(12):
        land(tmp_path, "2026/01/07", n, 1)
        report = engine.run()
    assert (
        report.datasets[0].status == "succeeded"
        and "was not compacted" in report.datasets[0].warnings[0]
    )
    monkeypatch.undo()
    land(tmp_path, "2026/01/07", 12, 1)
    assert engine.run().datasets[0].warnings == []
    assert engine.bronze("iot/devices").count("*").fetchall() == [(13 * 5,)]
