# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks through an FBX in text form, as fbx.py does through a binary one.

Read as Blender's importer reads it: a comment goes from `;` to the end of its line, a string to the next `"`.
"""

import re
from pathlib import Path

from .references import neutralised, read_text, replace_content
from .unpack import UnreadableError

_TOKEN = re.compile(rb';[^\r\n]*|"[^"]*"|[A-Za-z_]\w*\s*:|[{}]')
_EMBEDDED = re.compile(rb'"[A-Za-z0-9+/=\s]*"')
_COUNT = re.compile(rb":\s*\*\s*(\d{1,18})")


def clean_fbx_text(path: Path, name: str) -> list[str]:
    """Takes out what leads to a network; returns the files that were meant. Raises UnreadableError."""
    before = read_text(path)
    if sum(int(count) for count in _COUNT.findall(before)) > len(before):  # each number takes two bytes
        raise UnreadableError(f"Blender could not read {name}: it claims more numbers than it holds.")
    content, found = neutralised(before, _embedded(before))
    if content != before:
        replace_content(path, content)
    return found


def _embedded(content: bytes) -> list[tuple[int, int]]:
    """Where the bytes of embedded files are, as base64, in which two slashes lead nowhere."""
    found: list[tuple[int, int]] = []
    key = b""
    for match in _TOKEN.finditer(content):
        token = match[0]
        if token.startswith(b'"'):
            if key == b"Content" and _EMBEDDED.fullmatch(token):
                found.append(match.span())
        elif not token.startswith(b";"):
            key = token.rstrip(b": \t\r\n\f\v")
    return found
