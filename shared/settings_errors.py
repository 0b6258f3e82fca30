"""What a settings field allows, in words, and the sentence that is shown when a value is not allowed."""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

COMMAND_LINE = "command line"


def sentence(
    cls: type[BaseModel], detail: Mapping[str, Any], source: str, overridden: AbstractSet[str]
) -> str:
    owner, field, dotted = _locate(cls, detail["loc"])
    where = (
        COMMAND_LINE if any(dotted == key or dotted.startswith(key + ".") for key in overridden) else source
    )
    if detail["type"] == "extra_forbidden":
        return f"{where}: {dotted} is not a setting.{_suggestion(dotted.rpartition('.')[2], owner)}"
    if detail["type"] == "missing":
        return f"{where}: {dotted} is missing. Allowed: {allowed_values(field)}."
    if detail["type"] in {"value_error", "assertion_error"}:
        prefix = f"{where}: {dotted}: " if dotted else f"{where}: "
        return prefix + str(detail["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    allowed = allowed_values(field) if field is not None else detail["msg"]
    told = f"{where}: {dotted} = {_shown(detail['input'])} is not allowed. Allowed: {allowed}."
    choices = _choices(field.annotation) if field is not None else []
    close = difflib.get_close_matches(str(detail["input"]), [str(choice) for choice in choices], n=1)
    return told + (f" Did you mean '{close[0]}'?" if close else "")


def _locate(
    cls: type[BaseModel], location: tuple[int | str, ...]
) -> tuple[type[BaseModel] | None, FieldInfo | None, str]:
    """The class that owns the key, its field (None for an unknown key), and the key as people write it."""
    owner: type[BaseModel] | None = cls
    field: FieldInfo | None = None
    last_owner = owner
    keys: list[str] = []
    for part in location:
        if isinstance(part, int):
            keys.append(str(part))
        elif owner is not None and part in owner.model_fields:
            last_owner, field = owner, owner.model_fields[part]
            owner = _nested(field.annotation)
            keys.append(part)
        elif owner is not None or field is None or field.annotation is None or _is_mapping(field.annotation):
            last_owner, field, owner = owner, None if owner is not None else field, None
            keys.append(part)
    return last_owner, field, ".".join(keys)


def _suggestion(key: str, owner: type[BaseModel] | None) -> str:
    names = list(owner.model_fields) if owner is not None else []
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known here: {', '.join(names)}." if names else ""


def _nested(annotation: Any) -> type[BaseModel] | None:
    """The settings class behind an annotation such as `Camera`, `Camera | None` or `tuple[Camera, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [nested for argument in get_args(annotation) if (nested := _nested(argument)) is not None]
    return found[0] if found else None


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Mapping)


def allows_none(annotation: Any) -> bool:
    return get_origin(annotation) in {Union, types.UnionType} and type(None) in get_args(annotation)


def _choices(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if isinstance(annotation, type) and hasattr(annotation, "__members__"):
        return [member.value for member in annotation.__members__.values()]
    if isinstance(annotation, type):
        return []
    return [choice for argument in get_args(annotation) for choice in _choices(argument)]


_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}


def _kind(annotation: Any) -> str:
    if _choices(annotation):
        return "one of " + ", ".join(str(choice) for choice in _choices(annotation))
    if annotation in _KINDS:
        return _KINDS[annotation]
    if allows_none(annotation):
        return " or ".join(_kind(argument) for argument in get_args(annotation) if argument is not type(None))
    if get_origin(annotation) in {tuple, list, set, frozenset}:
        inner = [argument for argument in get_args(annotation) if argument is not Ellipsis]
        kinds = list(dict.fromkeys(_kind(argument) for argument in inner))
        return "a list of " + " and ".join(kinds)
    if _nested(annotation) is not None or _is_mapping(annotation):
        return "a group of settings"
    return getattr(annotation, "__name__", str(annotation))


def _range(field: FieldInfo) -> str:
    # pydantic keeps each bound as an object with one attribute named after it.
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = {
        name: f"{word} {getattr(bound, name)}"
        for bound in field.metadata
        for name, word in words.items()
        if getattr(bound, name, None) is not None
    }
    low, high = found.get("ge", found.get("gt", "")), found.get("le", found.get("lt", ""))
    if low.startswith("at least ") and high.startswith("at most "):
        return f"from {low.removeprefix('at least ')} to {high.removeprefix('at most ')}"
    return " and ".join(part for part in (low, high) if part)


def allowed_values(field: FieldInfo | None) -> str:
    if field is None:
        return "nothing"
    bounds = _range(field)
    return f"{_kind(field.annotation)}, {bounds}" if bounds else _kind(field.annotation)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
