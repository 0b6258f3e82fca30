"""A Wi-Fi file on a USB stick, as DeepRacer has it: `ssid: 'name'`, `password: 'secret'`, `#` begins a comment.

The password reaches NetworkManager by standard input, no other process can see it, and no message holds it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.errors import StorageError

WIFI_FILE = "wifi-creds.txt"
MOST_BYTES = 4096
LONGEST_SSID_BYTES = 32
PASSWORD_CHARACTERS = range(8, 64)
TIMEOUT_S = 60.0

RunCommand = Callable[[Sequence[str], bytes], int]  # words and standard input -> exit code


@dataclass(frozen=True, slots=True)
class WifiCredentials:
    """password: None for an open network; never shown."""

    ssid: str
    password: str | None = field(default=None, repr=False)


def parse_wifi_file(content: bytes) -> WifiCredentials:
    """StorageError says what is wrong with the file, without repeating it."""
    values: dict[str, str] = {}
    try:
        lines = content[:MOST_BYTES].decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise StorageError(f"{WIFI_FILE} is not text in UTF-8. Save it as plain text.") from None
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and not line.lstrip().startswith("#"):
            values[key.strip().lower()] = _unquoted(value)
    ssid, password = values.get("ssid", ""), values.get("password") or None
    if not ssid or len(ssid.encode()) > LONGEST_SSID_BYTES or not ssid.isprintable() or ssid.startswith("-"):
        raise StorageError(f"{WIFI_FILE} needs a line ssid: 'name', up to {LONGEST_SSID_BYTES} bytes, not with a dash.")
    if password is not None and (len(password) not in PASSWORD_CHARACTERS or not password.isprintable()):
        raise StorageError(f"The password in {WIFI_FILE} must have 8 to 63 characters.")
    return WifiCredentials(ssid, password)


def join_wifi(credentials: WifiCredentials, run: RunCommand) -> None:
    """Have NetworkManager join and remember the network. StorageError when it does not."""
    command = ["nmcli", "--ask", "--wait", str(round(TIMEOUT_S)), "device", "wifi", "connect", credentials.ssid]
    secret = b"" if credentials.password is None else credentials.password.encode() + b"\n"
    code = run(command, secret)
    if code != 0:
        raise StorageError(
            f"The network {credentials.ssid} was not joined (code {code}). Is it in range? Check name and password."
        )


def run_command(command: Sequence[str], secret: bytes) -> int:
    """The words as they are, no shell; what the program says is not kept, it may repeat the secret."""
    try:
        finished = subprocess.run(
            command, input=secret, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            timeout=TIMEOUT_S + 10.0,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise StorageError(
            f"There is no {command[0]} here to join the network with. Install NetworkManager, or join it by hand."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise StorageError(f"{command[0]} gave no answer in {error.timeout:.0f} s. Put the stick in again.") from error
    except OSError as error:
        raise StorageError(f"{command[0]} cannot be started ({error.strerror}). Join the network by hand.") from error
    return finished.returncode


def _unquoted(value: str) -> str:
    value = value.strip()
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
