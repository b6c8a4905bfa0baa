"""Fresh processes: a run of a small file, the first rows of a table, memory as the data grow."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from deltalake import DeltaTable

from tools.benchmarks import csv_shapes, json_shapes
from tools.benchmarks.measure import Measured, measure, median_of
from tools.benchmarks.peers import DOCUMENTED_START, PANDAS
from tools.benchmarks.results import Options, Record, compare
from tools.benchmarks.rows import FLAT, ddl
from tools.benchmarks.shapes import LOCAL, FileShape, Landed
from tools.benchmarks.workbench import Workbench

_TIMEOUT = 900  # seconds
_JSON = {shape.name: shape for shape in json_shapes.SHAPES}
_CSV = {shape.name: shape for shape in csv_shapes.SHAPES}


def _python(*arguments: object) -> str:
    "Run Python with some arguments; what it printed."
    return _printed(sys.executable, *arguments)


def _printed(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=_TIMEOUT)
    if done.returncode:
        raise RuntimeError(done.stdout[-1000:] + done.stderr[-3000:])
    return done.stdout


def home_of(folder: Path, shape: FileShape, landed: Landed) -> Path:
    "A home whose landing has the data of a shape, with its catalog."
    home = folder / "home"
    home.mkdir()
    (home / "landingcaso").symlink_to(landed.place)
    source = {"kind": "files"} | shape.source
    dataset = {"datasource": "bench", "dataset": shape.name, "source": source}
    (home / "catalog.yml").write_text(json.dumps({"datasets": [dataset]}))  # JSON is YAML
    return home


# A cold run


def cold_run(shape: FileShape, goal: float, peer: str = "") -> Callable[..., list[Record]]:
    "`motor-ingesta run` of a small dataset in a new process, beside pandas where it is a peer."

    def work(bench: Workbench, options: Options) -> list[Record]:
        landed = shape.land(bench, 1000)

        def run_command(folder: Path) -> Measured:
            home = home_of(folder, shape, landed)
            program = Path(sys.executable).with_name("motor-ingesta")
            command = (program, "run", "--engine", LOCAL, "--home", home)
            measured = measure(lambda: _printed(*command, "--catalog", home / "catalog.yml"))
            table = DeltaTable(f"{home}/datalakecaso/bronze/bench/{shape.name}")
            assert table.count() == landed.expected.bronze
            return measured

        def run_pandas(folder: Path) -> Measured:
            landing = f"{landed.place}/bench/{shape.name}"
            script = (
                "from tools.benchmarks.peers import pandas_csv; from pathlib import Path; "
                f"pandas_csv({landing!r}, Path({str(folder)!r}), {shape.pandas!r})"
            )
            return measure(lambda: _python("-c", script))

        turns = [
            (
                bench.with_empty_folder(run_command),
                bench.with_empty_folder(run_pandas) if peer else None,
            )
            for _ in range(options.runs)
        ]
        middle = median_of([mine for mine, _ in turns])
        title = f"{shape.title}: `run` in a new process"
        record = Record(f"cold_{shape.name}", title, LOCAL, peer, landed.rows, goal=goal)
        record.value, record.cpu_seconds = middle.seconds, middle.cpu_seconds
        record.runs = len(turns)
        if peer:
            record.peer_value = median(theirs.seconds for _, theirs in turns if theirs)
        return [record]

    return work


# The first rows


def first_preview(bench: Workbench, options: Options) -> list[Record]:
    "From the start of a process to the first rows of a small table."
    shape = replace(_JSON["json_flat"], files=10)
    landed = shape.land(bench, 2000)

    def run_script(folder: Path) -> Measured:
        landing = f"{landed.place}/bench/{shape.name}"
        return measure(lambda: _python("-c", DOCUMENTED_START, landing, folder, ddl(FLAT)))

    def run_engine(folder: Path, host: str) -> Measured:
        home = home_of(folder, shape, landed)
        return measure(lambda: _python("-m", "tools.benchmarks.once", home, host))

    records = []
    scripts = [bench.with_empty_folder(run_script) for _ in range(options.runs)]
    for host in options.hosts:
        engine = [
            bench.with_empty_folder(lambda folder, host=host: run_engine(folder, host))
            for _ in range(options.runs)
        ]
        title = "process start to first preview"
        record = Record("first_preview", title, host, "Spark as Delta documents it", landed.rows)
        record = compare(record, engine, scripts)
        if host == LOCAL:
            record.ratio, record.spread, record.goal = None, None, 1.5
        else:
            record.goal = 0.5
        records.append(record)
    return records


# Memory


def memory(name: str) -> Callable[..., list[Record]]:
    "The peak of memory of a process, against the same with a tenth of the data."

    def peak_mb(bench: Workbench, shape: FileShape, rows: int, host: str) -> float:
        landed = shape.land(bench, rows)

        def run(folder: Path) -> float:
            home = home_of(folder, shape, landed)
            printed = _python("-m", "tools.benchmarks.once", home, host)
            return json.loads(printed.splitlines()[-1])["peak_mb"]

        return bench.with_empty_folder(run)

    def work(bench: Workbench, options: Options) -> list[Record]:
        whole = _JSON[name]
        tenth = replace(whole, files=whole.files // 10)  # of the same size
        records = []
        for host in options.hosts:
            title = f"memory: {whole.title}, ten times as much"
            record = Record(f"memory_{name}", title, host, "a tenth of the data", options.rows)
            record.peer_value = peak_mb(bench, tenth, options.rows // 10, host)
            record.value = peak_mb(bench, whole, options.rows, host)
            record.unit, record.goal = "MB", 1.1
            record.ratio = record.value / record.peer_value
            records.append(record)
        return records

    return work


WORKS = {
    "cold_csv_crlf": cold_run(csv_shapes.CRLF, 0.5),
    "cold_csv_comma": cold_run(csv_shapes.ONE_COMMA, 0.5),
    "cold_flights": cold_run(_CSV["flights"], 1.5, PANDAS),
    "first_preview": first_preview,
    "memory_json_flat": memory("json_flat"),
    "memory_json_third_odd": memory("json_third_odd"),
}
