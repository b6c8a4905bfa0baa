"Where the programs that break things write down what they found; the page of the site reads it"

import datetime as dt
import json
import os
from pathlib import Path

PAGE = Path(__file__).parents[2] / "nbs/reliability.json"


def record(part: str, told: dict, path: Path = PAGE, among: bool = False) -> None:
    "Put figures under a name; `among` others of their kind (one entry a seed), or in place of what was there"
    figures = json.loads(path.read_text()) if path.exists() else {}
    told = {"on": f"{dt.date.today()}", "cores": os.cpu_count()} | told
    if among:
        figures[part] = [f for f in figures.get(part, []) if f["seed"] != told["seed"]] + [told]
    else:
        figures[part] = told
    path.write_text(json.dumps(dict(sorted(figures.items())), indent=1, ensure_ascii=False) + "\n")
