"""One run in a process of its own, from an empty interpreter to the first rows: seconds and memory.

python -m tools.benchmarks.once HOME HOST
"""

import argparse
import json
from pathlib import Path

import psutil

from motor_ingesta.pipeline.runner import MotorIngesta
from tools.benchmarks.measure import resident_peak_mb


def main() -> None:
    "Run the catalog of a home, show the first rows, and print the peak of memory as JSON."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("host")
    given = parser.parse_args()
    runner = MotorIngesta(given.home, given.home / "catalog.yml", engine=given.host)
    failed = runner.run().failed
    if failed:
        raise SystemExit(failed[0].error)
    runner.preview(runner.catalog.datasets[0].name).show()
    print(json.dumps({"peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    "Of this process, the JVM and Spark's workers."
    me = psutil.Process()
    return sum(
        resident_peak_mb(Path(f"/proc/{process.pid}"))
        for process in (me, *me.children(recursive=True))
    )


if __name__ == "__main__":
    main()
