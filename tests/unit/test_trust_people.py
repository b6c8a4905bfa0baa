"""What was said and was not so, and what reaches a terminal."""

import json
import re
import time

import duckdb
import polars
import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner

from motor_ingesta.catalog.models import load_catalog
from support.trust import csv_files, json_files, run_python

ESCAPE = "\x1b[31m\x1b]0;owned\x07"


def command(*words):
    from motor_ingesta.cli.main import app

    return CliRunner().invoke(app, [str(word) for word in words])


def validate(path, **dataset):
    content = {"version": 1, "datasets": [{"datasource": "a", "dataset": "b"} | dataset]}
    path.write_text(json.dumps(content))
    return load_catalog(path)


def refusal(path, **dataset):
    with pytest.raises(Exception) as error:
        validate(path, **dataset)
    return str(error.value)


# 19


def test_many_commas_take_linear_time(tmp_path):
    """160,000 commas took 288 s: a quadratic regular expression."""
    home = csv_files(tmp_path, "a STRING, b STRING")
    home.land("a.csv", "a,b\n1,2\n" + "," * 160_000 + "\n" + '"' + '",' * 80_000 + "\n3,4\n")
    began = time.monotonic()
    home.run()
    assert time.monotonic() - began < 20
    assert home.column("a")[:2] == ["1", "3"] or set(home.column("a")) >= {"1", "3"}
    assert len(home.rows()) + len(home.rows("quarantine")) == 4


# 20


def test_terminal_escapes_of_data_do_not_reach_the_terminal(tmp_path):
    """File names and values with escapes were printed as they are."""
    home = json_files(tmp_path, "id BIGINT, note STRING")
    home.land(f"a{ESCAPE}.json", json.dumps({"id": 1, "note": ESCAPE}) + "\n{" + ESCAPE + "\n")
    base = ("--home", tmp_path, "--catalog", home.catalog)
    outputs = [
        command("run", *base),
        command("preview", "farm/readings", *base),
        command("preview", "farm/readings", "--quarantine", *base),
        command("audit", *base),
    ]
    for output in outputs:
        assert "\x1b]0" not in output.output and "\x1b[31m" not in output.output
        assert "\x07" not in output.output
    assert len(home.rows()) == 1


@pytest.mark.parametrize("name", ["with%20escape", "list[1]", "caret^", "pipe|", "ñandú", "a b"])
def test_a_home_may_have_any_name_or_is_refused_with_a_sentence(tmp_path, name):
    """Raised or panicked; a Rust panic passed `except Exception` and ended the run."""
    home = json_files(tmp_path / name)
    home.land("a.json", '{"id": 1}\n')
    report = home.runner().run().datasets[0]
    if report.error:
        assert "delta-rs cannot keep a table" in report.error and "engine: spark" in report.error
    else:
        assert home.column("id") == [1]


def test_a_panic_ends_a_dataset_and_not_the_run(tmp_path, monkeypatch):
    from motor_ingesta.tables import delta

    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})

    def fails(*_, **__):
        raise panic("called `Option::unwrap()` on a `None` value")

    home = json_files(tmp_path)
    home.land("a.json", '{"id": 1}\n')
    monkeypatch.setattr(delta.DeltaTable, "create_write_transaction", fails)
    assert "delta-rs failed" in home.failure()
    monkeypatch.undo()
    home.run()
    assert home.column("id") == [1]


def test_secrets_typed_for_a_session_are_not_inherited():
    """They were put into the environment, which every child process has."""
    from motor_ingesta.panels.cluster import ClusterForm
    from motor_ingesta.panels.texts import Texts

    form = ClusterForm(Texts("en"))
    form.bootstrap_servers.value = "localhost:9092"
    form.key.value, form.secret.value = "key-4711", "secret-4711"
    form.registry_url.value, form.registry_auth.value = "http://localhost", "user:auth-4711"
    connections = form.take()
    assert connections.kafka.sasl_password.get_secret_value() == "secret-4711"
    code, said = run_python("import os; print(os.environ)")
    assert code == 0 and "4711" not in said


def test_a_partition_value_of_dollars_is_drawn():
    """`$^$` is a formula to Matplotlib, and not a valid one."""
    from motor_ingesta.panels.charts import bar_chart

    assert "$^$" in bar_chart("Rows by day", {"$^$": 1})


# 22


def read_by_all(path):
    "A table as three readers see it; they must agree."
    by_delta = DeltaTable(path).to_pyarrow_table().sort_by("id")
    by_polars = polars.read_delta(path).sort("id")
    by_duckdb = (
        duckdb.from_arrow(DeltaTable(path).to_pyarrow_dataset()).order("id").to_arrow_table()
    )
    assert by_delta.column_names == by_polars.columns == by_duckdb.column_names
    for name in by_delta.column_names:
        assert (
            by_delta[name].to_pylist() == by_polars[name].to_list() == by_duckdb[name].to_pylist()
        )
    return by_delta


def test_names_are_made_fit_and_every_reader_agrees(tmp_path):
    """`validate` advised column mapping: nulls in pandas, refused by polars."""
    home = json_files(tmp_path, "id BIGINT, `US Gross` BIGINT, `Título (orig.)` STRING")
    home.land("a.json", '{"id": 1, "US Gross": 5, "Título (orig.)": "x"}\n')
    home.run()
    table = read_by_all(str(home.table_path("bronze")))
    assert table["us_gross"].to_pylist() == [5]
    field = DeltaTable(str(home.table_path("bronze"))).schema().fields[1]
    assert "US Gross" in json.dumps(field.metadata, ensure_ascii=False)
    assert home.difference() == 0


def test_the_catalog_names_columns(tmp_path):
    home = json_files(tmp_path, "id BIGINT, `US Gross` BIGINT", column_names={"US Gross": "gross"})
    home.land("a.json", '{"id": 1, "US Gross": 5}\n')
    home.run()
    assert home.column("gross") == [5]


def test_a_wider_column_needs_no_table_feature(tmp_path):
    """INT to BIGINT switched type widening on, and other readers refused the table."""
    home = json_files(tmp_path, "id INT, value DOUBLE", schema_changes="evolve")
    home.land("a.json", '{"id": 1}\n')
    home.run()
    home.land("b.json", '{"id": 3000000000}\n')
    home.run()
    assert read_by_all(str(home.table_path("bronze")))["id"].to_pylist() == [1, 3_000_000_000]
    protocol = DeltaTable(str(home.table_path("bronze"))).protocol()
    assert (protocol.min_reader_version, protocol.reader_features) == (1, None)


# 23

LENIENT = {
    "allowNumericLeadingZeros": b'{"a": 007}',
    "allowUnquotedFieldNames": b"{a: 7}",
    "allowComments": b'{"a": 7 /* seven */}',
    "allowNonNumericNumbers": b'{"a": NaN}',
    "allowSingleQuotes": b"{'a': 7}",
    "allowBackslashEscapingAnyCharacter": b'{"\\a": 7}',
    "allowUnquotedControlChars": b'{"a": 7, "b\t": 1}',
}


@pytest.mark.parametrize("option", LENIENT)
def test_an_option_that_is_taken_works(tmp_path, option):
    """Documented, validated, and did nothing."""
    home = json_files(tmp_path, "a DOUBLE")
    home.land("a.json", LENIENT[option] + b"\n")
    home.run()
    assert home.rows() == []
    other = json_files(tmp_path / "with", "a DOUBLE", source={"options": {option: "true"}})
    other.land("a.json", LENIENT[option] + b"\n")
    other.run()
    value = other.rows()[0]["a"]
    assert value == 7 or (option == "allowNonNumericNumbers" and value != value)


# 24


def test_no_file_and_no_folder_is_told(tmp_path):
    """ "succeeded" without a word."""
    home = json_files(tmp_path)
    output = command("run", "--home", tmp_path, "--catalog", home.catalog)
    assert "landingcaso" in re.sub(r"\s+", "", output.output)


def test_a_mostly_rejected_run_is_no_success(tmp_path):
    """1,988 of 2,000 rows quarantined, exit 0."""
    home = json_files(tmp_path, "id INT", schema_changes="fail")
    home.land("a.json", "".join(f'{{"id": {number}.5}}\n' for number in range(99)) + '{"id": 1}\n')
    report = home.runner().run().datasets[0]
    assert report.status == "rejected"
    said = " ".join([*report.warnings, report.error])
    assert "id" in said and "99" in said and ".5" in said
    assert len(home.rows()) == 1 and len(home.rows("quarantine")) == 99
    again = command("run", "--home", tmp_path / "cli", "--catalog", home.catalog)
    assert again.exit_code == 0
    other = json_files(tmp_path / "other", "id INT", schema_changes="fail")
    other.land("a.json", '{"id": 1.5}\n')
    assert command("run", "--home", other.path, "--catalog", other.catalog).exit_code != 0


def test_thresholds_per_dataset(tmp_path):
    home = json_files(tmp_path, "id INT", schema_changes="fail", max_rejected=1)
    home.land("a.json", '{"id": 1}\n{"id": 1.5}\n')
    assert home.run().status == "succeeded"
    home.edit(max_rejected=0)
    home.land("b.json", '{"id": 1}\n{"id": 1.5}\n')
    assert home.runner().run().datasets[0].status == "rejected"


def test_a_null_value_of_csv_is_advised(tmp_path):
    """ "dep_time: 8,255 × 'NA' does not fit INT; set nullValue: NA"."""
    home = csv_files(tmp_path, "id INT, dep_time INT", schema_changes="fail")
    home.land("a.csv", "id,dep_time\n" + "1,NA\n" * 30 + "2,517\n")
    report = home.runner().run().datasets[0]
    said = " ".join([*report.warnings, report.error])
    assert "dep_time" in said and "'NA'" in said and "nullValue" in said and "30" in said


def test_columns_left_out_on_purpose_are_not_rescued(tmp_path):
    home = json_files(tmp_path, "id INT", source={"columns": "declared"})
    home.land("a.json", '{"id": 1, "other": 2}\n{"id": "x", "other": 2}\n')
    report = home.run()
    assert report.rows_rescued == 1
    rescued = [json.loads(row["_rescued_data"] or "null") for row in home.rows()]
    assert rescued == [None, {"id": "x"}]
    assert home.difference() == 0


# 25


def test_a_file_overwritten_after_it_was_ingested_is_told(tmp_path):
    """Told by `--everywhere` only, though the limitations say that a run says so."""
    home = json_files(tmp_path)
    landed = home.land("a.json", '{"id": 1}\n')
    home.run()
    time.sleep(0.02)
    landed.write_text('{"id": 1}\n{"id": 2}\n')  # in place: the folder's times stay
    report = home.run()
    assert any("a.json was replaced" in warning for warning in report.warnings)
    assert home.column("id") == [1]


def test_a_version_whose_run_failed_is_no_version(tmp_path, monkeypatch):
    """`schemas` listed it."""
    home = json_files(tmp_path, "id BIGINT", schema_changes="evolve")
    home.land("a.json", '{"id": 1}\n')
    home.run()
    assert len(home.runner().schemas("farm/readings")) == 1
    home.land("b.json", '{"id": 2, "id ": "other", "ID": 3}\n')
    report = home.runner(attempts=1).run().datasets[0]
    versions = home.runner().schemas("farm/readings")
    if report.status == "failed":
        assert len(versions) == 1


def test_a_fix_works_as_it_is_printed(tmp_path):
    """`Fix: motor-ingesta recover …` omitted `--home` and `--catalog`."""
    home = json_files(tmp_path)
    home.land("a.json", '{"id": 1}\n')
    home.run()
    import shutil

    shutil.rmtree(home.checkpoint)
    output = command("run", "--home", tmp_path, "--catalog", home.catalog).output
    text = re.sub(r"\s+", " ", output)
    fix = re.search(r"motor-ingesta (recover farm/readings[^:;]*)", text)
    assert fix, output
    words = fix[1].split()
    assert "--home" in words and "--catalog" in words
    assert command(*words).exit_code == 0
    assert command("run", "--home", tmp_path, "--catalog", home.catalog).exit_code == 0
    assert home.column("id") == [1]


def test_suggestions_fit(tmp_path):
    """`na_values` → nanValue, `json_schema` → json."""
    source = {"kind": "files", "format": "csv", "schema": "a INT", "options": {"na_values": "NA"}}
    said = refusal(tmp_path / "a.yml", source=source)
    assert "nullValue" in said and "nanValue" not in said
    value = {"format": "json_schema", "schema": "a INT"}
    said = refusal(tmp_path / "b.yml", source={"kind": "kafka", "topic": "t", "value": value})
    assert "did you mean json?" not in said
    assert "JSON Schema" in said


@pytest.mark.parametrize("kind", ["xlsx", "zip"])
def test_bytes_of_an_archive_are_named_and_not_printed(tmp_path, kind):
    import zipfile

    home = csv_files(tmp_path, "a INT")
    home.landing.mkdir(parents=True)
    with zipfile.ZipFile(home.landing / "a.csv", "w") as archive:
        archive.writestr("xl/workbook.xml" if kind == "xlsx" else "a.csv", "a\n1\n" * 50)
    home.runner().run()
    details = " ".join(row["_detail"] for row in home.rows("quarantine"))
    assert "\x03" not in details and "PK" not in details
    assert ("spreadsheet" if kind == "xlsx" else "ZIP").lower() in details.lower()
