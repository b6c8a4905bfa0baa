"""What the engine is measured on: data as it comes, with what must arrive and how a peer reads it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from motor_ingesta.catalog.models import Catalog, Dataset
from motor_ingesta.storage.lake import Lake
from tools.benchmarks import peers
from tools.benchmarks.peers import DUCKDB, PANDAS, PLAIN, DuckdbFiles, PlainFiles
from tools.benchmarks.workbench import Workbench

DATASOURCE = "bench"
LOCAL, SPARK = "local", "spark"

Goals = dict[tuple[str, str], float]  # host, peer → the largest ratio
Peer = Callable[[Workbench, "Landed", Path], None]  # reads the data into a table below a folder


def goals(local: float, duckdb: float | None = None, spark: float | None = None) -> Goals:
    "Goals against the plain script on both hosts, and against DuckDB on the local one."
    found = {(LOCAL, PLAIN): local, (LOCAL, DUCKDB): duckdb, (SPARK, PLAIN): spark}
    return {which: goal for which, goal in found.items() if goal is not None}


@dataclass
class Expected:
    "How many rows must arrive where."

    bronze: int = 0
    quarantine: int = 0
    rescued: int = 0  # of those in bronze

    def add(self, other: "Expected") -> None:
        "Count what another file has."
        self.bronze += other.bronze
        self.quarantine += other.quarantine
        self.rescued += other.rescued

    @property
    def rows(self) -> int:
        "All rows, wherever they arrive."
        return self.bronze + self.quarantine

    @classmethod
    def of(
        cls,
        odd: list[str],  # for each row the kind of its oddness, or an empty text
    ) -> "Expected":
        "What becomes of rows: what cannot be read is rejected, what does not fit is rescued."
        broken = odd.count("broken")
        return cls(len(odd) - broken, broken, odd.count("added") + odd.count("misfit"))


@dataclass(frozen=True)
class Landed:
    "The data of a shape, where the engine and its peers find them."

    place: str  # the landing folder, or the topic
    rows: int
    bytes: int
    expected: Expected

    def write(self, note: Path) -> None:
        "Keep this in a file."
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, note: Path) -> "Landed":
        "What `write` kept."
        found = json.loads(note.read_text())
        return cls(found["place"], found["rows"], found["bytes"], Expected(**found["expected"]))


class Shape(Protocol):
    "A kind of data."

    name: str
    title: str
    goals: Goals

    def land(self, bench: Workbench, rows: int) -> Landed:
        "Write so many rows, or find them as an earlier call wrote them."

    def land_few(self, bench: Workbench) -> Landed:
        "The same in small, to warm up with."

    def catalog(self, bench: Workbench, landed: Landed) -> Catalog:
        "The catalog that reads them."

    def lake(self, landed: Landed, home: Path) -> Lake:
        "A lakehouse whose landing has them."

    def peers(self) -> dict[str, Peer]:
        "What else reads them, by name."


_FEW_FILES, _FEW_ROWS = 200, 50_000  # to warm up with


@dataclass(frozen=True)
class FileShape:
    "Files of one kind."

    name: str
    title: str
    source: dict[str, Any]  # of the dataset, as the catalog has it
    write: Callable[[int, int], tuple[bytes, Expected]]  # first row, rows → a file
    extension: str
    plain: PlainFiles
    duckdb: DuckdbFiles | None = None
    pandas: dict[str, Any] | None = None  # options of `read_csv`
    goals: Goals = field(default_factory=dict)
    files: int = 20
    scale: float = 1.0  # of the rows that are asked for
    has_equal_files: bool = False  # written once and copied, where writing is slow
    rows_a_piece: int = 0  # of a file whose pieces may follow each other; 0: it is written at once

    def land(self, bench: Workbench, rows: int) -> Landed:
        "Write the files, or find them as an earlier call wrote them."
        rows = max(self.files, int(rows * self.scale))
        home = bench.data / f"{self.name}-{rows}"
        note = home / "landed.json"
        if not note.exists():
            self._write_all(home / DATASOURCE / self.name, rows, note)
        return Landed.read(note)

    def land_few(self, bench: Workbench) -> Landed:
        "The same in small, to warm up with."
        return replace(self, files=min(self.files, _FEW_FILES)).land(bench, _FEW_ROWS)

    def catalog(self, bench: Workbench, landed: Landed) -> Catalog:
        "The catalog that reads them."
        source = {"kind": "files"} | self.source
        dataset = {"datasource": DATASOURCE, "dataset": self.name, "source": source}
        return Catalog(datasets=[Dataset.model_validate(dataset)])

    def lake(self, landed: Landed, home: Path) -> Lake:
        "A lakehouse whose landing has them."
        return Lake(home, landing_root=landed.place)

    def peers(self) -> dict[str, Peer]:
        "What else reads them, by name."
        found: dict[str, Peer] = {
            PLAIN: lambda bench, landed, to: peers.plain_files(
                bench.spark, self._landing(landed), to, self.plain
            )
        }
        if self.duckdb is not None:
            found[DUCKDB] = lambda bench, landed, to: peers.duckdb_files(
                self._landing(landed), to, self.duckdb
            )
        if self.pandas is not None:
            found[PANDAS] = lambda bench, landed, to: peers.pandas_csv(
                self._landing(landed), to, self.pandas
            )
        return found

    def _landing(self, landed: Landed) -> str:
        return f"{landed.place}/{DATASOURCE}/{self.name}"

    def _write_all(self, landing: Path, rows: int, note: Path) -> None:
        expected, size, each = Expected(), 0, rows // self.files
        content, counts = b"", Expected()
        for number in range(self.files):
            path = landing / f"2026/01/{1 + number % 20:02}/part-{number:05}.{self.extension}"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for first, count in self._pieces(number * each, each):
                    if not content or not self.has_equal_files:
                        content, counts = self.write(first, count)
                    size += file.write(content)
                    expected.add(counts)
        Landed(str(note.parent), expected.rows, size, expected).write(note)

    def _pieces(self, first: int, rows: int) -> Iterator[tuple[int, int]]:
        "The first row and the rows of each piece of a file."
        most = self.rows_a_piece or rows
        for begin in range(first, first + rows, most):
            yield begin, min(most, first + rows - begin)
