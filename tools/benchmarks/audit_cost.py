"""How long an audit takes while the history grows: after every day of files, and of everything.

python -m tools.benchmarks.audit_cost --days 10 --files 200 --rows 100
"""

import argparse
import json
import tempfile

from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.files import generate_files, next_row
from tools.faults.figures import record

NAME = "iot/devices"


def main(days: int, files: int, rows: int) -> dict:
    told = []
    with tempfile.TemporaryDirectory() as home:
        engine = MotorIngesta(home)
        for day in range(days + 1):  # the first warms up
            generate_files(engine.lake, NAME, files, rows, 7, next_row(engine.lake, NAME))
            assert not engine.run(NAME).failed
            new = engine.audit(NAME)[0]
            assert not new.differences and not new.pending
            if day:
                told.append(
                    {
                        "files in landing": (day + 1) * files,
                        "files looked at": new.checked,
                        "seconds": new.seconds,
                    }
                )
        everything = engine.audit(NAME, everything=True)[0]
        assert everything.checked == (days + 1) * files and not everything.differences
    return {
        "rows a file": rows,
        "files a run": files,
        "audits": told,
        "everything": {"files looked at": everything.checked, "seconds": everything.seconds},
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    for name, default in (("days", 10), ("files", 200), ("rows", 100)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    record("audit", told := main(**vars(arguments.parse_args())))
    print(json.dumps(told, indent=1))
