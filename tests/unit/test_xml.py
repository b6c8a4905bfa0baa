"XML and fixed width: from landing to bronze, rejected rows mended, hostile documents refused"

import pytest
from deltalake import DeltaTable

from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.profiling.files import propose
from support.homes import Home, catalog_of

PLOTS = """<?xml version="1.0" encoding="windows-1252"?>
<finca>
  <plot id="7"><name>Peñón</name><ha>2.50</ha><sown>2026-01-07</sown></plot>
  <plot id="8"><name>Soto</name><ha>much</ha><sown>2026-01-08</sown></plot>
</finca>
"""
XML = (
    'kind: files, format: xml, schema: "_id BIGINT, name STRING, ha DOUBLE, sown DATE", '
    "options: {rowTag: plot}"
)


def table(root, zone):
    return DeltaTable(str(root / f"datalakecaso/{zone}/farm/plots")).to_pandas()


def test_xml_to_bronze_and_a_rejected_row_mended(tmp_path):
    Home(tmp_path).land("plots.xml", PLOTS.encode("windows-1252"))
    report = MotorIngesta(tmp_path, catalog_of(XML), engine="local").run()
    assert (report.datasets[0].rows_written, report.datasets[0].rows_quarantined) == (1, 1)
    assert list(table(tmp_path, "bronze").name) == ["Peñón"]
    mended = MotorIngesta(tmp_path, catalog_of(XML, "rescue"), engine="local")
    assert mended.replay("farm/plots").rows == 1
    assert sorted(table(tmp_path, "bronze")._id) == [7, 8]
    assert mended.audit().difference == 0


def test_xml_is_proposed(tmp_path):
    text = PLOTS.replace("much", "3").replace("windows-1252", "utf-8")
    (tmp_path / "plots.xml").write_text(text, encoding="utf-8")
    found = propose(tmp_path / "plots.xml")
    assert found.options == {"rowTag": "plot"}
    types = {column.name: column.type for column in found.columns}
    assert types == {"_id": "BIGINT", "name": "STRING", "ha": "DOUBLE", "sown": "DATE"}
    assert found.preview.rows.num_rows == 2


LAUGHS = """<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<finca><plot><name>&b;</name></plot></finca>"""
OUTSIDE = """<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>
<finca><plot><name>&file;</name></plot></finca>"""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (LAUGHS, "declares the entity"),
        (OUTSIDE, "declares the entity"),
        ("<finca>" + "<a>" * 1000, "nested more than"),
        ("<finca><plot>", "not XML"),
        ("<finca></finca>", "no element plot"),
    ],
)
def test_hostile_documents_are_quarantined(tmp_path, content, why):
    Home(tmp_path).land("plots.xml", content)
    MotorIngesta(tmp_path, catalog_of(XML), engine="local").run()
    row = table(tmp_path, "quarantine").iloc[0]
    assert row._reason == "unreadable_file"
    assert why in row._detail


FIXED = (
    'kind: files, format: fixed_width, schema: "plot STRING, ha DOUBLE, sown DATE", '
    'options: {widths: "4,6,8", dateFormat: yyyyMMdd, encoding: windows-1252}'
)


def test_fixed_width_to_bronze(tmp_path):
    lines = "Peñ   2.5020260107\nA-2   much20260108\nA-3\n"
    Home(tmp_path).land("plots.txt", lines.encode("windows-1252"))
    engine = MotorIngesta(tmp_path, catalog_of(FIXED, "rescue"), engine="local")
    report = engine.run().datasets[0]
    assert (report.rows_written, report.rows_quarantined) == (2, 1)
    assert set(table(tmp_path, "bronze")["plot"]) == {"Peñ", "A-2"}
    assert list(table(tmp_path, "quarantine")._raw) == [b"A-3"]
    assert engine.audit().difference == 0
