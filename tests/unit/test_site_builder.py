"""The parts of the site builder, without building a site."""

import pytest

from support import REPOSITORY
from tools.site import links, sidebar
from tools.site.build import focusable, front_matter, render
from tools.site.diagrams import draw
from tools.site.keys import key_tables
from tools.site.pages import title_alone
from tools.site.repository import SiteError, module_name, notebooks, page_name, page_of, repository
from tools.site.widgets import is_companion, renumber


def test_a_clone_is_needed(tmp_path):
    assert repository(REPOSITORY / "nbs/formats") == REPOSITORY
    with pytest.raises(SiteError, match="not in a clone"):
        repository(tmp_path)


def test_pages_keep_their_folder_and_lose_their_number():
    assert page_name("31_landing.ipynb") == "landing"
    assert page_name("formats/base.ipynb") == "formats/base"
    pages = [page_of(REPOSITORY, path) for path in notebooks(REPOSITORY)]
    assert len(set(pages)) == len(pages)


def test_module_of_a_notebook():
    assert module_name(REPOSITORY / "nbs/formats/base.ipynb") == "motor_ingesta.formats.base"
    assert module_name(REPOSITORY / "nbs/index.ipynb") is None


def test_companion_notebooks():
    companions = [path.stem for path in notebooks(REPOSITORY) if is_companion(REPOSITORY, path)]
    assert companions == [
        "analisis",
        "datos_propios",
        "files_generation",
        "messages_generation",
        "motor_de_ingesta",
    ]


LINKS = "[a](results.ipynb#b) [b](index_es.ipynb) [c](31_landing.ipynb) ![d](images/d.png) [e](https://e)"


def test_links_of_a_page():
    assert links.relink(LINKS, links.to_page) == (
        "[a](results.ipynb#b) [b](index_es.ipynb) [c](landing.ipynb) ![d](images/d.png) [e](https://e)"
    )


def test_links_of_a_readme():
    assert links.relink(LINKS, links.to_readme) == (
        "[a](nbs/results.ipynb#b) [b](README.es.md) [c](nbs/31_landing.ipynb)"
        " ![d](nbs/images/d.png) [e](https://e)"
    )


@pytest.mark.parametrize(
    "page, expected",
    [
        ("index", "[`Lake`](storage/lake.ipynb#lake) and `_key`"),
        ("storage/paths", "[`Lake`](lake.ipynb#lake) and `_key`"),
        ("formats/base", "[`Lake`](../storage/lake.ipynb#lake) and `_key`"),
    ],
)
def test_links_to_documentation_are_relative(page, expected):
    home = "https://farmia.github.io/motor_ingesta"
    text = f"[`Lake`]({home}/storage/lake.html#lake) and [`_key`]({home}/topics.html#_key)"
    assert links.local_links(text, page, home, {"storage/lake": {"lake"}}) == expected


def test_signatures_have_no_links():
    text = "```python\nread(x:[`Block`](base.html#block))\n```\n*Call self as a function.*"
    assert links.plain_code(text) == "```python\nread(x:`Block`)\n```\n"


def test_sidebar():
    library = {"section": "Library", "contents": ["errors.ipynb", "[0-9]*.ipynb"]}
    later = {"section": "Later", "contents": ["gold.ipynb"]}
    there = ["31_landing.ipynb", "errors.ipynb", "index.ipynb"]
    assert sidebar.sidebar(["index.ipynb", library, later], there) == [
        "index.ipynb",
        {"section": "Library", "contents": ["errors.ipynb", "landing.ipynb"]},
    ]
    with pytest.raises(SiteError, match="results.ipynb"):
        sidebar.sidebar(["index.ipynb"], ["index.ipynb", "results.ipynb"])


def test_title_and_what_follows_it():
    title = "# lake\n\n> Where everything is."
    assert title_alone(f"{title}\n\nZones are folders.\n") == [title, "Zones are folders."]
    assert title_alone("# lake") == ["# lake"]
    assert title_alone("no title") == ["no title"]


def test_front_matter_tells_the_language():
    text = front_matter("---\noutput-file: lake.html\ntitle: lake\n---\n", "es")
    assert text == "---\nlang: es\ntitle: lake\n---\n"


def test_diagrams_are_the_same_each_time_and_have_a_title():
    diagram = "flowchart LR\n  accTitle: files to bronze\n  files --> bronze\n"
    drawn = draw(diagram, "example")
    assert drawn == draw(diagram, "example")
    assert 'aria-label="files to bronze"' in drawn
    with pytest.raises(SiteError, match="no title"):
        draw("flowchart LR\n  files --> bronze\n", "example")


def test_what_scrolls_can_be_reached_by_keyboard():
    html = '<pre class="python"><div class="sd-table"><div class="cell">'
    assert focusable(html) == (
        '<pre tabindex="0" class="python"><div class="sd-table" tabindex="0"><div class="cell">'
    )
    assert focusable(focusable(html)) == focusable(html)


def test_widget_models_are_numbered():
    first, second = "a" * 32, "b" * 32
    state = {"version_major": 2, "state": {first: {"children": second}, second: {}}}
    numbered, shown = renumber(state, [second])
    assert shown == [f"{0:032x}"]
    assert list(numbered["state"]) == [f"{0:032x}", f"{1:032x}"]
    assert numbered["state"][f"{1:032x}"] == {"children": f"{0:032x}"}


def test_key_tables():
    from motor_ingesta.catalog.models import AfterIngest

    assert "`archive`" in key_tables(AfterIngest)
    assert "MEANING" in key_tables(AfterIngest, say=str.upper)


def test_quarto_is_used_where_it_is_installed(tmp_path):
    program = tmp_path / "quarto"
    program.write_text('#!/bin/sh\necho "$@" > "$2/asked"\nmkdir "$2/_site"\n')
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    render(work, str(program))
    asked = (work / "asked").read_text().split()
    assert asked == ["render", str(work), "--no-cache", "--no-execute"]
    program.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    with pytest.raises(SiteError, match="it is broken"):
        render(work, str(program))
