"""A format of another package: lines of `name=value` pairs, as many services write their logs."""

import json
from collections.abc import Iterator

import pyarrow as pa

from motor_ingesta.errors import MotorIngestaError
from motor_ingesta.formats.base import RESCUED, Block, Parsed, ReadSchema, SourceFile, rejected_rows
from motor_ingesta.formats.convert import TextRules, from_text
from motor_ingesta.formats.lines import read_line_blocks, without_line_ends


class Logfmt:
    """The format `logfmt`. The option `separator` stands between the pairs, a space unless told."""

    name = "logfmt"
    has_lines = True
    fixed_columns = None

    def parse_options(self, options: dict[str, str]) -> str:
        unknown = sorted(options.keys() - {"separator"})
        if unknown:
            raise MotorIngestaError(f"logfmt has no option {', '.join(unknown)}", fix="remove it")
        return options.get("separator", " ")

    def header_lines(self, separator: str) -> int:
        return 0

    def file_schema(self, file: SourceFile, columns: pa.Schema, separator: str) -> None:
        return None

    def blocks(self, file: SourceFile, columns: pa.Schema, separator: str) -> Iterator[Block]:
        with file.open_stream() as stream:
            for lines in read_line_blocks(stream):
                yield Block(lines)

    def read(self, block: Block, schema: ReadSchema, separator: str) -> Parsed:
        rows, places, rejected = [], [], []
        for place, line in enumerate(without_line_ends(block.records).to_pylist()):
            try:
                rows.append(_pairs(line, separator))
                places.append(place)
            except ValueError as error:
                rejected.append((place, "malformed_logfmt", str(error), line))
        table, misfits = _typed(rows, schema.columns)
        if schema.rejects_misfits and misfits:
            raise MotorIngestaError(
                "logfmt cannot reject misfits", fix="use schema_changes: rescue"
            )
        columns = [list(column) for column in zip(*rejected, strict=True)] or [[], [], [], []]
        return Parsed(table, pa.array(places, pa.int64()), rejected_rows(*columns))


def _pairs(line: bytes, separator: str) -> dict[str, str]:
    words = line.decode().split(separator)
    pairs = [word.partition("=") for word in words]
    if not all(sign for _, sign, _ in pairs):
        raise ValueError("a word of the line has no =")
    return {name: value for name, _, value in pairs}


def _typed(rows: list[dict[str, str]], columns: pa.Schema) -> tuple[pa.Table, int]:
    """The columns of the schema; what the schema lacks, or does not fit, is rescued."""
    rescued = [{k: v for k, v in row.items() if k not in columns.names} for row in rows]
    arrays = []
    misfits = 0
    for column in columns:
        texts = [row.get(column.name) for row in rows]
        values, fits = from_text(pa.array(texts, pa.string()), column.type, TextRules())
        arrays.append(values)
        for place, fit in enumerate(fits.to_pylist()):
            if not fit:
                rescued[place][column.name] = texts[place]
                misfits += 1
    texts = [json.dumps(fields) if fields else None for fields in rescued]
    names = [*columns.names, RESCUED]
    return pa.table([*arrays, pa.array(texts, pa.string())], names=names), misfits


FORMAT = Logfmt()
