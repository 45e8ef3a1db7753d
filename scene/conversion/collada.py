# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks through a Collada file: it names delivered pictures alone, no other document, and no entities.

What an XML parser would put together only later (entities, other alphabets) is refused or taken apart first.
"""

import re
from pathlib import Path
from urllib.parse import unquote

from .references import MAX_ROUNDS, bring, last_name, leads_out, neutralised, read_text, replace_content
from .unpack import UnreadableError

_ALPHABETS = (
    b"utf-8",
    b"utf8",
    b"us-ascii",
    b"ascii",
    b"iso-8859-1",
    b"iso8859-1",
    b"latin1",
    b"windows-1252",
)
_ALPHABET = re.compile(rb"<\?xml[^>]*?\bencoding\s*=\s*[\"']([^\"']*)[\"']")
# What a parser takes out of a text, or puts into one as it is: a separator could stand on each side of it.
_INSERTED = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?(?!xml\s).*?\?>", re.DOTALL)
# A separator, a colon, a percent sign or a quote, as XML or an address may write it.
_HIDDEN = re.compile(
    rb"&#(?:0*(?:3[4579]|47|58|92)|x0*(?:2[2357fF]|3[aA]|5[cC]));|%(?:2[fF5]|5[cC]|3[aA])", re.IGNORECASE
)
_NAMESPACE = re.compile(
    rb"xmlns(?::\w+)?\s*=\s*([\"'])http://www\."
    rb"(?:collada\.org/20\d\d/\d\d/COLLADASchema|w3\.org/[\w/-]*)\1"
)
_PICTURE = re.compile(rb"(<(?:\w+:)?(?:init_from|ref)\b[^>]*>)([^<]*)(?=<(/?))")
_LINK = re.compile(rb"\b(url|source|href|target)(\s*=\s*)(\"[^\"]*\"|'[^']*')")
_COUNT = re.compile(rb"\bcount\s*=\s*[\"']\s*(\d{1,18})")


def clean_collada(path: Path, name: str, folder: Path) -> list[str]:
    """Takes out what leads elsewhere; returns the files that were meant. Raises UnreadableError."""
    before = read_text(path)
    content = _plain(before, name)
    content, found = neutralised(content, [match.span() for match in _NAMESPACE.finditer(content)])

    def kept(match: re.Match[bytes]) -> bytes:
        asset = match[2].strip() if match[3] else b""  # none of it stays where another element follows
        text = unquote(asset.decode("utf-8", "replace"))
        if asset and leads_out(text, path.parent, folder):
            found.append(text)
            asset = last_name(asset)
        elif asset:
            asset = asset.replace(b"\\", b"/")
            bring(path.parent, text, folder)
        return match[1] + asset

    def inner(match: re.Match[bytes]) -> bytes:
        """A link into this document alone; a target may be a path within it (`node/transform.X`)."""
        value = match[3][1:-1].strip()
        leads_away = b"#" in value[1:] if match[1] == b"target" else value[:1] not in (b"#", b"")
        return match[1] + match[2] + b'"#left-out"' if leads_away else match[0]

    content = _LINK.sub(inner, _PICTURE.sub(kept, content))
    if content != before:
        replace_content(path, content)
    return found


def _plain(content: bytes, name: str) -> bytes:
    """The text with nothing in it that a parser would put together. Raises UnreadableError."""
    if any(each.strip().lower() not in _ALPHABETS for each in _ALPHABET.findall(content)):
        raise UnreadableError(
            f"{name} is written in an alphabet that is not looked through; it is not imported."
        )
    for _ in range(MAX_ROUNDS):
        content = _INSERTED.sub(b"", content)
    if b"<!" in content or _INSERTED.search(content):
        raise UnreadableError(
            f"{name} defines entities of its own, which may hide anything; it is not imported."
        )
    if sum(int(count) for count in _COUNT.findall(content)) > len(content) * 2:  # some are counted twice
        raise UnreadableError(f"{name} claims more numbers than it holds; it is not imported.")
    return _HIDDEN.sub(b"_", content)
