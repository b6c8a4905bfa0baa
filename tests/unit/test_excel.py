"Workbooks: from a proposal to bronze, and what hostile ones come to"

import datetime as dt
import io
import zipfile

import openpyxl
import pytest
from deltalake import DeltaTable

from motor_ingesta.formats import excel
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.profiling.files import add_to_catalog, land_files, propose
from motor_ingesta.storage.lake import Lake
from support.homes import Home, catalog_of


@pytest.fixture
def workbook(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Portada"
    book.active.append(["Finca del Río"])
    sheet = book.create_sheet("Parcelas")
    sheet.append(["Superficies"])
    sheet.append([])
    sheet.append(["plot", "ha", "sown", "code"])
    sheet.append(["A-1", 2.5, dt.date(2026, 1, 7), "007"])
    sheet.append(["A-2", 1234.25, dt.date(2026, 1, 8), "012"])
    book.save(tmp_path / "plots.xlsx")
    return tmp_path / "plots.xlsx"


def test_a_workbook_with_two_sheets(workbook, tmp_path):
    found = propose(workbook)
    assert found.options == {"sheet": "Parcelas", "headerRow": "3"}
    assert [column.type for column in found.columns] == ["STRING", "DOUBLE", "DATE", "STRING"]
    add_to_catalog(tmp_path / "catalog.yml", found.dataset("farm/plots"))
    land_files(found, Lake(tmp_path), "farm/plots")
    engine = MotorIngesta(tmp_path, tmp_path / "catalog.yml", engine="local")
    assert engine.run().datasets[0].rows_written == 2
    bronze = DeltaTable(str(tmp_path / "datalakecaso/bronze/farm/plots")).to_pandas()
    assert bronze.ha.sum() == 1236.75
    assert set(bronze.code) == {"007", "012"}
    assert engine.audit().difference == 0


SOURCE = 'kind: files, format: excel, schema: "plot STRING, ha DOUBLE"'


def _as_bytes(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_row_is_rejected_and_replayed(tmp_path):
    home = Home(tmp_path)
    home.land("plots.xlsx", _as_bytes(["plot", "ha"], ["A-1", 2.5], ["A-2", "much"]))
    report = MotorIngesta(tmp_path, catalog_of(SOURCE), engine="local").run()
    assert (report.datasets[0].rows_written, report.datasets[0].rows_quarantined) == (1, 1)
    quarantine = DeltaTable(str(tmp_path / "datalakecaso/quarantine/farm/plots")).to_pandas()
    assert "(row 3)" in quarantine._detail[0]
    mended = MotorIngesta(tmp_path, catalog_of(SOURCE, "rescue"), engine="local")
    assert mended.replay("farm/plots").rows == 1
    assert mended.audit().difference == 0


def test_a_bomb_is_quarantined(tmp_path, monkeypatch):
    monkeypatch.setattr(excel, "LARGEST_CONTENT", 2**20)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 2**22)
    home = Home(tmp_path)
    home.land("bomb.xlsx", bomb.getvalue())
    home.land("not.xlsx", b"plot,ha\nA-1,2.5\n")
    MotorIngesta(tmp_path, catalog_of(SOURCE), engine="local").run()
    quarantine = DeltaTable(str(tmp_path / "datalakecaso/quarantine/farm/plots")).to_pandas()
    assert set(quarantine._reason) == {"unreadable_file"}
    assert "unpacks to more than" in " ".join(quarantine._detail)
    assert "no workbook" in " ".join(quarantine._detail)
