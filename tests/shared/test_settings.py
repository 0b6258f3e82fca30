"""Settings: read from TOML and overrides, refused with a sentence that helps, written back unchanged."""

from __future__ import annotations

import tomllib
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import Field, model_validator

from shared.errors import SettingsError
from shared.settings import Settings, describe_settings, dump_settings, load_settings, parse_settings


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Camera(Settings):
    """How the camera is opened."""

    rate_hz: float = Field(15.0, ge=1, le=120, description="Frames per second.")
    mode: Literal["grey", "colour"] = "grey"


class Wheel(Settings):
    radius_m: float = Field(0.03, gt=0, lt=1)


class Car(Settings):
    name: str = "lapwing"
    owner: str | None = None
    laps: int = Field(3, ge=1)
    fast: bool = False
    colour: Colour = Colour.RED
    tracks: tuple[str, ...] = ()
    home: Path = Path("home")
    camera: Camera = Camera()
    wheels: tuple[Wheel, ...] = ()
    weights: dict[str, float] = Field(default_factory=dict)
    shares: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    limit: int | None = Field(None, ge=1)


class Range(Settings):
    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def _check(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}.")
        return self


class Nested(Settings):
    range: Range = Range()


def load(*overrides: str) -> Car:
    return load_settings(Car, None, overrides)


def refusal(*overrides: str, cls: type[Settings] = Car) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(cls, None, overrides)
    return str(caught.value)


def written(folder: Path, text: str) -> Path:
    path = folder / "car.toml"
    path.write_text(text)
    return path


def test_without_file_and_overrides_everything_is_default() -> None:
    assert load() == Car()


def test_a_file_is_read_and_overrides_come_last(tmp_path: Path) -> None:
    path = written(tmp_path, 'laps = 5\n[camera]\nrate_hz = 30\nmode = "colour"\n')
    car = load_settings(Car, path, ["camera.rate_hz=60"])
    assert (car.laps, car.camera.rate_hz, car.camera.mode) == (5, 60.0, "colour")


@pytest.mark.parametrize(
    ("override", "name", "value"),
    [
        ("name=plain words", "name", "plain words"),
        ('name="quoted = text"', "name", "quoted = text"),
        ("name=2018", "name", None),
        ("laps=7", "laps", 7),
        ("fast=true", "fast", True),
        ("colour=blue", "colour", Colour.BLUE),
        ('tracks=["oval", "cup"]', "tracks", ("oval", "cup")),
        ("home=/tmp/x", "home", Path("/tmp/x")),
        ("owner=", "owner", None),
        ("laps = 4", "laps", 4),
        ("weights.speed=0.5", "weights", {"speed": 0.5}),
    ],
)
def test_override_values_are_toml_or_plain_text(override: str, name: str, value: object) -> None:
    if value is None and name == "name":
        assert "name = 2018 is not allowed. Allowed: text" in refusal(override)
    else:
        assert getattr(load(override), name) == value


def test_an_empty_override_puts_the_default_back(tmp_path: Path) -> None:
    assert load_settings(Car, written(tmp_path, "laps = 5\n"), ["laps="]).laps == 3


def test_an_unknown_key_is_refused_with_the_closest_name_of_its_own_group() -> None:
    told = refusal("camera.rate_hs=15")
    assert told == "command line: camera.rate_hs is not a setting. Did you mean 'rate_hz'?"


def test_an_unknown_key_far_from_every_name_lists_the_names() -> None:
    assert "Known here: rate_hz, mode." in refusal("camera.zzzz=1")


def test_the_file_is_named_for_a_mistake_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[camera]\nrate_hz = 1000\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(Car, path, ["laps=4"])
    assert str(caught.value) == (f"{path}: camera.rate_hz = 1000 is not allowed. Allowed: a number, from 1 to 120.")


def test_every_mistake_is_told_one_a_line() -> None:
    lines = refusal("laps=0", "camera.mode=gray").splitlines()
    assert lines == [
        "command line: laps = 0 is not allowed. Allowed: a whole number, at least 1.",
        "command line: camera.mode = 'gray' is not allowed. Allowed: one of grey, colour. Did you mean 'grey'?",
    ]


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("camera.rate_hz=nan", "camera.rate_hz = nan is not allowed"),
        ("camera.rate_hz=inf", "camera.rate_hz = inf is not allowed"),
        ("fast=maybe", "Allowed: true or false"),
        ("colour=bleu", "Did you mean 'blue'?"),
        ("camera=3", "camera = 3 is not allowed. Allowed: a group of settings"),
        (
            "wheels=[{radius_m = 1.5}]",
            "wheels.0.radius_m = 1.5 is not allowed. Allowed: a number, above 0 and",
        ),
        ("weights.speed=fast", "weights.speed = 'fast' is not allowed. Allowed: a number."),
        ("tracks=[1]", "tracks.0 = 1 is not allowed. Allowed: text."),
        ("tracks=oval", "tracks = 'oval' is not allowed. Allowed: a list, each text."),
        ("wheels=[3]", "wheels.0 = 3 is not allowed. Allowed: a group of settings."),
        ("shares=[0.5, 2]", "shares.1 = 2 is not allowed. Allowed: a number, from 0 to 1."),
        ("limit=0", "limit = 0 is not allowed. Allowed: a whole number, at least 1."),
        ("wheels=[{radios_m = 0.5}]", "Did you mean 'radius_m'?"),
        ("laps.a=3", "laps"),
        ("laps", "is not a setting. Write it as: name=value"),
        ("=3", "is not a setting. Write it as: name=value"),
        ("a..b=3", "is not a setting. Write it as: name=value"),
    ],
)
def test_a_wrong_value_names_key_value_and_what_is_allowed(override: str, part: str) -> None:
    assert part in refusal(override)


def test_an_override_below_a_plain_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="laps is a value and not a group"):
        load_settings(Car, written(tmp_path, "laps = 5\n"), ["laps.more=1"])


def test_a_contradiction_between_settings_is_told_in_its_own_words() -> None:
    assert refusal("range.low=2", cls=Nested) == "command line: range: low 2 must be below high 1."


@pytest.mark.parametrize("text", ["laps =", "laps = 3\nlaps = 4\n", "[camera", "\xff"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "car.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"car\.toml: not a TOML file"):
        load_settings(Car, path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such settings file"):
        load_settings(Car, tmp_path / "none.toml")


def test_settings_cannot_be_changed_after_the_check() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Car().laps = 4  # type: ignore[misc]


def test_a_changed_copy_is_checked_again() -> None:
    assert Car().changed(laps=9).laps == 9
    with pytest.raises(ValueError, match="laps"):
        Car().changed(laps=0)


def test_a_field_that_allows_none_must_default_to_none() -> None:
    with pytest.raises(TypeError, match="None must be its default"):

        class Wrong(Settings):
            limit: int | None = 3


def test_none_is_written_by_leaving_the_key_out() -> None:
    assert "owner" not in dump_settings(Car())
    assert 'owner = "me"' in dump_settings(Car(owner="me"))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@hypothesis_settings(max_examples=100)
@given(
    car=st.builds(
        Car,
        name=TEXTS,
        owner=st.none() | TEXTS,
        laps=st.integers(1, 10**12),
        fast=st.booleans(),
        colour=st.sampled_from(Colour),
        tracks=st.lists(TEXTS, max_size=3).map(tuple),
        camera=st.builds(Camera, rate_hz=st.floats(1, 120), mode=st.sampled_from(["grey", "colour"])),
        wheels=st.lists(st.builds(Wheel, radius_m=st.floats(0.001, 0.9)), max_size=2).map(tuple),
        weights=st.dictionaries(TEXTS, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    )
)
def test_what_is_written_is_read_back_equal(car: Car) -> None:
    assert parse_settings(Car, tomllib.loads(dump_settings(car)), source="dump") == car


def test_every_setting_is_described_with_key_default_range_and_help() -> None:
    described = {item.key: item for item in describe_settings(Car)}
    rate = described["camera.rate_hz"]
    assert (rate.allowed, rate.default, rate.help) == ("a number, from 1 to 120", 15.0, "Frames per second.")
    assert described["camera.mode"].allowed == "one of grey, colour"
    assert described["colour"].allowed == "one of red, blue"
    assert described["tracks"].allowed == "a list, each text"
    assert "camera" not in described
