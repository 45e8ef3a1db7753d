# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the key comes from: the environment, else a file that only its owner can read.

The system keychain comes behind the same functions. The key is never logged, nor kept in a .blend,
the preferences or the job store.
"""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from ..client import Credentials
from .files import replacing

KEY_VARIABLE = "SCENARIO_SDK_API_KEY"
SECRET_VARIABLE = "SCENARIO_SDK_API_SECRET"
_FILE = "account.json"


class AccountError(Exception):
    """The stored key cannot be used; the text says what to do."""


def read_credentials(folder: Path, environment: Mapping[str, str] = os.environ) -> Credentials | None:
    """The key from the environment or `folder`; None if there is none. Raises AccountError."""
    key, secret = environment.get(KEY_VARIABLE, "").strip(), environment.get(SECRET_VARIABLE, "").strip()
    if key and secret:
        return Credentials(key, secret)
    if key or secret:
        missing = SECRET_VARIABLE if key else KEY_VARIABLE
        raise AccountError(f"{missing} is not set. Set both {KEY_VARIABLE} and {SECRET_VARIABLE}.")
    path = folder / _FILE
    try:
        mode = path.stat().st_mode
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise AccountError(f"The key in {path} cannot be read: {error}. Enter it again.") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise AccountError(
            f"Others can read {path}. Make it yours alone (chmod 600), or enter the key again."
        )
    match content:
        case {"key": str(key), "secret": str(secret)} if key and secret:
            return Credentials(key, secret)
        case _:
            raise AccountError(f"{path} does not hold a key. Enter it again.")


def write_credentials(folder: Path, credentials: Credentials) -> None:
    """Keep the key in `folder`, readable by its owner alone from the first byte on."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / _FILE) as part:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"key": credentials.key, "secret": credentials.secret}, stream)


def erase_credentials(folder: Path) -> None:
    (folder / _FILE).unlink(missing_ok=True)
