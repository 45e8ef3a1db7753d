# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of every process that we start: without secrets, which go through stdin where they must."""

import os
import re

_SECRET = re.compile(
    r"SCENARIO_|SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|AUTH_SOCK|(API|ACCESS|PRIVATE)_?KEY", re.IGNORECASE
)


def environment_without(*words: str) -> dict[str, str]:
    """Our own environment without what has a secret's name, or a name with one of these words in it."""
    return {
        name: text
        for name, text in os.environ.items()
        if not _SECRET.search(name) and not any(word in name.upper() for word in words)
    }
