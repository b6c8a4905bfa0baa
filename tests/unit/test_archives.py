"""Archives are folders of files: every member is read, quarantined, audited, replayed and found again."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from motor_ingesta import MotorIngesta
from motor_ingesta.operations.preview import line_in_file
from motor_ingesta.profiling.files import add_to_catalog, land_files, propose
from motor_ingesta.profiling.sample import NothingToSampleError
from motor_ingesta.storage.archives import MOST_TIMES
from motor_ingesta.storage.lake import plain_path
from support.homes import Home, catalog_of, csv_source

CSV = csv_source()
NORTH, SOUTH, EAST = "plot,ha\nnorth,1.5\n", "plot,ha\nsouth,2.5\n", "plot,ha\neast,3.5\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "a home")


def zipped(members: dict[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return packed.getvalue()


def tarred(members: dict[str, str], mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as out:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content.encode()))
    return packed.getvalue()


def inside(home: Home) -> list[str]:
    "Where the rows of bronze came from, below their day."
    return [name[0].partition("/2026/01/07/")[2] for name in home.bronze("_source_file")]


def details(home: Home) -> dict[str, str]:
    rows = home.open_rows()
    return {row["_source_file"].partition("/2026/01/07/")[2]: row["_detail"] for row in rows}


ARCHIVES = {
    "plots.zip": zipped({"may/a.csv": NORTH, "june/a.csv": SOUTH}),
    "plots.tar": tarred({"may/a.csv": NORTH, "june/a.csv": SOUTH}),
    "plots.tar.gz": tarred({"may/a.csv": NORTH, "june/a.csv": SOUTH}, "w:gz"),
    "plots.TGZ": tarred({"may/a.csv": NORTH, "june/a.csv": SOUTH}, "w:gz"),
    "plots.tar.bz2": tarred({"may/a.csv": NORTH, "june/a.csv": SOUTH}, "w:bz2"),
    "plots.tar.xz": tarred({"may/a.csv": NORTH, "june/a.csv": SOUTH}, "w:xz"),
    "plots.tar.zst": pa.compress(
        tarred({"may/a.csv": NORTH, "june/a.csv": SOUTH}), "zstd", asbytes=True
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_members_are_files(home, name):
    home.land(name, ARCHIVES[name])
    home.land("b.csv", EAST)
    home.run(CSV)
    assert home.bronze("plot", "ha") == [("east", 3.5), ("north", 1.5), ("south", 2.5)]
    assert inside(home) == ["b.csv", f"{name}!/june/a.csv", f"{name}!/may/a.csv"]
    assert home.is_clean(CSV)
    home.run(CSV)
    assert len(home.bronze("plot")) == 3


def test_every_format(home):
    "Formats that are read from their end, lines, and a compressed member."
    table = pa.table({"plot": ["north"], "ha": [1.5]})
    columnar = io.BytesIO()
    parquet.write_table(table, columnar)
    home.land("plots.zip", zipped({"a.parquet": columnar.getvalue()}))
    source = 'kind: files, format: parquet, schema: "plot STRING, ha DOUBLE"'
    home.run(source)
    assert home.bronze("plot", "ha") == [("north", 1.5)]
    assert home.is_clean(source)


def test_a_workbook_in_an_archive(home):
    workbook, content = openpyxl.Workbook(), io.BytesIO()
    for row in (["plot", "ha"], ["north", 1.5]):
        workbook.active.append(row)
    workbook.save(content)
    home.land("plots.zip", zipped({"a.xlsx": content.getvalue()}))
    source = 'kind: files, format: excel, schema: "plot STRING, ha DOUBLE"'
    home.run(source)
    assert home.bronze("plot", "ha") == [("north", 1.5)]
    assert home.is_clean(source)


def test_a_bad_row_and_the_way_back_to_it(home):
    home.land("plots.zip", zipped({"may.csv": "plot,ha\nnorth,1.5\nsouth,wet\nbroken\n"}))
    home.run(CSV, "rescue")
    bronze = home.rows(home.lake.bronze(home.name))
    rescued = [row for row in bronze if row["_rescued_data"]]
    assert [row["plot"] for row in rescued] == ["south"]
    (row,) = home.open_rows()
    path = plain_path(row["_source_file"])
    assert path.endswith("plots.zip!/may.csv")
    source = catalog_of(CSV).datasets[0].source
    assert "broken" in line_in_file(path, source, bytes(row["_raw"]))
    assert row["_source_size"] == 35
    assert home.is_clean(CSV)


def test_quarantined_rows_are_replayed_with_the_header_of_their_member(home):
    home.land("plots.zip", zipped({"may.csv": "ha,plot\nwet,north\n", "june.csv": EAST}))
    home.run(CSV, "fail")
    assert len(home.open_rows()) == 1
    assert home.replay(CSV, "rescue").replayed == 1
    assert home.bronze("plot") == [("east",), ("north",)]


BAD = {
    "plots.zip": b"PK\x03\x04 cut off",
    "empty.zip": zipped({}),
    "cut.tar.gz": tarred({"a.csv": NORTH * 2000}, "w:gz")[:-40],
}


@pytest.mark.parametrize("name", BAD)
def test_an_archive_that_cannot_be_opened_is_quarantined_whole(home, name):
    home.land(name, BAD[name])
    home.land("b.csv", EAST)
    home.run(CSV)
    assert home.bronze("plot") == [("east",)]
    assert list(details(home)) == [name]
    assert "archive" in details(home)[name]
    assert home.is_clean(CSV)


def test_members_that_are_not_read_say_why(home):
    content = zipped({"a.csv": NORTH, "inner.zip": zipped({"b.csv": EAST}), "void.csv": ""})
    home.land("plots.zip", content)
    home.land("locked.zip", encrypted({"c.csv": SOUTH}))
    home.run(CSV)
    assert home.bronze("plot") == [("north",)]
    why = details(home)
    assert "inside an archive" in why["plots.zip!/inner.zip"]
    assert "empty" in why["plots.zip!/void.csv"]
    assert "encrypted" in why["locked.zip!/c.csv"]
    assert home.is_clean(CSV)


def encrypted(members: dict[str, str]) -> bytes:
    "The same archive with the flag of encryption in its directory."
    content = bytearray(zipped(members))
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<H", content, directory + 8, 1)
    return bytes(content)


def test_a_damaged_member_leaves_the_others(home):
    content = bytearray(zipped({"a.csv": NORTH, "b.csv": SOUTH * 500, "c.csv": EAST}))
    content[content.index(b"b.csv") + 20] ^= 0xFF
    home.land("plots.zip", bytes(content))
    home.run(CSV)
    assert home.bronze("plot") == [("east",), ("north",)]
    assert list(details(home)) == ["plots.zip!/b.csv"]
    assert home.is_clean(CSV)


def test_a_bomb_is_not_unpacked(home):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros.csv", bytes(2**20))
        out.filelist[0].file_size = 2**31
    home.land("bomb.zip", packed.getvalue())
    home.run(CSV)
    assert f"more than {MOST_TIMES} times" in details(home)["bomb.zip"]


def test_names_that_lead_out_stay_inside(home):
    names = ("../../../../etc/a.csv", "/etc/a.csv", "C:\\a.csv")
    content = zipped(dict.fromkeys(names, NORTH))
    home.land("plots.zip", content)
    home.run(CSV)
    assert inside(home) == [
        "plots.zip!/C:/a.csv",
        "plots.zip!/dotdot/dotdot/dotdot/dotdot/etc/a.csv",
        "plots.zip!/etc/a.csv",
    ]
    assert not [path for path in home.root.rglob("*") if path.name == "a.csv"]
    assert home.is_clean(CSV)


def test_the_pattern_is_that_of_the_members(home):
    home.land(
        "plots.zip", zipped({"a.csv": NORTH, "README.txt": "nothing", "__MACOSX/._a.csv": ""})
    )
    source = f'{CSV}, pattern: "*.csv"'
    home.run(source)
    assert home.bronze("plot") == [("north",)]
    assert not home.open_rows()


def test_a_binary_dataset_keeps_the_archive(home):
    content = zipped({"a.csv": NORTH})
    home.land("plots.zip", content)
    home.run("kind: files, format: binary")
    assert [row["content"] for row in home.rows(home.lake.bronze(home.name))] == [content]
    assert home.is_clean("kind: files, format: binary")


def test_many_members_in_several_batches(home):
    content = zipped({f"{number:03}.csv": f"plot,ha\np{number:03},1\n" for number in range(40)})
    home.land("plots.zip", content)
    home.run(f"{CSV}, max_files_per_batch: 15")
    assert len(home.bronze("plot")) == 40
    assert home.is_clean(CSV)


@pytest.mark.parametrize("action", ["delete", "archive"])
def test_an_archive_leaves_landing_once_all_of_it_is_ingested(home, action):
    file = home.land("plots.zip", zipped({"may/a.csv": NORTH, "june/a.csv": SOUTH}))
    source = f"{CSV}, max_files_per_batch: 1, after_ingest: {{action: {action}, after_days: 0}}"
    home.run(source)
    assert not file.exists()
    assert home.bronze("plot") == [("north",), ("south",)]
    home.run(source)
    assert home.is_clean(source)
    home.checkpoint.forget()
    home.recover(source)
    home.run(source)
    assert home.bronze("plot") == [("north",), ("south",)]


def test_an_archive_with_an_unreadable_member_stays(home):
    file = home.land("plots.zip", zipped({"a.csv": NORTH, "void.csv": ""}))
    home.run(f"{CSV}, after_ingest: {{action: delete, after_days: 0}}")
    assert file.exists()
    assert home.bronze("plot") == [("north",)]


def test_a_replaced_archive_is_read_again_if_the_catalog_says_so(home):
    source = f"{CSV}, on_replaced: refresh"
    file = home.land("plots.zip", zipped({"a.csv": NORTH, "b.csv": SOUTH}))
    home.run(source)
    file.write_bytes(zipped({"a.csv": EAST, "b.csv": SOUTH, "c.csv": "plot,ha\nwest,1\n"}))
    os.utime(file, (1, 1))
    home.run(source)
    assert home.bronze("plot") == [("east",), ("south",), ("west",)]
    assert home.is_clean(source)


def test_a_refresh_of_one_member(home):
    wrong = csv_source("BOOLEAN")
    home.land("plots.zip", zipped({"a.csv": NORTH, "b.csv": SOUTH}))
    home.run(wrong, "rescue")
    runner = home.runner(wrong, "rescue")
    assert runner.refresh(home.name, files=("*plots.zip!/a.csv",)).files == 1
    assert home.is_clean(wrong)


def propose_and_take(home: Home, file: Path):
    "What the mouse does: look at a file, keep the entry, land it, run."
    proposal = propose(file)
    catalog = home.root / "catalog.yml"
    add_to_catalog(catalog, proposal.dataset(home.name))
    land_files(proposal, home.lake, home.name)
    report = MotorIngesta(home.root, catalog, engine="local").run()
    assert report.datasets[0].status == "succeeded", report.datasets[0].error
    return proposal


def test_a_zip_is_proposed_by_what_is_in_it(home, tmp_path):
    file = tmp_path / "ventas 2026.zip"
    rows = "fecha;importe\n01/02/2026;1.234,50\n15/02/2026;7,25\n"
    file.write_bytes(zipped({"may/a.csv": rows, "june/b.csv": rows, "LEEME.txt": "nada"}))
    proposal = propose_and_take(home, file)
    assert (proposal.format, proposal.pattern) == ("csv", "*.csv")
    assert proposal.findings["archive"].value == "2 files in 1"
    assert [str(row[0]) for row in home.bronze("importe")] == ["7.25", "7.25", "1234.50", "1234.50"]


def test_archives_of_a_folder(home, tmp_path):
    folder = tmp_path / "plots"
    folder.mkdir()
    (folder / "a.zip").write_bytes(zipped({"a.csv": NORTH}))
    (folder / "b.tar.gz").write_bytes(tarred({"b.csv": SOUTH}, "w:gz"))
    assert propose_and_take(home, folder).findings["archive"].value == "2 files in 2"
    assert home.bronze("plot") == [("north",), ("south",)]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("plots.data", zipped({"a.csv": NORTH}), "end in .zip"),
        ("plots.gz", tarred({"a.csv": NORTH}, "w:gz"), "end in .tar.gz"),
        ("plots.zip", zipped({"inner.zip": zipped({"a.csv": NORTH})}), "inside an archive"),
        ("plots.zip", b"PK\x03\x04 cut off", "cannot be opened"),
        ("plots.zip", zipped({}), "has no files"),
        ("plots.zip", zipped({".hidden": "x"}), "has no files"),
        ("plots.zip", encrypted({"a.csv": NORTH}), "is encrypted"),
    ],
)
def test_an_archive_that_cannot_be_looked_into(tmp_path, name, content, why):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(NothingToSampleError) as caught:
        propose(file)
    assert why in str(caught.value)
