"What a catalog takes and refuses, and the sentences that it refuses with."

import json
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import motor_ingesta.catalog
from motor_ingesta.catalog import models, options
from motor_ingesta.catalog.loading import CatalogError, catalog_yaml, load_catalog, parse_catalog
from motor_ingesta.catalog.models import Catalog, Dataset, FilesSource, InstalledSource
from motor_ingesta.farmia import farmia_catalog
from motor_ingesta.formats.base import format_named

ONE = """
datasets:
  - datasource: films
    dataset: movies
"""


def catalog_of(source, *keys):
    "The text of a catalog of one dataset; `keys` are further lines of it."
    lines = [f"    {key}\n" for key in (f"source: {source}", *keys)]
    return ONE + "".join(lines)


def dataset_of(source, *keys):
    return parse_catalog(catalog_of(source, *keys)).datasets[0]


def mistakes_of(text):
    with pytest.raises(CatalogError) as raised:
        parse_catalog(text, "farm.yml")
    return raised.value.mistakes


def mistake_of(source, *keys):
    (mistake,) = mistakes_of(catalog_of(source, *keys))
    return mistake


CSV = '{kind: files, format: csv, schema: "id INT, `US Gross` BIGINT", options: {%s}}'
JSON = '{kind: files, format: json, schema: "id INT", options: {%s}}'
KAFKA = "{kind: kafka, topic: orders, value: {format: %s}}"


# The file


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "farm.yml:1: the file must be keys with values"),
        ("datasets: [", "farm.yml:1: is not YAML: expected the node content"),
        ("datasets: " + "[" * 5000, "is not YAML"),
        ("version: " + "9" * 5000, "is not YAML"),
        ("version: 2026-13-45", "is not YAML: month must be in 1..12"),
        ("a: !!python/object/apply:os.getcwd []", "which a catalog does not have"),
        ("datasets: &a [*a]", "an alias that contains itself"),
        ("? [x]\n: 1", "a key that is a list or a mapping"),
        ("a: 1\n---\nb: 2", "found another document"),
        ("\x00", "unacceptable character"),
    ],
)
def test_what_is_not_yaml(text, sentence):
    (mistake,) = mistakes_of(text)
    assert sentence in mistake
    assert len(mistake.splitlines()) == 1


def test_aliases_that_stand_for_a_billion_values():
    text = "a: &a [x, x, x, x]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True):
        text += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    assert "its aliases stand for more than 100,000 values" in mistakes_of(text)[0]


def test_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogError, match="cannot be read: No such file") as raised:
        load_catalog("farm.yml")
    assert f"this path begins at {tmp_path}" in raised.value.fix
    Path("farm.yml").write_bytes("owner: José".encode("latin-1"))
    with pytest.raises(CatalogError, match="it is not UTF-8 from byte 10 on"):
        load_catalog("farm.yml")


def test_all_mistakes_with_their_lines():
    text = catalog_of(
        "\n      kind: files\n      format: csv\n      options: {header: si}\n      ptern: x",
        "ownr: ana",
        "owner: ana",
        "owner: eva",
        "sink: {partition_by: day}",
    )
    assert mistakes_of(text) == [
        "farm.yml:5: datasets[0].source reads csv without a schema; add `schema`, "
        "like `device_id STRING, at TIMESTAMP`",
        "farm.yml:8: datasets[0].source.options has header: si, which is neither true nor false",
        "farm.yml:9: datasets[0].source.ptern is not known here; did you mean pattern?",
        "farm.yml:10: datasets[0].ownr is not known here; did you mean owner?",
        "farm.yml:12: owner stands twice here; YAML would keep the last in silence",
        "farm.yml:13: datasets[0].sink.partition_by must be a list, like [day]",
    ]


def test_merged_mappings_and_the_line_of_a_mistake_in_them():
    text = """
datasets:
  - &first
    datasource: sales
    dataset: orders
    owner: ana
    source: {kind: files, format: text}
  - <<: *first
    dataset: returns
"""
    first, second = parse_catalog(text).datasets
    assert (second.name, second.owner) == ("sales/returns", "ana")
    (mistake, again) = mistakes_of(text.replace("owner", "ownr"))
    assert mistake == "farm.yml:6: datasets[0].ownr is not known here; did you mean owner?"
    assert again == "farm.yml:6: datasets[1].ownr is not known here; did you mean owner?"


def test_secrets_are_in_no_message_and_no_repr():
    text = "connections: {kafka: {bootstrap_servers: x, sasl_password: %s}}\n"
    assert "hunter2" not in "".join(mistakes_of(text % "[hunter2]" + "datasets: []"))
    catalog = parse_catalog(text % "hunter2" + catalog_of(KAFKA % "string"))
    assert "hunter2" not in f"{catalog!r} {catalog.model_dump_json()}"


def test_references_are_put_in_and_those_that_may_be_secret_are_kept(monkeypatch):
    monkeypatch.setenv("FARM_TOPIC", "orders-dev")
    monkeypatch.setenv("FARM_KEY", "hunter2")
    source = '{kind: kafka, topic: "${env:FARM_TOPIC}", value: {format: string}, options: {%s}}'
    text = 'connections: {kafka: {bootstrap_servers: x, sasl_password: "${env:FARM_KEY}"}}\n'
    catalog = parse_catalog(text + catalog_of(source % 'ssl.key.password: "${env:FARM_KEY}"'))
    read = catalog.datasets[0].source
    assert read.topic == "orders-dev"
    assert read.options["ssl.key.password"].get_secret_value() == "${env:FARM_KEY}"
    assert catalog.connections.kafka.sasl_password.get_secret_value() == "${env:FARM_KEY}"
    told = mistake_of(KAFKA.replace("orders", '"${env:FARM_TOPICS}"') % "string")
    assert "datasets[0].source.topic: the environment variable FARM_TOPICS is not set" in told


# Options


def test_options_are_the_texts_that_were_written():
    told = "nullValue: NO, header: Yes, positiveInf: 0010, negativeInf: 1.50, nanValue: null"
    assert dataset_of(CSV % told).source.options == {
        "nullValue": "NO",
        "header": "true",
        "positiveInf": "0010",
        "negativeInf": "1.50",
        "nanValue": "null",
    }
    assert dataset_of(CSV % "emptyValue: ").source.options == {"emptyValue": ""}


def test_options_are_spelled_as_spark_spells_them():
    told = r"Header: true, delimiter: '\t', DATEFORMAT: dd/MM/yyyy, charset: utf-8"
    assert dataset_of(CSV % told).source.options == {
        "header": "true",
        "sep": "\t",
        "dateFormat": "dd/MM/yyyy",
        "encoding": "utf-8",
    }
    assert "has sep twice, once as delimiter" in mistake_of(CSV % "sep: ',', delimiter: ';'")


@pytest.mark.parametrize(
    ("source", "told", "sentence"),
    [
        (CSV, "separator: ;", "did you mean sep?"),
        (
            CSV,
            "na_values: NA",
            "has na_values, which is no option of csv files; did you mean nullV",
        ),
        (CSV, "null_values: NA", "did you mean nullValue?"),
        (CSV, "decimal: ','", "did you mean locale?"),
        (CSV, "dtype: str", "`schema` gives the columns and their types"),
        (CSV, "on_bad_lines: skip", "bad rows go to the quarantine"),
        (CSV, "mode: DROPMALFORMED", "must not have mode: bad rows go to the quarantine"),
        (JSON, "na_values: NA", "no option of json files; known are allowBackslash"),
        (CSV, "date_format: d, seperators: ;", "did you mean dateFormat?; has seperators"),
        (CSV, "header: si", "has header: si, which is neither true nor false"),
        (CSV, "locale: es_ES", "which is no language and country such as es-ES"),
        (CSV, "encoding: ansi", "ANSI is windows-1252 in western Europe"),
        (CSV, "dateFormat: DD/MM/YYYY", "did you mean dd/MM/yyyy?"),
        (CSV, "timestampFormat: YYYY-MM-dd'T'HH:mm", "did you mean yyyy-MM-dd'T'HH:mm?"),
        (JSON, "multiLine: true", "the format `json_array` reads a whole document a file"),
        (CSV, "comment: //", "csv does not take: comment: // is not one ASCII character"),
        (CSV, "timeZone: Madrid", "csv does not take: Madrid is not a time zone"),
        (CSV, "enableDateTimeParsingFallback: true", "is not supported; set dateFormat"),
        (JSON, "maxNumLen: many", "json does not take: maxNumLen is many"),
        (JSON.replace("json", "json_array"), "lineSep: ;", "not an option of JSON arrays"),
        (JSON.replace("json", "parquet"), "mergeSchema: false", "mergeSchema is always true"),
        (JSON.replace("json", "avro"), "positionalFieldMatching: true", "fields match by name"),
        ("{kind: files, format: binary, options: {%s}}", "encoding: utf-8", "no option of binary"),
        (
            "{kind: kafka, topic: t, value: {format: json, schema: a INT, options: {%s}}}",
            "header: true",
            "has header, which is no option of JSON records",
        ),
    ],
)
def test_an_option_that_would_do_nothing_or_something_else(source, told, sentence):
    assert sentence in mistake_of(source % told)


def test_mistakes_of_the_names_the_values_and_the_format_are_told_together():
    told = mistake_of(CSV % "na_values: NA, header: si, comment: //")
    for sentence in ("did you mean nullValue?", "neither true nor false", "one ASCII character"):
        assert sentence in told


SAMPLES = {
    "sep": ";",
    "encoding": "windows-1252",
    "dateFormat": "dd/MM/yyyy",
    "timestampFormat": "dd/MM/yyyy HH:mm:ss",
    "timestampNTZFormat": "dd/MM/yyyy HH:mm:ss",
    "locale": "es-ES",
    "timeZone": "Europe/Madrid",
    "quote": "'",
    "escape": "^",
    "comment": "#",
    "lineSep": "\r\n",
    "maxColumns": "5",
    "maxCharsPerColumn": "100",
    "maxNestingDepth": "5",
    "maxNumLen": "5",
    "maxStringLen": "5",
    "datetimeRebaseMode": "LEGACY",
    "int96RebaseMode": "LEGACY",
}
NEEDED = {"stableIdentifierPrefixForUnionType": {"enableStableIdentifiersForUnionType": "true"}}


@pytest.mark.parametrize("form", [*options.READER_OPTIONS])
def test_every_option_that_is_documented_is_taken_by_its_format(form):
    reader = format_named("json" if form == "topic" else form)
    for name in options.READER_OPTIONS[form]:
        others = NEEDED.get(name, {})
        value = SAMPLES.get(name, "true")
        assert options.reader_options({name: value}, form) == {name: value}
        assert reader.parse_options({name: value, **others}) != reader.parse_options(others), name


def test_an_option_that_changes_nothing_is_taken():
    told = "enableDateTimeParsingFallback: false, unescapedQuoteHandling: RAISE_ERROR"
    assert dataset_of(CSV % told).source.options == {"unescapedQuoteHandling": "RAISE_ERROR"}


def test_table_properties_are_true_or_false_in_any_of_yaml_s_ways():
    told = dataset_of(KAFKA % "string", "sink: {table_properties: {a: yes, b: True, c: 5}}")
    assert told.sink.table_properties == {"a": "true", "b": "true", "c": "5"}


# Column names


def test_a_name_that_delta_refuses_is_taken():
    assert dataset_of(CSV % "header: true").column_names == {}
    assert dataset_of(CSV % "", "sink: {partition_by: [us_gross]}").sink.partition_by == [
        "us_gross"
    ]


def test_column_names_rename_columns():
    dataset = dataset_of(
        CSV % "", "column_names: {US Gross: gross}", "sink: {partition_by: [gross]}"
    )
    assert dataset.column_names == {"US Gross": "gross"}


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (["column_names: {US Gros: gross}"], "has US Gros, which is no column of the schema; did"),
        (["column_names: {US Gross: _raw}"], "_raw is a column of the engine; choose another name"),
        (["column_names: {US Gross: a b}"], "cannot be the name of a table's column"),
        (["column_names: {id: a, US Gross: A}"], "would both be A"),
        (["column_names: [a]"], "must be keys with values"),
        (["sink: {partition_by: [US Gross]}"], "in bronze it is called us_gross"),
        (["sink: {partition_by: [us_gros]}"], "did you mean us_gross?"),
        (
            ["column_names: {US Gross: gross}", "sink: {partition_by: [us_gross]}"],
            "has us_gross, which is no column of the dataset",
        ),
    ],
)
def test_column_names_that_cannot_be(keys, sentence):
    assert sentence in mistake_of(CSV % "", *keys)


def test_a_column_that_bronze_may_grow_by_can_be_renamed():
    names = "column_names: {Later One: later}"
    assert dataset_of(CSV % "", names, "schema_changes: evolve").column_names
    assert dataset_of("{kind: files, format: parquet}", names).column_names


# What may be rejected


@pytest.mark.parametrize(
    ("limit", "rejected", "read", "is_too_many"),
    [
        ("0.5", 50, 100, False),
        ("0.5", 51, 100, True),
        ("0", 0, 100, False),
        ("0", 1, 100, True),
        ("1", 1, 1, False),
        ("1", 2, 1000, True),
        ("1.0", 100, 100, False),
        ("0.5", 0, 0, False),
        ("0.5", 1, 1, True),
    ],
)
def test_max_rejected(limit, rejected, read, is_too_many):
    dataset = dataset_of(KAFKA % "string", f"max_rejected: {limit}")
    assert dataset.rejects_too_many(rejected, read) is is_too_many
    again = parse_catalog(catalog_yaml(dataset)).datasets[0]
    assert again.rejects_too_many(rejected, read) is is_too_many


def test_half_of_the_rows_may_be_rejected_by_default():
    assert dataset_of(KAFKA % "string").max_rejected == 0.5


@pytest.mark.parametrize("limit", ["-1", "1.5", "true", "many", "5%", ".nan", "[1]", "~"])
def test_a_limit_that_is_none(limit):
    assert "must be a number of rows, such as 100, or a share" in mistake_of(
        KAFKA % "string", f"max_rejected: {limit}"
    )


def test_a_limit_from_the_environment(monkeypatch):
    monkeypatch.setenv("FARM_LIMIT", "12")
    assert dataset_of(KAFKA % "string", 'max_rejected: "${env:FARM_LIMIT}"').max_rejected == 12


# Files


def test_columns_left_out_on_purpose():
    source = '{kind: files, format: csv, columns: declared, schema: "id INT"}'
    assert dataset_of(source).source.columns == "declared"
    assert dataset_of(CSV % "").source.columns == "all"
    told = mistake_of("{kind: files, format: parquet, columns: declared}")
    assert "reads declared columns only, and declares none; add `schema`" in told


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ("id )CSTRING", "is not a schema in Spark DDL (not a list of columns"),
        ("id", "is not a schema in Spark DDL (the column id has no type)"),
        ("id VARIANT", "is not a schema in Spark DDL (the type VARIANT is not supported)"),
        ("id MAP<STRING>", "is not a schema in Spark DDL (a type in it is not complete)"),
        ("id ARRAY", "is not a schema in Spark DDL (a type in it is not complete)"),
        ("id INT, ID INT", "has id more than once; Spark does not tell names apart by case"),
        ("id INT, _raw INT", "uses _raw, which the engine adds itself"),
        ("x VARCHAR(10), y STRUCT<z: CHAR(3)>", "has VARCHAR(10), CHAR(3); a lakehouse's texts"),
        (" ", "has no columns"),
    ],
)
def test_a_schema_that_is_none(schema, sentence):
    told = mistake_of(f'{{kind: files, format: csv, schema: "{schema}"}}')
    assert f"datasets[0].source.schema {sentence}" in told


def test_a_schema_without_quotes_is_cut_at_its_commas():
    told = mistakes_of(catalog_of("{kind: files, format: csv, schema: x INT, y INT}"))
    assert "wants quotes" in told[0]


@pytest.mark.parametrize(
    ("form", "hint"),
    [
        ("jsn", "did you mean json?"),
        ("ndjson", "did you mean json?"),
        ("tsv", 'did you mean csv, with `options: {sep: "\\t"}`?'),
        ("xlsx", "did you mean excel"),
    ],
)
def test_an_unknown_format(form, hint):
    told = mistake_of(f"{{kind: files, format: {form}}}")
    assert "must be 'json', 'json_array', 'csv', 'parquet', 'avro', 'text', 'binary', " in told
    assert "'xml' or 'fixed_width'" in told
    assert hint in told


@pytest.mark.parametrize("form", ["json_schema", "json-schema", "JSON_SR"])
def test_values_of_json_schema_are_not_json(form):
    told = mistake_of(KAFKA % form)
    assert f"has an unknown format: {form}; values of JSON Schema have five bytes" in told
    assert "did you mean" not in told


# Installed packages


@pytest.fixture
def package(tmp_path, monkeypatch):
    "An installed package with a format `papyrus` and a kind of source `pigeons`."
    metadata = tmp_path / "papyrus-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: papyrus\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[motor_ingesta.formats]\npapyrus = papyrus:FORMAT\n"
        "[motor_ingesta.sources]\npigeons = papyrus:Pigeons\n"
    )
    (tmp_path / "papyrus.py").write_text(
        "from motor_ingesta.errors import MotorIngestaError\n"
        "class Papyrus:\n"
        "    fixed_columns = None\n"
        "    def parse_options(self, options):\n"
        "        if 'ink' in options:\n"
        "            raise MotorIngestaError('ink is dry', fix='add water')\n"
        "FORMAT = Papyrus()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    options.installed_format.cache_clear()
    sys.modules.pop("papyrus", None)


def test_a_format_of_an_installed_package(package):
    source = dataset_of("{kind: files, format: papyrus, options: {Scroll: 5}}").source
    assert (source.format, source.options) == ("papyrus", {"Scroll": "5"})
    told = mistake_of("{kind: files, format: papyrus, options: {ink: red}}")
    assert "has what papyrus does not take: ink is dry; add water" in told
    told = mistake_of("{kind: files, format: papyru}")
    assert "'xml', 'fixed_width' or 'papyrus'; did you mean papyrus?" in told


def test_a_source_of_an_installed_package(package):
    dataset = dataset_of("{kind: pigeons, loft: north, ring: [1, 2]}", "column_names: {a b: c}")
    assert isinstance(dataset.source, InstalledSource)
    assert dataset.source.kind == "pigeons"
    assert dataset.source.model_extra == {"loft": "north", "ring": [1, 2]}
    assert parse_catalog(catalog_yaml(dataset)).datasets == [dataset]


def test_a_kind_of_source_that_is_not_installed():
    told = mistake_of("{kind: pigeons, loft: north}")
    assert told.endswith("datasets[0].source has an unknown kind: pigeons; known are files, kafka")
    assert "source.kind is missing; it says what the rest is" in mistake_of("{format: csv}")


# The JSON Schema, the example, names that have moved


def test_the_schema_that_ships_is_that_of_the_models():
    shipped = (files("motor_ingesta") / "catalog.schema.json").read_text()
    assert json.loads(shipped) == json.loads(json.dumps(models.catalog_schema())), (
        "run nbs/catalog/models.ipynb, which writes it"
    )


def test_every_key_is_described():
    for definition in models.catalog_schema()["$defs"].values():
        for name, key in definition["properties"].items():
            assert key.get("description") or name == "format", name


def test_the_example_is_written_as_it_was_read():
    farmia = farmia_catalog()
    assert parse_catalog(catalog_yaml(*farmia.datasets)).datasets == farmia.datasets


def test_the_catalog_does_not_know_the_example():
    for path in Path(motor_ingesta.catalog.__path__[0]).glob("*.py"):
        named = [line for line in path.read_text().splitlines() if "farmia" in line.lower()]
        assert all("farmia_catalog" in line for line in named), path


@pytest.mark.parametrize("name", sorted(models._MOVED))
def test_old_imports_work(name):
    assert getattr(models, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        models.nothing  # noqa: B018


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
words = st.sampled_from(["NO", "yes", "null", "~", "1_000", "0010", "1e3", "- a", "a: b", "#", "'"])


@settings(max_examples=200, deadline=None)
@given(
    null=texts | words,
    description=(texts | words).filter(lambda text: "${" not in text),
    limit=st.integers(0, 10**6) | st.floats(0, 1),
    name=st.sampled_from(["gross", "no", "null", "n1"]),
)
def test_a_dataset_is_read_as_it_was_written(null, description, limit, name):
    source = FilesSource(
        kind="files", format="csv", schema="`a b` INT", options={"nullValue": null}
    )
    dataset = Dataset(
        datasource="no",
        dataset="0010",
        description=description,
        source=source,
        max_rejected=limit,
        column_names={"a b": name},
    )
    catalog = parse_catalog(catalog_yaml(dataset))
    assert isinstance(catalog, Catalog)
    assert catalog.datasets == [dataset]
