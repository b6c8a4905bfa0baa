"The data of the benchmark: FarmIA's, made once and kept, with what must be in a table when it was read"

import io
import json
from functools import cache
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from motor_ingesta.catalog.models import Dataset, FilesSource, farmia_catalog
from motor_ingesta.simulator.files import generate_files
from motor_ingesta.storage.lake import Lake

READINGS = "iot/devices"  # status reports of devices in the field
DDL = farmia_catalog().select(READINGS)[0].source.ddl


def readings(folder: Path, kind: str, count: int, files: int = 50) -> Lake:
    "A home whose landing has `count` device readings in this format"
    home = folder / (f"{kind}-{count}" if files == 50 else f"{kind}-{count}-{files}")
    lake = Lake(home)
    if not (home / "made").exists():
        home.mkdir(parents=True, exist_ok=True)
        if kind == "json":
            generate_files(lake, READINGS, files, count // files)
        else:
            _as(lake, readings(folder, "json", count, files), kind)
        (home / "made").touch()
    return lake


def _as(lake: Lake, source: Lake, kind: str) -> None:
    from pyarrow import csv, parquet

    for path in sorted(Path(source.landing(READINGS)).rglob("*.json")):
        table = _table(path)
        out = io.BytesIO()
        if kind == "parquet":
            parquet.write_table(table, out)
        else:
            at = pa.array(
                [
                    f"{t[:23]}Z".replace(" ", "T")
                    for t in table["reported_at"].cast(pa.string()).to_pylist()
                ]
            )
            csv.write_csv(
                table.set_column(table.schema.get_field_index("reported_at"), "reported_at", at),
                out,
                csv.WriteOptions(quoting_style="none"),
            )
        to = Path(lake.landing(READINGS)) / path.relative_to(source.landing(READINGS)).with_suffix(
            f".{kind}"
        )
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(out.getvalue())


def _table(path: Path) -> pa.Table:
    import duckdb

    return duckdb.sql(
        f"SELECT * FROM read_json('{path}', format='newline_delimited', columns={COLUMNS})"
    ).to_arrow_table()


COLUMNS = {
    "device_id": "VARCHAR",
    "farm_id": "VARCHAR",
    "kind": "VARCHAR",
    "firmware": "VARCHAR",
    "battery_pct": "DOUBLE",
    "latitude": "DOUBLE",
    "longitude": "DOUBLE",
    "temperature_c": "DOUBLE",
    "humidity_pct": "DOUBLE",
    "reported_at": "TIMESTAMPTZ",
}  # as DuckDB names types


def catalog_for(kind: str) -> Dataset:
    "The dataset, read from this format"
    dataset = farmia_catalog().select(READINGS)[0]
    return dataset.model_copy(
        update={
            "source": FilesSource(
                kind="files",
                format=kind,
                schema=DDL,
                options={"header": "true"} if kind == "csv" else {},
                pattern=f"*.{kind}",
            )
        }
    )


def checksum(uri, columns: list[str]) -> tuple[int, int]:
    "Rows of a Delta table, and a sum over what is in them that does not depend on their order"
    return arrow_checksum(DeltaTable(str(uri)).to_pyarrow_dataset(), columns)


def arrow_checksum(data, columns: list[str]) -> tuple[int, int]:
    import duckdb

    with duckdb.connect() as db:
        db.register("data", data)
        values = ", ".join(
            f"epoch_ms({c})" if pa.types.is_timestamp(data.schema.field(c).type) else c
            for c in columns
        )
        count, total = db.sql(
            f"SELECT count(*), sum(hash({values})::HUGEINT) FROM data"
        ).fetchall()[0]
        return count, int(total or 0)


@cache
def expected(folder: Path, count: int) -> tuple[int, int]:
    "What every table of these readings must have"
    kept = folder / f"json-{count}" / "checksum.json"
    if not kept.exists():
        files = sorted(Path(readings(folder, "json", count).landing(READINGS)).rglob("*.json"))
        parts = [arrow_checksum(_table(path), list(COLUMNS)) for path in files]
        kept.write_text(json.dumps([sum(p[0] for p in parts), sum(p[1] for p in parts)]))
    return tuple(json.loads(kept.read_text()))
