"""How a piece of work is timed: seconds, seconds of the processors, and memory."""

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PACKAGES = (
    "motor_ingesta",
    "pyspark",
    "delta-spark",
    "deltalake",
    "pyarrow",
    "duckdb",
    "pandas",
    "fastavro",
    "confluent-kafka",
)


@dataclass(frozen=True)
class Measured:
    "What one run of some work took."

    seconds: float
    cpu_seconds: float  # of this process and its children, the JVM included
    python_mb: float  # largest resident memory of the Python processes; 0 where it is not known


def measure(work: Callable[[], object]) -> Measured:
    "Run some work, and measure it."
    _reset_peaks()
    cpu_before = _cpu_seconds()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return Measured(seconds, _cpu_seconds() - cpu_before, _peak_mb())


def median_of(runs: list[Measured]) -> Measured:
    "The median of each figure."
    return Measured(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.cpu_seconds for run in runs),
        statistics.median(run.python_mb for run in runs),
    )


def _processes() -> Iterator[psutil.Process]:
    me = psutil.Process()
    yield me
    yield from me.children(recursive=True)


def _cpu_seconds() -> float:
    total = 0.0
    for process in _processes():
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])  # user, system, and those of ended children
    return total


def _python_folders() -> Iterator[Path]:
    "Folders in /proc of the Python processes; none on other systems than Linux."
    for process in _processes():
        folder = Path(f"/proc/{process.pid}")
        with suppress(psutil.Error):
            if process.name() != "java" and folder.exists():
                yield folder


def _reset_peaks() -> None:
    for folder in _python_folders():
        with suppress(OSError):
            (folder / "clear_refs").write_text("5")


def _peak_mb() -> float:
    return sum(map(resident_peak_mb, _python_folders()))


def resident_peak_mb(
    process_folder: Path,  # such as /proc/self
) -> float:
    "The largest resident memory of a process; 0 where it is not known."
    with suppress(OSError):
        for line in (process_folder / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def machine() -> str:
    "The computer in a few words."
    memory = round(psutil.virtual_memory().total / 2**30)
    return f"{os.cpu_count()} cores ({_processor()}), {memory} GiB, {platform.system()}"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def versions() -> str:
    "The versions of what was measured, and of what it was measured with."
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)
