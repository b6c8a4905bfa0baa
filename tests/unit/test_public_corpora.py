"""JSONTestSuite and csv-spectrum, read by the engine."""

import json

import pytest

from support.corpora import csv_spectrum, json_test_suite
from support.trust import Home, csv_files

JSON_CASES = json_test_suite()
CSV_CASES = csv_spectrum()
NAMED_TWICE = {"y_object_duplicated_key", "y_object_duplicated_key_and_value"}
OTHER_ROWS = {"location_coordinates"}  # its rows have another telephone number than its CSV


def wrapped(text):
    return b'[{"id": 1, "value": ' + text + b"}]"


@pytest.fixture(scope="module")
def values_of_files(tmp_path_factory):
    "Case → the value that bronze has of it; cases in the quarantine are not there."
    source = {"kind": "files", "format": "json_array", "schema": "id INT, value STRING"}
    home = Home(tmp_path_factory.mktemp("suite"), source=source, max_rejected=1.0)
    for name, text in JSON_CASES.items():
        home.land(f"{name}.json", wrapped(text))
    home.run()
    assert home.difference() == 0
    assert len(home.rows()) + len(home.rows("quarantine")) >= len(JSON_CASES)
    found = {}
    for row in home.rows():
        name = row["_source_file"].rpartition("/")[2].removesuffix(".json")
        found[name] = row
    return found


TAKEN = [name for name in JSON_CASES if name.startswith("y_") and name not in NAMED_TWICE]
REFUSED = [name for name in JSON_CASES if name.startswith("n_")]


@pytest.mark.parametrize("name", TAKEN)
def test_json_that_must_be_taken(values_of_files, name):
    row = values_of_files[name]
    said = json.loads(JSON_CASES[name])
    if said is None:
        assert row["value"] is None
    elif isinstance(said, str):
        assert row["value"] == said
    else:
        assert json.loads(row["value"]) == said


@pytest.mark.parametrize(
    "name", [*REFUSED, *sorted(NAMED_TWICE)]
)  # which value a name has is not known
def test_json_that_must_be_refused(values_of_files, name):
    assert name not in values_of_files


@pytest.mark.parametrize("name", CSV_CASES)
def test_csv_spectrum(tmp_path, name):
    content, rows = CSV_CASES[name]
    header = content.decode().splitlines()[0].split(",")
    schema = ", ".join(f"`{column}` STRING" for column in header)
    options = {"header": "true", "multiLine": "true"}
    home = csv_files(tmp_path, schema, source={"options": options})
    home.land(f"{name}.csv", content)
    home.run()
    assert home.reasons() == {}
    assert home.difference() == 0
    found = [[value or "" for value in list(row.values())[: len(header)]] for row in home.rows()]
    if name in OTHER_ROWS:
        assert found[0][0] == "2095257564"
        return
    assert sorted(found) == sorted([row[column] for column in header] for row in rows)
