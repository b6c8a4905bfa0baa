"""Mermaid diagrams, drawn while the site is built, so that a page loads no script for them."""

import html
import re
from itertools import count

import mermaidx

from tools.site.repository import SiteError

_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.M | re.S)
_TITLE = re.compile(r"^\s*accTitle:\s*(.+)$", re.M)
_WIDTH = re.compile(r"max-width: ([\d.]+)px;")


def draw(
    diagram: str,  # in Mermaid's language
    name: str,  # an id that no other diagram of the page has
) -> str:
    """Draw a diagram as a figure in HTML.

    Raises: SiteError if the diagram has no `accTitle`, which screen readers need.
    """
    title = _TITLE.search(diagram)
    if not title:
        first = diagram.splitlines()[0]
        raise SiteError(
            f"the diagram that begins with {first!r} has no title",
            fix="add a line `accTitle: what it shows`",
        )
    svg = mermaidx.render(diagram).svg().replace("my-svg", name)
    svg = _WIDTH.sub(_with_min_width, svg, count=1)
    label = html.escape(title[1].strip(), quote=True)
    return f'<figure class="diagram" tabindex="0" role="img" aria-label="{label}">{svg}</figure>'


def _with_min_width(width: re.Match) -> str:
    """Let a wide diagram scroll before it becomes too small to read."""
    return f"{width[0]} min-width: {float(width[1]) * 0.6:.0f}px;"


def draw_all(text: str, page: str) -> str:
    """Draw every diagram of a Markdown text."""
    numbers = count(1)
    prefix = page.replace("/", "-")

    def figure(found: re.Match) -> str:
        drawn = draw(found[1], f"{prefix}-diagram-{next(numbers)}")
        return f"```{{=html}}\n{drawn}\n```"

    return _DIAGRAM.sub(figure, text)
