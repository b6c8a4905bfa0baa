"""One shape: the engine and its peers take turns on the same data."""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from deltalake import DeltaTable

from motor_ingesta.pipeline.report import DatasetReport
from motor_ingesta.pipeline.runner import MotorIngesta
from tools.benchmarks.measure import Measured, measure, median_of
from tools.benchmarks.peers import PLAIN
from tools.benchmarks.results import Options, Record, compare
from tools.benchmarks.shapes import SPARK, Landed, Peer, Shape
from tools.benchmarks.workbench import Workbench


@dataclass
class Turn:
    "One run of the engine or of a peer."

    measured: Measured
    table_rows: int
    profile: dict[str, float] = field(default_factory=dict)


Contestant = Callable[[Landed], Turn]


class LostRowsError(AssertionError):
    "The engine did not bring every row where it belongs."


def contest(bench: Workbench, shape: Shape, options: Options) -> list[Record]:
    "Measure the engine on some hosts and all peers: host, host, peer, peer, and again."
    hosts, rows = options.hosts, options.rows
    engines = {host: _engine(bench, shape, host) for host in hosts}
    peers = {name: _peer(bench, peer) for name, peer in shape.peers().items()}
    refusals = _warm_up(engines, peers, shape.land_few(bench))
    peers = {name: peer for name, peer in peers.items() if name not in refusals}
    landed = shape.land(bench, rows)
    turns: dict[str, list[Turn]] = {name: [] for name in (*engines, *peers)}
    for _ in range(options.runs):
        for name, contestant in (engines | peers).items():
            turn = contestant(landed)
            turns[name].append(turn)
            print(f"  {name}: {turn.measured}", file=sys.stderr, flush=True)
    records = []
    for host, name in product(hosts, (*peers, *refusals)):
        if host == SPARK and name != PLAIN:
            continue  # what runs on a cluster is compared with what runs on a cluster
        record = Record(shape.name, shape.title, host, name, landed.rows)
        record.goal = shape.goals.get((host, name))
        if name in refusals:
            record.note = refusals[name]
            records.append(_alone(record, turns[host]))
        else:
            records.append(_filled(record, turns[host], turns[name]))
    return records


def _warm_up(
    engines: dict[str, Contestant], peers: dict[str, Contestant], landed: Landed
) -> dict[str, str]:
    "Run everything once; the peers that cannot read the data, with the reason."
    for engine in engines.values():
        engine(landed)
    refusals = {}
    for name, peer in peers.items():
        try:
            peer(landed)
        except Exception as error:  # whatever a peer raises
            refusals[name] = f"cannot read it: {str(error).splitlines()[0][:200]}"
    return refusals


def _filled(record: Record, engine: list[Turn], peer: list[Turn]) -> Record:
    record = compare(record, [turn.measured for turn in engine], [turn.measured for turn in peer])
    record.peer_rows = peer[-1].table_rows
    record.profile = engine[-1].profile
    return record


def _alone(record: Record, engine: list[Turn]) -> Record:
    middle = median_of([turn.measured for turn in engine])
    record.value, record.cpu_seconds = middle.seconds, middle.cpu_seconds
    record.memory_mb, record.runs = middle.python_mb, len(engine)
    record.profile = engine[-1].profile
    return record


def _engine(bench: Workbench, shape: Shape, host: str) -> Contestant:
    def run(landed: Landed) -> Turn:
        return bench.with_empty_folder(lambda home: run_engine(bench, shape, landed, host, home))

    return run


def run_engine(bench: Workbench, shape: Shape, landed: Landed, host: str, home: Path) -> Turn:
    """Ingest everything once, and count what arrived.

    Raises:
        LostRowsError: a row is not where it belongs.
    """
    catalog, spark = shape.catalog(bench, landed), bench.spark if host == SPARK else None
    runner = MotorIngesta(shape.lake(landed, home), catalog, engine=host, spark=spark)
    reports: list[DatasetReport] = []
    measured = measure(lambda: reports.extend(runner.run().datasets))
    name = catalog.datasets[0].name
    bronze, quarantine = (
        _rows_of(uri) for uri in (runner.lake.bronze(name), runner.lake.quarantine(name))
    )
    _check(reports[0], landed, bronze, quarantine)
    return Turn(measured, bronze, reports[0].profile | {"in all": reports[0].seconds})


def _check(report: DatasetReport, landed: Landed, bronze: int, quarantine: int) -> None:
    expected = landed.expected
    wanted = (expected.bronze, expected.quarantine, expected.rescued)
    found = (bronze, quarantine, report.rows_rescued)
    if report.error or found != wanted or report.rows_read != landed.rows:
        raise LostRowsError(
            f"{report.dataset}: bronze, quarantine and rescued rows are {found}, not {wanted}; "
            f"{report.rows_read} rows were read, not {landed.rows}; {report.error}"
        )


def _rows_of(uri: str) -> int:
    with suppress(Exception):  # no table: no rows
        return DeltaTable(uri).count()
    return 0


def _peer(bench: Workbench, peer: Peer) -> Contestant:
    def run(landed: Landed) -> Turn:
        return bench.with_empty_folder(lambda to: run_peer(bench, peer, landed, to))

    return run


def run_peer(bench: Workbench, peer: Peer, landed: Landed, to: Path) -> Turn:
    "Let a peer read everything once, and count what it wrote."
    measured = measure(lambda: peer(bench, landed, to))
    return Turn(measured, _rows_of(f"{to}/table"))
