# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of every process that we start: without secrets, which go through stdin where they must."""

import os
import re

_SECRET = re.compile(
    r"SCENARIO_|SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|COOKIE|AUTH_SOCK|(API|ACCESS|PRIVATE)KEY"
    r"|(^|_)(KEY|PAT|PWD|AUTH|DSN)(_|$)",
    re.IGNORECASE,
)
_PASSWORD_IN_ADDRESS = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
_NEEDED = ("PWD", "OLDPWD")  # the working folder


def environment_without(*words: str) -> dict[str, str]:
    """Our own environment without what has a secret's name or is an address with a password in it (a proxy's
    is needed), and without names with one of these words in them.
    """
    return {
        name: text
        for name, text in os.environ.items()
        if name in _NEEDED or not (_is_secret(name, text) or any(word in name.upper() for word in words))
    }


def _is_secret(name: str, text: str) -> bool:
    is_proxy = name.upper().endswith("_PROXY")
    return bool(_SECRET.search(name)) or (not is_proxy and bool(_PASSWORD_IN_ADDRESS.search(text)))
