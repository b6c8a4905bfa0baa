"""Where programs that break things write down what they found; a page of the site reads it."""

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "nbs/reliability.json"


def record(part: str, told: dict[str, Any], path: Path = PAGE, among: bool = False) -> None:
    "Put figures under a name; with `among`, beside those of other seeds."
    told = _stamped(told)
    figures = _read(path)
    if among:
        others = [one for one in figures.get(part, []) if one["seed"] != told["seed"]]
        figures[part] = [*others, told]
    else:
        figures[part] = told
    _write(path, figures)


def record_part(part: str, name: str, told: dict[str, Any], path: Path = PAGE) -> None:
    "Put figures under a name of a part, beside what the part has under other names."
    figures = _read(path)
    figures[part] = figures.get(part, {}) | {name: _stamped(told)}
    _write(path, figures)


def _stamped(told: dict[str, Any]) -> dict[str, Any]:
    return {"on": f"{dt.date.today()}", "cores": os.cpu_count()} | told


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def _write(path: Path, figures: dict[str, Any]) -> None:
    text = json.dumps(dict(sorted(figures.items())), indent=1, ensure_ascii=False)
    path.write_text(text + "\n")
