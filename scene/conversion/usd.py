# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes out of a USD layer, as text or binary, what leads to a network or out of the delivered folder.

Every text and every path of a binary one is in its one table of tokens. The layout is OpenUSD's "crate"
(pxr/usd/sdf/crateFile.h); the table is an LZ4 block from 0.4.0 on. A changed table goes to the end of the
file, where the table of contents then points.
"""

import re
import struct
from pathlib import Path

from .references import last_name, leads_out, neutralised, read_text, replace_content
from .unpack import UnreadableError

MAX_TOKEN_BYTES = 64 << 20
MAX_SECTIONS = 64
_FOLLOWED = re.compile(r"[^\n@]{1,300}\.(usd[ac]?|png|jpe?g|exr|hdr|tiff?|webp|bmp|tga)", re.IGNORECASE)
_HIDDEN = re.compile(rb"\\x(?:2[fF]|5[cC])|\\(?:0?57|134)")  # a separator as an escape
_COMMENT = re.compile(rb"(?m)^([^\"'@\r\n]*?)//")
_TEXT_ASSET = re.compile(rb"(@@@(.+?)@@@|@([^@\r\n]+)@)", re.DOTALL)
_EXPRESSION = re.compile(rb"(?<=[\"'@])`")  # USD would put a path together from variables
_FILE = re.compile(r"\.[A-Za-z]\w{1,5}(\W.*)?$", re.DOTALL)


def clean_layer(path: Path, folder: Path) -> list[str]:
    """Takes it out; returns the files that were meant. Raises UnreadableError if a layer is damaged."""
    return _clean_binary(path, folder) if _is_binary(path) else _clean_text(path, folder)


def assets_of(path: Path) -> list[str]:
    """The files that a layer may mean, by the endings of their names."""
    if _is_binary(path):
        names = _tokens(path.read_bytes())[1]
    else:
        names = [match[2] or match[3] for match in _TEXT_ASSET.finditer(read_text(path))]
    return [name for each in names if _FOLLOWED.fullmatch(name := each.decode("utf-8", "replace"))]


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"PXR-USDC"


def _clean_text(path: Path, folder: Path) -> list[str]:
    before = read_text(path)
    content = _HIDDEN.sub(b"_", before) if b"\\" in before else before
    content = _EXPRESSION.sub(b"_", content) if b"`" in content else content
    content = _COMMENT.sub(rb"\1##", content) if b"//" in content else content
    content, found = neutralised(content)

    def kept(match: re.Match[bytes]) -> bytes:
        asset = match[2] or match[3]
        text = asset.decode("utf-8", "replace")
        mark = b"@@@" if match[2] else b"@"
        if not leads_out(text, path.parent, folder):
            return mark + _with_slashes(asset) + mark
        found.append(text)
        return mark + last_name(asset) + mark

    content = _TEXT_ASSET.sub(kept, content)
    if content != before:
        replace_content(path, content)
    return found


def _clean_binary(path: Path, folder: Path) -> list[str]:
    content = path.read_bytes()
    entry, table = _tokens(content)
    found: list[str] = []
    cleaned = [_cleaned(token, path.parent, folder, found) for token in table]
    if cleaned != table:
        joined = b"".join(token + b"\0" for token in cleaned)
        section = struct.pack("<QQ", len(cleaned), len(joined))
        if _is_compressed(content):
            block = b"\0" + _stored(joined)
            section += struct.pack("<Q", len(block)) + block
        else:
            section += joined
        start = len(content) + -len(content) % 8
        changed = bytearray(content.ljust(start, b"\0") + section)
        struct.pack_into("<qq", changed, entry, start, len(section))
        replace_content(path, bytes(changed))
    return found


def _cleaned(token: bytes, base: Path, folder: Path, found: list[str]) -> bytes:
    if token.startswith(b"`"):  # an expression, which puts a path together from variables
        found.append(token.decode("utf-8", "replace"))
        return b"left-out"
    token, named = neutralised(token)
    text = token.decode("utf-8", "replace")
    if _FILE.search(text) and leads_out(text, base, folder):
        named.append(text)
        token = last_name(token)
    found += named
    return _with_slashes(token)


def _with_slashes(asset: bytes) -> bytes:
    """A path that a tool of Windows wrote, as USD wants it; other texts as they are."""
    is_path = b"\\" in asset and _FOLLOWED.fullmatch(asset.decode("utf-8", "replace"))
    return asset.replace(b"\\", b"/") if is_path else asset


def _is_compressed(content: bytes) -> bool:
    return tuple(content[8:11]) >= (0, 4, 0)


def _tokens(content: bytes) -> tuple[int, list[bytes]]:
    """Where the table of contents says where the tokens are, and the tokens."""
    try:
        (contents,) = struct.unpack_from("<q", content, 16)
        (count,) = struct.unpack_from("<Q", content, contents)
        entries = [contents + 8 + 32 * number for number in range(min(count, MAX_SECTIONS))]
        names = [content[entry : entry + 16].partition(b"\0")[0] for entry in entries]
        if count > MAX_SECTIONS or names.count(b"TOKENS") != 1 or contents < 24:
            raise ValueError("no single table of tokens")
        entry = entries[names.index(b"TOKENS")] + 16
        start, size = struct.unpack_from("<qq", content, entry)
        if start < 24 or size < 16 or start + size > len(content):
            raise ValueError("a table outside of the file")
        number, length = struct.unpack_from("<QQ", content, start)
        if length > MAX_TOKEN_BYTES:
            raise ValueError("too many names")
        joined = content[start + 16 : start + 16 + length]
        if _is_compressed(content):
            (packed,) = struct.unpack_from("<Q", content, start + 16)
            if packed > size - 24 or content[start + 24] != 0:  # 0: one block, as for less than 2 GB
                raise ValueError("a block outside of its table")
            joined = _unpacked(content[start + 25 : start + 24 + packed], length)
        table = joined.split(b"\0")[:-1]
        if len(joined) != length or len(table) != number or not joined.endswith(b"\0"):
            raise ValueError("another number of names")
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise UnreadableError(f"The USD file is damaged ({error}). Download it again.") from error
    return entry, table


def _unpacked(block: bytes, length: int) -> bytes:
    """An LZ4 block's content (see LZ4's "Block Format Description"), of `length` at most."""
    made = bytearray()
    place = 0
    while place < len(block):
        mark = block[place]
        place += 1
        literals, place = _length(block, place, mark >> 4)
        if place + literals > len(block) or len(made) + literals > length:
            raise ValueError("a damaged block")
        made += block[place : place + literals]
        place += literals
        if place == len(block):
            break
        distance = int.from_bytes(block[place : place + 2], "little")
        copied, place = _length(block, place + 2, mark & 15)
        copied += 4
        if not 0 < distance <= len(made) or len(made) + copied > length:
            raise ValueError("a damaged block")
        piece = made[-distance:] if distance < copied else made[-distance : len(made) - distance + copied]
        made += (piece * (copied // len(piece) + 1))[:copied]
    return bytes(made)


def _length(block: bytes, place: int, first: int) -> tuple[int, int]:
    """A length that may go on in more bytes, and where it ends."""
    total = first
    if first == 15:
        while True:
            total += block[place]
            place += 1
            if block[place - 1] != 255:
                break
    return total, place


def _stored(content: bytes) -> bytes:
    """The content as an LZ4 block of one literal."""
    if len(content) < 15:
        return bytes([len(content) << 4]) + content
    rest = len(content) - 15
    return b"\xf0" + b"\xff" * (rest // 255) + bytes([rest % 255]) + content
