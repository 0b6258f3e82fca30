"""What a settings field allows, in words, and the sentence that is shown when a value is not allowed."""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

COMMAND_LINE = "command line"


def sentence(cls: type[BaseModel], detail: Mapping[str, Any], source: str, overridden: AbstractSet[str]) -> str:
    """One of pydantic's errors as where, dotted key, value, what is allowed and the closest name.

    overridden: dotted keys that came from the command line; the others came from the source.
    """
    place = _locate(cls, detail["loc"])
    typed = any(place.key == key or place.key.startswith(key + ".") for key in overridden)
    told = f"{COMMAND_LINE if typed else source}: {place.key}".removesuffix(": ")
    if detail["type"] == "extra_forbidden":
        return f"{told} is not a setting.{_suggestion(place)}"
    if detail["type"] == "missing":
        return f"{told} is missing. Allowed: {place.allowed}."
    if detail["type"] in {"value_error", "assertion_error"}:
        message = str(detail["msg"])
        return f"{told}: " + message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if detail["type"] == "union_tag_invalid":
        tags = detail["ctx"]
        return f"{told} is of kind '{tags['tag']}'. Allowed: {tags['expected_tags']}."
    choices = [str(choice) for choice in _choices(place.annotation)]
    close = difflib.get_close_matches(str(detail["input"]), choices, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"{told} = {_shown(detail['input'])} is not allowed. Allowed: {place.allowed}.{hint}"


def allowed_values(field: FieldInfo) -> str:
    """What may be written for a field: `a number, from 1 to 120`."""
    return _in_words(field.annotation, field.metadata)


def allows_none(annotation: Any) -> bool:
    return get_origin(annotation) in {Union, types.UnionType} and type(None) in get_args(annotation)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an error is. owner: the group its last key belongs to. annotation: None for an unknown key."""

    key: str
    owner: type[BaseModel]
    annotation: Any
    bounds: Sequence[Any]

    @property
    def allowed(self) -> str:
        return _in_words(self.annotation, self.bounds)


def _locate(cls: type[BaseModel], location: tuple[int | str, ...]) -> _Place:
    """Follow pydantic's location through groups, lists and tables; the rest of it is no key of ours."""
    place = _Place("", cls, cls, ())
    for part in location:
        annotation = _without_none(place.annotation)
        key = f"{place.key}.{part}".removeprefix(".")
        group = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
        if isinstance(part, int):
            place = _Place(key, place.owner, _element(annotation, part), ())
        elif group is not None and part in group.model_fields:
            field = group.model_fields[part]
            place = _Place(key, group, field.annotation, field.metadata)
        elif group is not None:
            return _Place(key, group, None, ())
        elif (member := _tagged(annotation, part)) is not None:
            place = _Place(place.key, place.owner, member, ())
        elif _is_mapping(annotation):
            place = _Place(key, place.owner, get_args(annotation)[-1], ())
    return place


def _tagged(annotation: Any, tag: str) -> Any:
    """The member of a tagged union that pydantic names by its tag; None when there is none."""
    for member in get_args(annotation) if get_origin(annotation) in {Union, types.UnionType} else ():
        if any(isinstance(item, Tag) and item.tag == tag for item in getattr(member, "__metadata__", ())):
            return get_args(member)[0]
    return None


def _without_none(annotation: Any) -> Any:
    if not allows_none(annotation):
        return annotation
    rest = [argument for argument in get_args(annotation) if argument is not type(None)]
    return rest[0] if len(rest) == 1 else annotation


def _element(annotation: Any, index: int) -> Any:
    arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    return arguments[min(index, len(arguments) - 1)] if arguments else None


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _suggestion(place: _Place) -> str:
    names = list(place.owner.model_fields)
    close = difflib.get_close_matches(place.key.rpartition(".")[2], names, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else f" Known here: {', '.join(names)}."


def _choices(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if isinstance(annotation, type) and hasattr(annotation, "__members__"):
        return [member.value for member in annotation.__members__.values()]
    return [choice for argument in get_args(annotation) for choice in _choices(argument)]


_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}


def _in_words(annotation: Any, bounds: Sequence[Any]) -> str:
    if get_origin(annotation) is Annotated:
        annotation, *extra = get_args(annotation)
        bounds = [*bounds, *(bound for item in extra for bound in getattr(item, "metadata", [item]))]
    return ", ".join(words for words in (_kind(annotation), _range(bounds)) if words)


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if annotation in _KINDS:
        return _KINDS[annotation]
    if origin is Literal or hasattr(annotation, "__members__"):
        return "one of " + ", ".join(str(choice) for choice in _choices(annotation))
    if origin in {Union, types.UnionType}:
        kinds = [_in_words(argument, ()) for argument in get_args(annotation) if argument is not type(None)]
        return " or ".join(kinds)
    if origin in {tuple, list, set, frozenset}:
        elements = [argument for argument in get_args(annotation) if argument is not Ellipsis]
        kinds = list(dict.fromkeys(_in_words(element, ()) for element in elements))
        return "a list, each " + " or ".join(kinds)
    if _is_mapping(annotation) or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "a group of settings"
    return "nothing" if annotation is None else getattr(annotation, "__name__", str(annotation))


def _range(bounds: Sequence[Any]) -> str:
    # pydantic keeps each bound as an object with one attribute named after it.
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = {
        name: f"{word} {getattr(bound, name)}"
        for bound in bounds
        for name, word in words.items()
        if getattr(bound, name, None) is not None
    }
    low, high = found.get("ge", found.get("gt", "")), found.get("le", found.get("lt", ""))
    if low.startswith("at least ") and high.startswith("at most "):
        return f"from {low.removeprefix('at least ')} to {high.removeprefix('at most ')}"
    return " and ".join(part for part in (low, high) if part)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
