"""Operations that are killed at each of their writes, and what must hold after they are run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from motor_ingesta.engines.local import LocalEngine
from motor_ingesta.operations import drop, replay
from motor_ingesta.storage.checkpoint import Checkpoint, CheckpointStore
from motor_ingesta.tables import delta
from support.homes import KILL_STEP, Home, Killed, Killer

WRITES = [
    (LocalEngine, ["prepare", "append_batch", "mark_replayed", "replace_rows", "delete_keys"]),
    (Checkpoint, ["note_replay", "remember"]),
    (CheckpointStore, ["write", "delete"]),
    (replay, ["delete_folder", "_sync_table"]),
    (replay._StagedWriter, ["add", "__exit__"]),
    (drop, ["delete_folder", "delete_file"]),
    (delta, ["rewrite"]),
]


def killed_at_each_write(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[Home], None],
    operation: Callable[[Home], object],
) -> Iterator[tuple[Home, int]]:
    "A home whose operation was killed at a write, and which write; first one that was not killed."
    killer = Killer(monkeypatch, WRITES)
    whole = Home(folder / "whole")
    prepare(whole)
    with killer.armed(-1):
        operation(whole)
    moments = killer.calls
    yield whole, -1
    for moment in range(0, moments, KILL_STEP):
        home = Home(folder / f"home {moment}")
        prepare(home)
        with killer.armed(moment), pytest.raises(Killed):
            operation(home)
        yield home, moment
