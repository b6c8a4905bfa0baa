"""What is checked before a commit: notebooks are clean, modules are exported, ruff is content.

    python -m tools.pre_commit

The checks change files only where cleaning or exporting does; then they ask for another `git add`.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINTED = ("nbs", "tests", "tools", "setup.py")


def main() -> int:
    """Run the checks and give the exit code: 0 if the commit may go on."""
    before = _fingerprints()
    for command in (["nbdev_clean"], ["nbdev_export"]):
        if not _succeeds(command):
            return 1
    changed = sorted(_changed(before, _fingerprints()))
    if changed:
        print("Notebooks and modules did not agree. These files were changed now:")
        print(*changed, sep="\n")
        print("Fix: git add them, and commit again.")
        return 1
    checks = (["ruff", "check", *LINTED], ["ruff", "format", "--check", *LINTED])
    results = [_succeeds(command) for command in checks]
    return 0 if all(results) else 1


def _succeeds(command: list[str]) -> bool:
    """Run a program of this environment and print what it says if it fails."""
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run(
        [program, *command[1:]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.returncode == 0


def _fingerprints() -> dict[str, str]:
    paths = [*(ROOT / "nbs").rglob("*.ipynb"), *(ROOT / "motor_ingesta").rglob("*.py")]
    return {
        str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    }


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    names = before.keys() | after.keys()
    return {name for name in names if before.get(name) != after.get(name)}


if __name__ == "__main__":
    sys.exit(main())
