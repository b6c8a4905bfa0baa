"""A kind of source of another package: the rows of a SQLite table, each as JSON, by its rowid."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass


@dataclass(frozen=True)
class SqliteTable:
    """The source `sqlite`: `{kind: sqlite, database: …, table: …, schema: …}`."""

    database: str  # path
    table: str

    def ends(self) -> dict[str, int]:
        with closing(sqlite3.connect(self.database)) as connection:
            [last] = connection.execute(f'SELECT max(rowid) FROM "{self.table}"').fetchone()
        return {self.table: (last or 0) + 1}

    def read(self, stream: str, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        query = f'SELECT rowid, * FROM "{stream}" WHERE rowid >= ? AND rowid < ? ORDER BY rowid'
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute(query, (start, end))
            names = [column[0] for column in rows.description[1:]]
            for rowid, *values in rows:
                yield rowid, json.dumps(dict(zip(names, values, strict=True))).encode()
