"""Tables of the catalog's keys, for the pages on configuration in two languages.

Every text goes through one function, so that a key without a Spanish text is an error on the
Spanish page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

Translate = Callable[[str], str]

_SCALARS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    SecretStr: "text, kept secret",
    Any: "value",
}
_HEADINGS = ("key", "value", "default", "meaning")


def key_tables(
    *models: type[BaseModel],  # of the catalog
    say: Translate = str,  # gives an English text in the page's language
) -> str:
    """Describe the keys of each model in Markdown: type, default, meaning."""
    return "\n\n".join(_table(model, say) for model in models)


def option_table(
    options: Mapping[str, Sequence[str]],  # format → names
    say: Translate = str,
) -> str:
    """List the options of each format in Markdown; formats without options are left out."""
    lines = [f"| {say('format')} | {say('options')} |", "|---|---|"]
    for form, names in options.items():
        name = say("JSON in a topic") if form == "topic" else f"`{form}`"
        listed = ", ".join(f"`{option}`" for option in names)
        if listed:
            lines.append(f"| {name} | {listed} |")
    return "\n".join(lines)


def _table(model: type[BaseModel], say: Translate) -> str:
    heading = " | ".join(say(text) for text in _HEADINGS)
    lines = [f"| {heading} |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        lines.append(_line(name, field, say))
    description = (model.__doc__ or "").rstrip(".")
    return f"### {model.__name__}\n\n{say(description)}.\n\n" + "\n".join(lines)


def _line(name: str, field: FieldInfo, say: Translate) -> str:
    meaning = say(field.description) if field.description else ""
    cells = (
        f"`{field.alias or name}`",
        _examples(field, say) or _value(field.annotation, say),
        _default(field, say),
        meaning.replace("|", "&#124;"),
    )
    return f"| {cells[0]} | {cells[1]} | {cells[2]} | {cells[3]} |"


def _examples(field: FieldInfo, say: Translate) -> str:
    """List the values that a field has by itself, where others are possible."""
    return f" {say('or')} ".join(f"`{value}`" for value in field.examples or ())


def _value(kind: Any, say: Translate) -> str:
    """Describe a type for a person."""
    origin = get_origin(kind)
    arguments = get_args(kind)
    if origin is Annotated:
        return _value(arguments[0], say)
    if origin is Literal:
        return f" {say('or')} ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        members = [part for part in arguments if part is not NoneType]
        return f" {say('or')} ".join(_value(member, say) for member in members)
    if origin is list:
        return f"{say('list of')} {_value(arguments[0], say)}"
    if origin is dict:
        return say("mapping")
    if issubclass(kind, BaseModel):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return say(_SCALARS[kind])


def _default(field: FieldInfo, say: Translate) -> str:
    if field.is_required():
        return f"**{say('required')}**"
    value = field.get_default(call_default_factory=True)
    if value in (None, "", [], {}) or isinstance(value, BaseModel):
        return ""
    return f"`{value}`"
