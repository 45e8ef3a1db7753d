# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the account's secret out of all that the service says, before anything is read of it.

Whatever is made of an answer later (a record, an error, a line of a log, a row of the store) cannot hold it.
"""

import base64
import html
from typing import cast
from urllib.parse import quote

from .records import Credentials

SHORTEST_SECRET = 8  # a shorter one is none, and its letters are part of any text
_STARS = "***"


class Redaction:
    """Knows the secret in each form in which it may come back: plain, quoted, as HTML, as base64."""

    def __init__(self, credentials: Credentials | None) -> None:
        forms: list[str] = []
        if credentials is not None:
            secret, pair = credentials.secret, f"{credentials.key}:{credentials.secret}"
            forms = [secret, quote(secret, safe=""), html.escape(secret), _base64(pair), _base64(secret)]
        self._forms = [form for form in forms if len(form) >= SHORTEST_SECRET]

    def of_text(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, _STARS)
        return text

    def of_json(self, text: str, value: object) -> object:
        """The value that `text` was parsed to, without the secret, wherever in it and however escaped."""
        is_suspect = "\\" in text or any(form in text for form in self._forms)
        return self._of_value(value) if is_suspect else value

    def _of_value(self, value: object) -> object:
        if isinstance(value, str):  # lone surrogates can be neither stored nor shown: replaced
            return self.of_text(value.encode("utf-8", "replace").decode())
        if isinstance(value, list):
            return [self._of_value(one) for one in cast("list[object]", value)]
        if isinstance(value, dict):
            table = cast("dict[str, object]", value)
            return {str(self._of_value(name)): self._of_value(one) for name, one in table.items()}
        return value


def _base64(text: str) -> str:
    """Without the filling at its end, which some leave out."""
    return base64.b64encode(text.encode()).decode().rstrip("=")
