"""The garage: cars by name, a TOML file each in HOME/cars. A run copies its car and never looks back."""

from __future__ import annotations

from pathlib import Path

from shared.atomic_files import storage_errors, write_atomic
from shared.errors import RunError, SettingsError
from shared.settings import dump_settings, load_settings, parse_settings
from trainer.car_settings import CarSettings
from trainer.runs.names import NAME_RULE, check_name, unknown_name


def car_names(home: Path) -> list[str]:
    """Every car in the garage, by name."""
    return sorted(path.stem for path in _folder(home).glob("[!.]*.toml"))


def load_car(home: Path, name: str) -> CarSettings:
    """The car of that name.

    Raises:
        RunError: there is none; the closest name is suggested.
        SettingsError: its file was edited into something that is not a car.
    """
    path = _path(home, name)
    if not NAME_RULE.fullmatch(name) or not path.is_file():
        raise unknown_name(name, "car", car_names(home))
    car = load_settings(CarSettings, path)
    if car.name != name:
        raise SettingsError(f"{path}: name is '{car.name}'. Make it '{name}', like the file.")
    return car


def add_car(home: Path, car: CarSettings) -> Path:
    """Put a new car into the garage; a name that is taken is refused."""
    path = _path(home, car.name)
    if path.exists():
        raise RunError(
            f"There is already a car '{car.name}'. Choose another name, or remove that one with: "
            f"lapwing cars delete {car.name}"
        )
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, dump_settings(car))
    return path


def rename_car(home: Path, name: str, new_name: str) -> CarSettings:
    """Give a car another name. Runs keep the name it had."""
    renamed = changed_car(load_car(home, name), name=new_name)
    if new_name != name:
        add_car(home, renamed)
        delete_car(home, name)
    return renamed


def describe_car(home: Path, name: str, description: str) -> CarSettings:
    """Give a car another description."""
    described = changed_car(load_car(home, name), description=description)
    write_atomic(_path(home, name), dump_settings(described))
    return described


def delete_car(home: Path, name: str) -> None:
    """Remove a car, also one whose file cannot be read. Runs made with it are not touched."""
    path = _path(home, name)
    if not NAME_RULE.fullmatch(name) or not path.is_file():
        raise unknown_name(name, "car", car_names(home))
    with storage_errors(path, "delete"):
        path.unlink()


def changed_car(car: CarSettings, *, name: str | None = None, description: str | None = None) -> CarSettings:
    """The same car under another name or description, both as somebody typed them."""
    typed = {"name": None if name is None else check_name(name, "car"), "description": description}
    changes = {key: value for key, value in typed.items() if value is not None}
    return parse_settings(CarSettings, {**car.model_dump(), **changes}, source="command line")


def _folder(home: Path) -> Path:
    return home / "cars"


def _path(home: Path, name: str) -> Path:
    return _folder(home) / f"{name}.toml"
