"""Install the git hooks of a clone: `python -m tools.install_hooks`.

nbdev's hooks clean notebooks and merge them cell by cell. The pre-commit hook runs
`tools.pre_commit`.
"""

import subprocess
import sys
from pathlib import Path

_HOOK = """#!/bin/sh
# Written by tools/install_hooks.py.
cd "$(git rev-parse --show-toplevel)" || exit 1
exec "{python}" -m tools.pre_commit
"""


def install_hooks(root: Path) -> Path:
    """Install the hooks of a clone, and give the pre-commit hook's file."""
    nbdev_install_hooks = Path(sys.executable).parent / "nbdev_install_hooks"
    subprocess.run([nbdev_install_hooks], cwd=root, check=True)
    hook = _hooks_folder(root) / "pre-commit"
    hook.parent.mkdir(parents=True, exist_ok=True)
    hook.write_text(_HOOK.format(python=sys.executable), encoding="utf-8")
    hook.chmod(0o755)
    return hook


def _hooks_folder(root: Path) -> Path:
    """Ask git, which knows about worktrees and `core.hooksPath`."""
    command = ["git", "rev-parse", "--git-path", "hooks"]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return root / done.stdout.strip()


if __name__ == "__main__":
    print(f"installed {install_hooks(Path(__file__).parents[1])}")
