"""Lines of text."""

from tools.benchmarks.json_shapes import json_lines
from tools.benchmarks.peers import PlainFiles
from tools.benchmarks.rows import FLAT, Oddness
from tools.benchmarks.shapes import Expected, FileShape, goals


def _write(first: int, count: int) -> tuple[bytes, Expected]:
    lines, expected = json_lines(FLAT, first, count, Oddness())
    return ("\n".join(lines) + "\n").encode(), expected


SHAPES = (
    FileShape(
        "text_tiny",
        "text, 20,000 tiny files",
        {"format": "text"},
        _write,
        "log",
        PlainFiles("text", "value STRING"),
        goals=goals(0.06, spark=0.5),
        files=20_000,
        scale=0.1,
    ),
)
