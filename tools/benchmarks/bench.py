"""What ingestion costs beside what people would use instead, on data as it comes.

    python -m tools.benchmarks.bench --host all --out nbs/benchmarks.json
    python -m tools.benchmarks.bench --host local --shapes json_flat,csv_spanish --rows 400000

The engine and its peers take turns on the same data, and ratios are those of neighbouring runs.
Every run is checked: each row must be in bronze or in the quarantine. `--out` is written after
each shape; what it has of other shapes stays.
"""

import argparse
import json
import sys
import tempfile
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
    failed = []
    with Workbench(given.folder) as bench:
        for name in given.shapes:
            print(name, file=sys.stderr, flush=True)
            try:
                records = _measured(bench, name, options)
            except Exception as error:  # the others are measured all the same
                failed.append(name)
                print(f"  {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                continue
            for record in records:
                print(json.dumps(record.to_dict(), ensure_ascii=False), flush=True)
            if given.out:
                results.save(records, given.out)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _measured(bench: Workbench, name: str, options: results.Options) -> list[results.Record]:
    if name in SHAPES:
        return contest(bench, SHAPES[name], options)
    return WORKS[name](bench, options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", choices=[LOCAL, SPARK, "all"], default="all")
    parser.add_argument("--shapes", type=_names, default=[*SHAPES, *WORKS], help="default: all")
    parser.add_argument("--rows", type=int, default=2_000_000, help="of each shape")
    parser.add_argument("--runs", type=int, default=3, help="of each contestant")
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
