"""What ingestion costs beside what people would use instead, on data as it comes.

    python -m tools.benchmarks.bench --host all --out nbs/benchmarks.json
    python -m tools.benchmarks.bench --host local --shapes json_flat,csv_spanish --rows 400000

The engine and its peers take turns on the same data, and ratios are those of neighbouring runs.
Every run is checked: each row must be in bronze or in the quarantine. `--out` is written after
each shape; what it has of other shapes stays. A shape that fails is noted there with the reason,
and the others are measured all the same.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path

from tools.benchmarks import (
    avro_shapes,
    cluster,
    csv_shapes,
    growth,
    json_shapes,
    parquet_shapes,
    processes,
    results,
    text_shapes,
    topic_shapes,
)
from tools.benchmarks.contest import contest
from tools.benchmarks.shapes import LOCAL, SPARK, Shape
from tools.benchmarks.workbench import Workbench

_MODULES = (json_shapes, csv_shapes, parquet_shapes, avro_shapes, text_shapes, topic_shapes)
SHAPES: dict[str, Shape] = {shape.name: shape for module in _MODULES for shape in module.SHAPES}
WORKS = processes.WORKS | growth.WORKS | cluster.WORKS


def main() -> None:
    "Measure what the command line names."
    given = _arguments()
    hosts = [LOCAL, SPARK] if given.host == "all" else [given.host]
    options = results.Options(hosts, given.rows, given.runs)
    ends_at = time.monotonic() + 60 * given.minutes
    failed: dict[str, str] = {}  # shape → why
    with Workbench(given.folder) as bench:
        for name in given.shapes:
            if time.monotonic() > ends_at:
                failed[name] = "the time was over"
                continue
            print(name, file=sys.stderr, flush=True)
            records, why = _tried(bench, name, options)
            if why:
                failed[name] = why
            for record in records:
                print(json.dumps(record.to_dict(), ensure_ascii=False), flush=True)
            if given.out:
                results.save(name, records, given.out, why)
    for name, why in failed.items():
        print(f"not measured: {name}: {why}", file=sys.stderr)
    sys.exit(1 if failed else 0)


def _tried(
    bench: Workbench, name: str, options: results.Options
) -> tuple[list[results.Record], str]:
    "The records of a shape, and why there are none."
    try:
        return _measured(bench, name, options), ""
    except Exception as error:  # whatever a shape raises
        return [], f"{type(error).__name__}: {str(error).strip()[:300]}"


def _measured(bench: Workbench, name: str, options: results.Options) -> list[results.Record]:
    if name in SHAPES:
        return contest(bench, SHAPES[name], options)
    return WORKS[name](bench, options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", choices=[LOCAL, SPARK, "all"], default="all")
    parser.add_argument(
        "--shapes", "--only", type=_names, default=[*SHAPES, *WORKS], help="default: all"
    )
    parser.add_argument("--rows", type=int, default=2_000_000, help="of each shape")
    parser.add_argument("--runs", type=int, default=3, help="of each contestant")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="no shape begins after so many"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir(), "motor_ingesta-bench"),
        help="where data are kept",
    )
    parser.add_argument("--out", type=Path, help="a JSON file for the results")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in SHAPES | WORKS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no shape is called {', '.join(unknown)}; there are {', '.join(SHAPES | WORKS)}"
        )
    return names


if __name__ == "__main__":
    main()
