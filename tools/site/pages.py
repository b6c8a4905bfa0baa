"""From notebook to page, with nbdev's processors.

nbdev hides what is exported and shows the documentation of each name in its place. For that it
runs exported cells and imports, but no example: the outputs of those are in the notebook.
"""

from __future__ import annotations

import ast
import inspect
import multiprocessing
import os
import re
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from tools.site.repository import module_name, notebooks, page_of

_IMPORTS = (ast.Import, ast.ImportFrom)
_RUN_BY_NBDEV = {"export", "exports", "exporti", "exec_doc"}


def make_pages(root: Path, work: Path) -> None:
    """Write every notebook as its page shows it, each from a process of its own."""
    work.mkdir(parents=True)
    spawn = multiprocessing.get_context("spawn")
    with chdir(root), ProcessPoolExecutor(os.cpu_count(), spawn) as pool:
        pending = []
        for path in notebooks(root):
            target = work / f"{page_of(root, path)}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            pending.append(pool.submit(_make_page, path, target, module_name(path)))
        for page in pending:
            page.result()


def title_alone(text: str) -> list[str]:
    """Split a first cell into the title with its summary, and what comes after them."""
    title = re.match(r"# .*(\n+>.*)*", text)
    if not title:
        return [text]
    parts = (text[: title.end()], text[title.end() :].strip())
    return [part for part in parts if part]


def _make_page(source: Path, target: Path, module: str | None) -> None:
    from execnb.nbio import mk_cell
    from nbdev import showdoc
    from nbdev.process import Processor
    from nbdev.processors import FilterDefaults, add_show_docs
    from nbdev.serve_drv import main

    class KeepOrder(Processor):
        """Put the names of one cell in their own order, which nbdev reverses."""

        def begin(self) -> None:
            ordered: list[Any] = []
            for documented, run in groupby(self.nb.cells, _is_documentation):
                cells = list(run)
                ordered += reversed(cells) if documented else cells
            self.nb.cells[:] = ordered

    class PageProcessors(FilterDefaults):
        """nbdev's own processors, with what a page needs besides."""

        def base_procs(self) -> list:
            processors = [_import_types, _skip_examples_with_imports]
            for processor in super().base_procs():
                processors.append(processor)
                if processor is add_show_docs:
                    processors.append(KeepOrder)
            return processors

        def __call__(self, notebook: Any) -> Any:
            first = title_alone(notebook.cells[0].source)
            notebook.cells[:1] = [mk_cell(part, "markdown") for part in first]
            for number, cell in enumerate(notebook.cells):
                cell.idx_ = number
            return super().__call__(notebook)

    renderer = _renderer()
    renderer.module = module
    # settings.ini could only name a renderer that exists without nbdev.
    showdoc.BasicMarkdownRenderer = renderer
    main((source, target, PageProcessors))


def _is_documentation(cell: Any) -> bool:
    return bool(cell.get("has_sd"))


def _import_types(cell: Any) -> None:
    """Import also what is imported for type checkers only."""
    if cell.cell_type == "code":
        cell.source = cell.source.replace("if TYPE_CHECKING:", "if True:")


def _skip_examples_with_imports(cell: Any) -> None:
    """Do not run an example because there is an import in it."""
    if cell.cell_type != "code" or cell.directives_.keys() & _RUN_BY_NBDEV:
        return
    code = cell.parsed_() or []
    if all(isinstance(statement, _IMPORTS) for statement in code):
        return
    if any(_has_import(statement) for statement in code):
        cell.directives_["eval:"] = ["false"]


def _has_import(statement: ast.stmt) -> bool:
    return any(isinstance(node, _IMPORTS) for node in ast.walk(statement))


def _methods(shown: Any) -> list:
    if not inspect.isclass(shown):
        return []
    members = vars(shown).items()
    return [
        member
        for name, member in members
        if inspect.isfunction(member) and not name.startswith("_")
    ]


def _give_signature(shown: Any) -> None:
    """Let a signature be shown as it is written where a name in it is not known when it runs."""
    try:
        inspect.signature(shown, eval_str=True)
    except NameError:
        written = inspect.signature(shown.__init__ if inspect.isclass(shown) else shown)
        parameters = list(written.parameters.values())
        if inspect.isclass(shown):
            written = written.replace(parameters=parameters[1:])
        shown.__signature__ = written
    except (ValueError, TypeError):
        pass  # it has none


@cache
def _renderer() -> type:
    from fastcore.docments import DocmentText
    from nbdev.showdoc import BasicMarkdownRenderer

    class DocumentedClass(BasicMarkdownRenderer):
        """A class with its methods, and a dataclass with the comments of its fields.

        The comments are only in the module's file, not in the cell that nbdev runs.
        """

        module: str | None = None

        def __init__(self, sym: Any, *arguments: Any, **more: Any) -> None:
            _give_signature(sym)
            super().__init__(sym, *arguments, **more)
            if not (is_dataclass(sym) and self.module):
                return
            exported = getattr(import_module(self.module), sym.__name__, None)
            if exported:
                self.dm = DocmentText(exported, docstring=False)

        def _repr_markdown_(self) -> str:
            parts = [super()._repr_markdown_()]
            for member in _methods(self.sym):
                _give_signature(member)
                text = BasicMarkdownRenderer(member, title_level=4)._repr_markdown_()
                parts.append(text.removeprefix("---\n\n"))
            return "\n\n".join(parts)

    return DocumentedClass
