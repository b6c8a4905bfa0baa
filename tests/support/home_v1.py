"""The home that the version before (commit b7b1a0b) wrote, as it was on its disk.

`farm/gates` was killed before its second batch was on record, `farm/valves` between bronze and
quarantine, `farm/doors` between the rows that went without Spark and those that did not.
"""

import json
import os
import shutil
from pathlib import Path

from support import REPOSITORY

DATA = REPOSITORY / "tests/data/home_v1"
WHOLE = ("farm/readings", "farm/sales", "farm/fields", "farm/pests")
UNFINISHED = ("farm/gates", "farm/valves", "farm/doors")


def copy_home(folder: Path) -> Path:
    "A copy, its landed files as old as they were."
    home = folder / "home"
    shutil.copytree(DATA, home)
    times = json.loads((home / "modified_ns.json").read_text())
    for name, modified_ns in times.items():
        os.utime(home / name, ns=(modified_ns, modified_ns))
    return home
