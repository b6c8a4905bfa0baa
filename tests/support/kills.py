"""Kill a run at each place where it writes: one process for each place."""

import multiprocessing
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path

KILLED = 9


class Places:
    "Counts the writes of a run, and ends the process at one of them."

    def __init__(self, kill_at: int, end: Callable[[], None] = lambda: os._exit(KILLED)):
        self.kill_at, self._end = kill_at, end
        self.names: list[str] = []

    def pass_by(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) - 1 == self.kill_at:
            self._end()

    def around(self, owner, name: str, label: str, patch=setattr) -> None:
        "Make the places before and after each call of a function."
        real = getattr(owner, name)

        @wraps(real)
        def instead(*arguments, **named):
            what = f"{label} {_described(arguments)}".strip()
            self.pass_by(f"before {what}")
            result = real(*arguments, **named)
            self.pass_by(f"after {what}")
            return result

        patch(owner, name, instead)


class WatchedPlaces(Places):
    "Notes what changed in a folder between each place and the one before it."

    def __init__(self, folder: Path):
        super().__init__(-1)
        self._folder = folder
        self._before = _content(folder)
        self.changes: list[tuple[str, set[str]]] = []  # name of the place, changed files

    def pass_by(self, name: str) -> None:
        super().pass_by(name)
        now = _content(self._folder)
        changed = {path for path, _ in now ^ self._before}
        self._before = now
        self.changes.append((name, changed))


def _content(folder: Path) -> set[tuple[str, tuple[int, int]]]:
    "Name and state of each file but locks, and data files, which nobody sees before a commit."
    found = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        is_hidden = path.name.startswith(".") or "lock" in name or path.suffix == ".parquet"
        if path.is_file() and not is_hidden:
            state = path.stat()
            found.add((name, (state.st_ino, state.st_size)))
    return found


def _described(arguments) -> str:
    paths = [a for a in arguments if isinstance(a, (str, Path))]
    return "/".join(Path(paths[-1]).parts[-2:]) if paths else ""


def watch_files(places: Places, patch=setattr) -> None:
    "The small files of the engine: each is written aside, then renamed."
    from motor_ingesta.sources import files

    places.around(files, "delete_file", "delete landed", patch)
    places.around(files, "move_file", "archive", patch)
    watch_checkpoint(places, patch)


def watch_checkpoint(places: Places, patch=setattr) -> None:
    "The files of the checkpoint."
    from motor_ingesta.storage import checkpoint

    places.around(Path, "replace", "rename", patch)
    places.around(checkpoint, "delete_file", "delete", patch)


def watch_delta_rs(places: Places, patch=setattr) -> None:
    "The writes of the local engine to its tables."
    from motor_ingesta.engines import local
    from motor_ingesta.tables import data_files, delta

    places.around(data_files._FileWriter, "close", "data file", patch)
    places.around(delta, "_add_files", "commit", patch)
    places.around(delta, "_add_columns", "add columns", patch)
    places.around(delta, "append_rows", "run table", patch)
    places.around(local.LocalEngine, "prepare", "prepare", patch)


def _run(home, catalog, kill_at, sender) -> None:
    from motor_ingesta.pipeline.runner import MotorIngesta

    places = Places(kill_at)
    watch_files(places)
    watch_delta_rs(places)
    report = MotorIngesta(home, catalog, engine="local").run()
    sender.send((places.names, [(d.status, d.error) for d in report.datasets]))
    sender.close()


def watch_operations(places: Places) -> None:
    "What refresh, drop and erase write besides."
    from motor_ingesta.engines import local
    from motor_ingesta.operations import drop, erase, replay

    for name in ("replace_rows", "delete_keys", "append_batch", "mark_replayed"):
        places.around(local.LocalEngine, name, name)
    places.around(erase, "forget_versions", "forget")
    for owner in (drop, replay):
        places.around(owner, "delete_folder", "delete")
    places.around(drop, "delete_file", "delete")


def _operate(home, catalog, kill_at, operation, arguments, sender) -> None:
    from motor_ingesta.pipeline.runner import MotorIngesta

    places = Places(kill_at)
    watch_checkpoint(places)
    watch_delta_rs(places)
    watch_operations(places)
    getattr(MotorIngesta(home, catalog, engine="local"), operation)(*arguments)
    sender.send((places.names, [("succeeded", "")]))
    sender.close()


def operation_killed_at(
    home, catalog, kill_at: int, operation: str, arguments: tuple
) -> list[str] | None:
    "Call an operation in a process that ends at a place; its places, None if it was killed."
    return _killed_at(_operate, home, catalog, kill_at, operation, arguments)


def run_killed_at(home, catalog, kill_at: int) -> list[str] | None:
    "Run in a process that ends at a place; the places of the run, None if it was killed."
    return _killed_at(_run, home, catalog, kill_at)


def _killed_at(function, *arguments) -> list[str] | None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["motor_ingesta.pipeline.runner", "support.kills"])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=function, args=(*arguments, sender))
    process.start()
    sender.close()
    try:
        names, statuses = receiver.recv()
    except EOFError:
        process.join(60)
        assert process.exitcode == KILLED, process.exitcode
        return None
    process.join(60)
    assert statuses == [("succeeded", "")], statuses
    return names
