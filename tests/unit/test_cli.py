"""The command line: what it prints, where it looks, and what it must not do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from motor_ingesta.cli.console import complete_commands, format_cell, visible
from motor_ingesta.cli.main import app

PROGRAM = "from motor_ingesta.cli.main import main; main()"
CATALOG = """
datasets:
  - datasource: shop
    dataset: orders
    source: {kind: files, format: json, pattern: "*.json", schema: "id INT, note STRING"}
"""


@pytest.fixture
def shop(tmp_path):
    """A home with a catalog of one dataset, whose landing folder is there and empty."""
    (tmp_path / "my shop.yml").write_text(CATALOG)
    (tmp_path / "landingcaso/shop/orders").mkdir(parents=True)
    return tmp_path


def land(home: Path, name: str, *lines: str) -> None:
    Path(home, "landingcaso/shop/orders", name).write_text("\n".join(lines) + "\n")


def call(home: Path, *words: str, code: int = 0):
    given = ["--home", str(home), "--catalog", str(home / "my shop.yml")]
    done = CliRunner().invoke(app, [*words, *given])
    assert done.exit_code == code, done.output
    return done


def start(*words: str, path: str | None = None, env: dict[str, str] | None = None):
    """The program as a process, with nothing on the path but `path`."""
    environment = dict(os.environ) | (env or {})
    if path is not None:
        environment["PATH"] = path
        environment.pop("JAVA_HOME", None)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )


# What a run says


def test_a_run_prints_its_counts(shop):
    land(shop, "1.json", '{"id": 1, "note": "a"}', '{"id": 2', '{"id": "x", "note": "c"}')
    done = call(shop, "run", "shop/orders", "--json")
    report = json.loads(done.stdout.splitlines()[0])["datasets"][0]
    counts = {name: report[name] for name in ("rows_read", "rows_written", "rows_quarantined")}
    assert counts == {"rows_read": 3, "rows_written": 2, "rows_quarantined": 1}
    assert report["engine"] == "local"


def test_a_profile_has_the_steps_of_each_dataset(shop):
    land(shop, "1.json", '{"id": 1}')
    lines = call(shop, "run", "--profile").stdout.splitlines()
    header = next(line for line in lines if "in all" in line)
    for step in ("discover", "read", "write"):
        assert step in header


def test_an_engine_can_be_chosen(shop):
    land(shop, "1.json", '{"id": 1}')
    report = json.loads(call(shop, "run", "--engine", "local", "--json").stdout.splitlines()[0])
    assert report["datasets"][0]["engine"] == "local"
    call(shop, "run", "--engine", "flink", code=2)


def test_a_run_without_landing_says_where_it_looked(tmp_path):
    done = CliRunner().invoke(app, ["run", "iot/devices", "--home", str(tmp_path / "none")])
    assert done.exit_code == 0
    assert f"there is no {tmp_path}/none/landingcaso" in done.stderr


def test_a_run_without_a_folder_says_where_it_looked(shop):
    (shop / "landingcaso/shop/orders").rmdir()
    expected = f"shop/orders: no files, for there is no folder {shop}/landingcaso/shop/orders"
    assert expected in call(shop, "run").stderr


def test_a_run_without_matching_files_says_the_pattern(shop):
    land(shop, "orders.csv", "id,note")
    expected = f"shop/orders: no files like *.json below {shop}/landingcaso/shop/orders"
    assert expected in call(shop, "run").stderr


def test_a_later_run_without_news_says_nothing(shop):
    land(shop, "1.json", '{"id": 1}')
    call(shop, "run")
    assert "no files" not in call(shop, "run").stderr


# Commands in messages


def test_a_fix_works_as_printed(shop):
    land(shop, "1.json", '{"id": 1}')
    call(shop, "run")
    for file in (shop / "datalakecaso/_checkpoints/shop/orders").rglob("*.json"):
        file.unlink()
    message = call(shop, "run", code=1).stderr
    command = f"motor-ingesta recover shop/orders --home {shop} --catalog '{shop}/my shop.yml'"
    assert command in message
    words = command.replace("'", "").split(" ", 1)[1]
    done = CliRunner().invoke(app, ["recover", "shop/orders", *_options(words, shop)])
    assert done.exit_code == 0, done.output
    call(shop, "run")
    assert json.loads(call(shop, "audit", "--json").stdout)["difference"] == 0


def _options(words: str, home: Path) -> list[str]:
    assert "--home" in words
    assert "--catalog" in words
    return ["--home", str(home), "--catalog", str(home / "my shop.yml")]


def test_a_warning_names_a_command_that_works(shop):
    land(shop, "1.json", "{broken")
    message = call(shop, "run", code=3).stderr
    options = f"--home {shop} --catalog '{shop}/my shop.yml'"
    assert f"motor-ingesta preview shop/orders --quarantine {options}" in message
    assert "malformed_json" in call(shop, "preview", "shop/orders", "--quarantine").stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("motor-ingesta recover a/b: it compares", "motor-ingesta recover a/b -h: it compares"),
        ("with: motor-ingesta validate", "with: motor-ingesta validate c.yml"),
        ("`motor-ingesta validate FILE` checks", "`motor-ingesta validate c.yml` checks"),
        ("motor-ingesta services status", "motor-ingesta services status --home h"),
        ("motor-ingesta docs", "motor-ingesta docs"),
        ("motor-ingesta generate files a/b", "motor-ingesta generate files a/b --home h"),
        ("motor-ingesta generate events a/b", "motor-ingesta generate events a/b -h"),
    ],
)
def test_commands_are_completed(text, expected):
    expected = expected.replace(" -h", " --home h --catalog c.yml")
    assert complete_commands(text, Path("h"), Path("c.yml")) == expected


def test_commands_stay_where_nothing_was_given():
    text = "motor-ingesta recover a/b, or motor-ingesta validate FILE"
    assert complete_commands(text, Path("farmia"), None) == text


# Data must not command the terminal

ESCAPE = "\x1b]0;gotcha\x07"


def test_escapes_in_data_are_shown(shop):
    land(shop, "1.json", json.dumps({"id": 1, "note": f"{ESCAPE}note"}))
    call(shop, "run")
    output = call(shop, "preview", "shop/orders").stdout
    assert "\x1b" not in output
    assert r"\x1b]0;gotcha\x07note" in output


def test_escapes_in_file_names_are_shown(shop):
    (shop / f"landingcaso/shop/orders/{ESCAPE}.json").touch()
    outputs = [call(shop, "run", code=3).output, call(shop, "audit").output]
    outputs.append(call(shop, "preview", "shop/orders", "--quarantine").output)
    assert "\x1b" not in "".join(outputs)
    assert r"shop/orders/\x1b%5D0;gotcha\x07.json" in unfolded(outputs[-1])


def unfolded(output: str) -> str:
    """The second column of a table, without the breaks that long cells have."""
    lines = [line.split("│") for line in output.splitlines() if line.count("│") == 3]
    return "".join(cells[2].strip() for cells in lines)


def test_escapes_in_an_error_nobody_foresaw_are_shown(tmp_path):
    code = "import motor_ingesta.cli.main as m\n"
    code += f"def bad(**_): raise RuntimeError({ESCAPE!r})\n"
    code += "m.app = bad\nm.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert r"RuntimeError: \x1b]0;gotcha\x07" in done.stderr
    assert "\x1b" not in done.stderr


def test_file_names_that_are_not_utf8_can_be_printed():
    assert visible(os.fsdecode(b"caf\xe9.csv")) == r"caf\udce9.csv"


def test_bytes_are_named_instead_of_printed():
    assert "a ZIP archive or an Office document" in format_cell(b"PK\x03\x04\x14\x00" + b"x" * 50)


# Starting


def test_neither_java_nor_spark_is_needed(shop):
    land(shop, "1.json", '{"id": 1}')
    words = ["run", "--home", str(shop), "--catalog", str(shop / "my shop.yml"), "--json"]
    done = start(*words, path="/nonexistent")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["datasets"][0]["rows_written"] == 1


def test_a_run_imports_only_what_it_needs(shop):
    land(shop, "1.json", '{"id": 1}')
    words = ["motor-ingesta", "run", "--home", str(shop), "--catalog", str(shop / "my shop.yml")]
    code = f"import sys; sys.argv = {words!r}\n"
    code += "from motor_ingesta.cli.main import app\n"
    code += "app(standalone_mode=False)\n"
    code += "unused = {'pyspark', 'confluent_kafka', 'ipywidgets', 'matplotlib', 'faker', 'PIL'}\n"
    code += "assert not unused & set(sys.modules), unused & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_help_imports_no_arrow():
    code = "import sys, motor_ingesta.cli.main\n"
    code += "assert not {'pyarrow', 'pandas', 'deltalake', 'pydantic'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# Wrong calls


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--nonsense"],
        ["run", "iot/nothing"],
        ["run", "--catalog", "/nowhere.yml"],
        ["generate", "files", "iot/telemetry"],
        ["validate", "/nowhere.yml"],
    ],
)
def test_a_wrong_call_ends_with_2(tmp_path, words):
    home = [] if words[0] == "validate" else ["--home", str(tmp_path)]
    assert CliRunner().invoke(app, [*words, *home]).exit_code == 2
