"""What a reward module remembers between calls, as bytes, and back: exact resume of stateful rewards.

Kept are the module's data, attributes of its classes and functions, default arguments and closures. The
program itself is not: its functions and classes come from running the file again, and data refers to them
by their path in the file. The bytes are pickles made and read only inside the process that runs the reward
function; nobody else ever unpickles them.
"""

from __future__ import annotations

import enum
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from types import CellType, FunctionType, ModuleType
from typing import Any

LARGEST_STATE_BYTES = 32_000_000
"""Per car; a reward that remembers more makes every checkpoint slow."""

_LOOKED_INTO = 1000  # entries of a list or dict searched for functions

Clock = tuple[float, float, float]


class ModuleMemory:
    """The memory of one started module. Make it right after the file was run."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._program = dict(_program(module))
        self._path_of = {id(part): path for path, part in self._program.items()}
        self._owners = {p: part for p, part in self._program.items() if _is_own(part, module)}

    def save(self, clock: Clock) -> tuple[bytes | None, str]:
        """The memory and the car's clock as bytes, or (None, reason) when something cannot be kept."""
        memory = {path: _memory_of(owner) for path, owner in self._owners.items()}
        try:
            data = self._dumps((clock, memory))
        except BaseException:  # noqa: BLE001 - foreign __reduce__ may raise anything
            return None, self._culprit(memory)
        if len(data) > LARGEST_STATE_BYTES:
            return None, f"it remembers more than {LARGEST_STATE_BYTES // 1_000_000} MB per car"
        return data, ""

    def load(self, data: bytes) -> Clock:
        """Make the freshly started module remember; returns the car's clock."""
        clock, memory = _Unpickler(data, self._resolve).load()
        for path, values in memory.items():
            _put(self._owners[path], values)
        restored: Clock = clock
        return restored

    def _dumps(self, value: Any) -> bytes:
        buffer = io.BytesIO()
        _Pickler(buffer, self._reference).dump(value)
        return buffer.getvalue()

    def _reference(self, value: Any) -> tuple[str, str] | None:
        if id(value) in self._path_of and value is not self._module:
            return "program", self._path_of[id(value)]
        return ("module", value.__name__) if isinstance(value, ModuleType) else None

    def _resolve(self, reference: tuple[str, str]) -> Any:
        kind, name = reference
        if kind == "program":
            return self._program[name]
        __import__(name)
        return sys.modules[name]

    def _culprit(self, memory: dict[str, dict[str, Any]]) -> str:
        """Which name of the file cannot be kept."""
        for path, values in memory.items():
            for name, value in values.items():
                try:
                    self._dumps(value)
                except BaseException:  # noqa: BLE001 - see save
                    return f"'{f'{path}.{name}'.strip('.')}' is a {_kind(value)}, which cannot be saved"
        return "its variables cannot be saved together"


class _Pickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, reference: Callable[[Any], tuple[str, str] | None]) -> None:
        super().__init__(buffer, protocol=5)
        self._reference = reference

    def persistent_id(self, obj: Any) -> tuple[str, str] | None:
        return self._reference(obj)


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, resolve: Callable[[tuple[str, str]], Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._resolve = resolve

    def persistent_load(self, pid: Any) -> Any:
        return self._resolve(pid)


def _program(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The module, the functions and classes of its file and the methods they borrow, once each, by path."""
    seen: set[int] = set()
    queue: list[tuple[str, Any]] = [("", module)]
    while queue:
        path, owner = queue.pop(0)
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        if isinstance(owner, (dict, list, tuple)):
            queue += _entries(path, owner)
        elif isinstance(owner, (staticmethod, classmethod)):
            queue.append((path, owner.__func__))
        elif isinstance(owner, property):
            queue += [(f"{path}.{n}", getattr(owner, n)) for n in ("fget", "fset") if getattr(owner, n)]
        elif _is_own(owner, module):
            yield path, owner
            queue += _parts(path, owner)
        elif isinstance(owner, FunctionType) and "." in path:
            yield path, owner


def _entries(path: str, container: Any) -> list[tuple[str, Any]]:
    if isinstance(container, dict):
        return [(f"{path}[{key}]", value) for key, value in list(container.items())[:_LOOKED_INTO]]
    return [(f"{path}[{i}]", value) for i, value in enumerate(container[:_LOOKED_INTO])]


def _parts(path: str, owner: Any) -> list[tuple[str, Any]]:
    if isinstance(owner, FunctionType):
        cells = enumerate(owner.__closure__ or ())
        return [(f"{path}.closure{i}", cell.cell_contents) for i, cell in cells if _is_filled(cell)]
    dunders = isinstance(owner, ModuleType)
    return [(f"{path}.{n}".strip("."), v) for n, v in vars(owner).items() if not (dunders and _is_dunder(n))]


def _is_own(value: object, module: ModuleType) -> bool:
    if value is module:
        return True
    return isinstance(value, (FunctionType, type)) and getattr(value, "__module__", None) == module.__name__


def _memory_of(owner: Any) -> dict[str, Any]:
    """What a module, class or function remembers."""
    if isinstance(owner, FunctionType):
        cells = owner.__closure__ or ()
        return {
            "defaults": owner.__defaults__,
            "kwdefaults": owner.__kwdefaults__,
            "attributes": {k: v for k, v in vars(owner).items() if k != "__wrapped__"},
            "closure": {i: cell.cell_contents for i, cell in enumerate(cells) if _is_filled(cell)},
        }
    if isinstance(owner, enum.EnumMeta):
        return {}
    in_class = isinstance(owner, type)
    return {
        name: value
        for name, value in vars(owner).items()
        if not (_is_dunder(name) or name == "_abc_impl" or (in_class and _is_machinery(value)))
    }


def _is_machinery(value: Any) -> bool:
    """Slots, properties, class methods and the like, which come with the class."""
    return hasattr(type(value), "__get__") and not isinstance(value, FunctionType)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _put(owner: Any, values: dict[str, Any]) -> None:
    if isinstance(owner, FunctionType):
        owner.__defaults__, owner.__kwdefaults__ = values["defaults"], values["kwdefaults"]
        owner.__dict__.update(values["attributes"])
        for index, content in values["closure"].items():
            (owner.__closure__ or ())[index].cell_contents = content
        return
    for name in _memory_of(owner).keys() - values.keys():
        delattr(owner, name)
    for name, value in values.items():
        setattr(owner, name, value)


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - reading an empty cell raises
    except ValueError:
        return False
    return True


def _kind(value: object) -> str:
    """The type of a value, or of the entry of it that is to blame."""
    if isinstance(value, (dict, list, tuple)):
        for entry in value.values() if isinstance(value, dict) else value:
            try:
                pickle.dumps(entry)
            except BaseException:  # noqa: BLE001 - see ModuleMemory.save
                return f"{type(value).__name__} with a {_kind(entry)} in it"
    return type(value).__name__
