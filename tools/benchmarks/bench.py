"""What ingestion costs, measured against what people would use instead, in one run on the same data:

python -m tools.benchmarks.bench --out nbs/benchmarks.json                  everything; an hour or so
python -m tools.benchmarks.bench --small --runs 1 --only json               a tenth of the data, one work

Engine and peer take turns, and ratios are those of pairs. Times are of this machine; ratios travel better.
"""

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

PACKAGES = (
    "motor_ingesta",
    "pyspark",
    "delta-spark",
    "deltalake",
    "pyarrow",
    "duckdb",
    "polars",
    "dlt",
    "confluent-kafka",
    "fastavro",
)


@dataclass
class Bench:
    "One run of the benchmark"

    folder: Path  # for data, which are kept, and tables, which are not
    runs: int = 3
    small: bool = False
    host: str = "local"  # the engine: local or spark

    def rows(self, count: int) -> int:
        return count // 10 if self.small else count

    def place(self, name: str) -> Path:
        "An empty folder for a table"
        place = self.folder / "tables" / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return place

    def pairs(
        self,
        engine: Callable[[int], float],
        peers: dict[str, Callable[[int], float]],
        warm_up: bool = True,
    ) -> dict[str, list[float]]:
        "Engine, peer, engine, peer …: seconds of each run"
        if warm_up:
            for act in (engine, *peers.values()):
                act(-1)
        found: dict[str, list[float]] = {"engine": [], **{name: [] for name in peers}}
        for i in range(self.runs):
            found["engine"].append(engine(i))
            for name, act in peers.items():
                found[name].append(act(i))
            print(
                {
                    name: f"{times[-1]:.2f} s, processor {getattr(times[-1], 'cpu', 0):.2f} s"
                    for name, times in found.items()
                },
                file=sys.stderr,
                flush=True,
            )
        return found


class Seconds(float):
    "Seconds that an act took, and of the processor's time what this process and its children took meanwhile: what a busy machine leaves as it is"

    cpu: float


def timed(act: Callable[[], object]) -> Seconds:
    used, began = _cpu(), time.monotonic()
    act()
    found = Seconds(time.monotonic() - began)
    found.cpu = _cpu() - used
    return found


def _cpu() -> float:
    total, me = 0.0, psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:2])
        except psutil.Error:
            continue
    return total


def compared(
    work: str,
    found: dict[str, list[float]],
    peer: str,
    at_most: float | None = None,
    at_least: float | None = None,
    is_rate: bool = False,
) -> dict:
    "A line of the table: medians, the ratio of pairs with its spread, the goal and whether it is met"
    ratios = [
        mine / theirs
        for mine, theirs in zip(
            found["engine"] if len(found[peer]) > 1 else [statistics.median(found["engine"])],
            found[peer],
            strict=False,
        )
    ]
    ratio = statistics.median(ratios)
    cpu = [
        mine.cpu / theirs.cpu
        for mine, theirs in zip(found["engine"], found[peer], strict=False)
        if isinstance(mine, Seconds) and isinstance(theirs, Seconds)
    ]
    goal = f"at most {at_most:g} ×" if at_most is not None else f"at least {at_least:g} ×"
    return {
        "work": work,
        "unit": "per second" if is_rate else "seconds",
        "engine": statistics.median(found["engine"]),
        "peer": peer,
        "theirs": statistics.median(found[peer]),
        "runs": len(found[peer]),
        "ratio": ratio,
        "spread": [min(ratios), max(ratios)],
        "cpu_ratio": statistics.median(cpu) if cpu else None,
        "goal": goal,
        "met": ratio <= at_most if at_most is not None else ratio >= at_least,
    }


def absolute(
    work: str,
    values: list[float],
    unit: str,
    at_most: float | None = None,
    at_least: float | None = None,
) -> dict:
    middle = statistics.median(values)
    return {
        "work": work,
        "unit": unit,
        "engine": middle,
        "peer": "",
        "theirs": None,
        "runs": len(values),
        "ratio": None,
        "spread": [min(values), max(values)],
        "cpu_ratio": None,
        "goal": f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}",
        "met": middle <= at_most if at_most is not None else middle >= at_least,
    }


def machine() -> dict:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
    }


def main() -> None:
    from tools.benchmarks import files, growth, topics

    works = (
        files.WORKS
        | topics.WORKS
        | {
            name: (lambda bench, name=name, work=work: work(bench.place(name)))
            for name, work in growth.WORKS.items()
        }
    )
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="*", choices=sorted(works), help="these works; all unless told"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each")
    parser.add_argument("--small", action="store_true", help="a tenth of the data")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir(), "motor_ingesta-bench"),
        help="where data are kept",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="a JSON file; works that it has and that are not run now stay in it",
    )
    parser.add_argument("--host", choices=["local", "spark"], default="local", help="the engine")
    given = parser.parse_args()
    bench = Bench(given.folder, given.runs, given.small, given.host)
    kept = json.loads(given.out.read_text())["works"] if given.out and given.out.exists() else {}
    for name in given.only or works:
        began = dt.datetime.now(dt.UTC)
        lines = works[name](bench)
        kept[name] = {
            "at": f"{began:%Y-%m-%d}",
            "small": given.small,
            "load_before": round(os.getloadavg()[0], 1),
            "lines": [lines] if isinstance(lines, dict) else lines,
        }
        for line in kept[name]["lines"]:
            print(
                json.dumps(
                    {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}
                ),
                flush=True,
            )
        if given.out:
            given.out.write_text(
                json.dumps({"machine": machine(), "works": kept}, indent=1, ensure_ascii=False)
                + "\n"
            )


if __name__ == "__main__":
    main()
