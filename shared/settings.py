"""Settings that people write: frozen pydantic models, read from TOML and command line, written as TOML."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import SettingsError
from shared.settings_errors import COMMAND_LINE, allowed_values, allows_none, sentence


class Settings(BaseModel):
    """Base of everything a person may set: default, range, unit and help text stand in the class, once.

    A field that allows None must have None as its default, because TOML has no word for it: leaving the
    key out is how None is written.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name, field in cls.model_fields.items():
            if allows_none(field.annotation) and not field.is_required() and field.get_default() is not None:
                raise TypeError(f"{cls.__name__}.{name} allows None, so None must be its default")

    def changed(self, **changes: Any) -> Self:
        """The same settings with some of them replaced, checked again."""
        return type(self).model_validate({**self._shallow(), **changes})

    def _shallow(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields}


_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")

SettingsT = TypeVar("SettingsT", bound=Settings)


def load_settings(cls: type[SettingsT], path: Path | None, overrides: Sequence[str] = ()) -> SettingsT:
    """Read settings from a TOML file (None: all defaults), then apply `a.b=value` overrides.

    A value is read as TOML (`0.5`, `true`, `[1, 2]`, `"text"`); what is not TOML is plain text. An empty
    value (`a.b=`) puts the default back.
    """
    values = _read_toml(path) if path is not None else {}
    overridden: set[str] = set()
    for override in overrides:
        overridden.add(_apply_override(values, override))
    return parse_settings(cls, values, source=str(path) if path is not None else COMMAND_LINE, overridden=overridden)


def parse_settings(
    cls: type[SettingsT],
    values: Mapping[str, Any],
    *,
    source: str,
    overridden: AbstractSet[str] = frozenset(),
) -> SettingsT:
    """Check a nested mapping against the class; raise SettingsError with source, key, value, what is allowed.

    overridden: dotted keys that came from the command line and not from the source.
    """
    try:
        return cls.model_validate(dict(values))
    except ValidationError as error:
        sentences = [sentence(cls, detail, source, overridden) for detail in error.errors()]
    raise SettingsError("\n".join(dict.fromkeys(sentences)))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such settings file. Check the name, or leave it out.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: not a TOML file ({error}). Write settings as: key = value") from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from error


def _apply_override(values: dict[str, Any], override: str) -> str:
    """Put one `a.b=value` into the nested mapping and return its dotted key."""
    dotted, equals, text = override.partition("=")
    parts = [part.strip() for part in dotted.split(".")]
    if not equals or not all(parts):
        raise SettingsError(f"{COMMAND_LINE}: {override!r} is not a setting. Write it as: name=value")
    table = values
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{COMMAND_LINE}: {dotted} cannot be set, because {part} is a value and not a group.")
    if text.strip():
        table[parts[-1]] = _toml_value(text.strip())
    else:
        table.pop(parts[-1], None)
    return ".".join(parts)


def _toml_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


@dataclass(frozen=True, slots=True)
class SettingDescription:
    """One line of help: the dotted key, what it may be, what it is when left alone, and what it does."""

    key: str
    allowed: str
    default: Any
    help: str


def describe_settings(cls: type[Settings]) -> list[SettingDescription]:
    """Every setting of the class and its groups, in the order they are declared."""
    found: list[SettingDescription] = []
    for name, field in cls.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Settings):
            found += [
                SettingDescription(f"{name}.{inner.key}", inner.allowed, inner.default, inner.help)
                for inner in describe_settings(group)
            ]
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        found.append(SettingDescription(name, allowed_values(field), default, field.description or ""))
    return found


def dump_settings(settings: Settings) -> str:
    """The settings as TOML that `load_settings` reads back to an equal value; None is left out."""
    lines: list[str] = []
    _emit_table(settings.model_dump(mode="json"), (), lines)
    return "\n".join(lines).strip("\n") + "\n"


def _emit_table(table: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping) and value is not None}
    groups = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    if path and (values or not groups):
        lines += ["", "[" + ".".join(_key(part) for part in path) + "]"]
    lines += [f"{_key(key)} = {_value(value)}" for key, value in values.items()]
    for key, group in groups.items():
        _emit_table(group, (*path, key), lines)


def _key(key: str) -> str:
    return key if _BARE_KEY.match(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items() if item is not None)
        return "{" + inner + "}"
    return "[" + ", ".join(_value(item) for item in value) + "]"


def _text(text: str) -> str:
    # A TOML basic string takes JSON's escapes; DEL is the one control character JSON leaves alone.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
