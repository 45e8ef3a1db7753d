# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes out of a USD layer, as text or binary, what leads to a network or out of the delivered folder.

Every text and every path of a binary one is in its one table of tokens. The layout is OpenUSD's "crate"
(pxr/usd/sdf/crateFile.h); the table is an LZ4 block from 0.4.0 on. A changed table goes to the end of the
file, where the table of contents then points. Also tells a layer's unit, which older Blenders do not heed.
"""

import math
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
_UNIT = b"metersPerUnit"
_USUAL_UNIT_M = 0.01  # of a layer that does not say (UsdGeomLinearUnits)
# What a layer consists of up to its first prim: texts, paths, comments, brackets, names.
_WORD = re.compile(
    rb"\"\"\".*?\"\"\"|'''.*?'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|@@@.*?@@@|@[^@\n]*@|#[^\n]*"
    rb"|[({\[]|[)}\]]|(?:metersPerUnit\s*=\s*([^\s;)]+)|[A-Za-z_][\w:]*)",
    re.DOTALL,
)
_DOUBLE = 9  # a type of value: pxr/usd/sdf/crateDataTypes.h
_IS_INLINED = 1 << 62


def clean_layer(path: Path, folder: Path) -> list[str]:
    """Takes it out; returns the files that were meant. Raises UnreadableError if a layer is damaged."""
    return _clean_binary(path, folder) if _is_binary(path) else _clean_text(path, folder)


def assets_of(path: Path) -> list[str]:
    """The files that a layer may mean, by the endings of their names."""
    if _is_binary(path):
        names = read_tokens(path.read_bytes())[1]
    else:
        names = [match[2] or match[3] for match in _TEXT_ASSET.finditer(read_text(path))]
    return [name for each in names if _FOLLOWED.fullmatch(name := each.decode("utf-8", "replace"))]


def unit_of(path: Path) -> float:
    """How many metres the layer's unit is; 1 where that cannot be read. Raises OSError."""
    try:
        unit_m = _binary_unit(path.read_bytes()) if _is_binary(path) else _text_unit(read_text(path))
    except (struct.error, ValueError, IndexError, UnreadableError):
        return 1.0
    return unit_m if math.isfinite(unit_m) and unit_m > 0 else 1.0


def _text_unit(content: bytes) -> float:
    """What the layer says of itself is in the brackets before its first prim."""
    depth = 0
    for match in _WORD.finditer(content):
        word = match[0]
        if word in b"({[":
            depth += 1
        elif word in b")}]":
            depth -= 1
        elif match[1] and depth == 1:
            return float(match[1])
        if not depth and not word.startswith(b"#"):  # the end of the brackets, or what is no bracket
            break
    return _USUAL_UNIT_M


def _binary_unit(content: bytes) -> float:
    """In the table of fields: names as numbers, packed, and values, packed apart."""
    table = read_tokens(content)[1]
    if _UNIT not in table:
        return _USUAL_UNIT_M
    _, place, size = _section(content, b"FIELDS")
    count, length = struct.unpack_from("<QQ", content, place)
    if not _is_compressed(content) or count > MAX_TOKEN_BYTES // 8 or length > size:
        raise ValueError("another form of fields")
    numbers = _integers(_packed(content[place + 16 : place + 16 + length], 4 + 5 * count), count)
    if table.index(_UNIT) not in numbers:
        return _USUAL_UNIT_M
    place += 16 + length
    (length,) = struct.unpack_from("<Q", content, place)
    values = _packed(content[place + 8 : place + 8 + length], 8 * count)
    (value,) = struct.unpack_from("<Q", values, 8 * numbers.index(table.index(_UNIT)))
    if value >> 48 & 0xFF != _DOUBLE:
        raise ValueError("no number")
    if value & _IS_INLINED:
        return struct.unpack_from("<f", struct.pack("<Q", value))[0]
    return struct.unpack_from("<d", content, value & (1 << 48) - 1)[0]


def _packed(block: bytes, length: int) -> bytes:
    if block[0]:  # several blocks, as for more than 2 GB
        raise ValueError("a block outside of its table")
    return _unpacked(block[1:], length)


def _integers(data: bytes, count: int) -> list[int]:
    """The numbers, each told by its distance from the one before (pxr/usd/sdf/integerCoding.cpp): two bits
    say whether that is the usual one or how many bytes it has.
    """
    (usual,) = struct.unpack_from("<i", data)
    place = 4 + (2 * count + 7) // 8
    number = 0
    found: list[int] = []
    for index in range(count):
        code = data[4 + index // 4] >> 2 * (index % 4) & 3
        length = (0, 1, 2, 4)[code]
        number += int.from_bytes(data[place : place + length], "little", signed=True) if code else usual
        place += length
        found.append(number)
    return found


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
    entry, table = read_tokens(content)
    found: list[str] = []
    cleaned = [_cleaned(token, path.parent, folder, found) for token in table]
    if cleaned != table:
        joined = b"".join(token + b"\0" for token in cleaned)
        section = struct.pack("<QQ", len(cleaned), len(joined))
        if _is_compressed(content):
            block = b"\0" + stored_literally(joined)
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


def read_tokens(content: bytes) -> tuple[int, list[bytes]]:
    """Where the table of contents says where the tokens are, and the tokens."""
    try:
        entry, start, size = _section(content, b"TOKENS")
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


def _section(content: bytes, name: bytes) -> tuple[int, int, int]:
    """Where the table of contents says where that table is; where it is, and its size."""
    (contents,) = struct.unpack_from("<q", content, 16)
    (count,) = struct.unpack_from("<Q", content, contents)
    entries = [contents + 8 + 32 * number for number in range(min(count, MAX_SECTIONS))]
    names = [content[entry : entry + 16].partition(b"\0")[0] for entry in entries]
    if count > MAX_SECTIONS or names.count(name) != 1 or contents < 24:
        raise ValueError(f"no single table of {name.decode().lower()}")
    entry = entries[names.index(name)] + 16
    start, size = struct.unpack_from("<qq", content, entry)
    if start < 24 or size < 16 or start + size > len(content):
        raise ValueError("a table outside of the file")
    return entry, start, size


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


def stored_literally(content: bytes) -> bytes:
    """The content as an LZ4 block of one literal."""
    if len(content) < 15:
        return bytes([len(content) << 4]) + content
    rest = len(content) - 15
    return b"\xf0" + b"\xff" * (rest // 255) + bytes([rest % 255]) + content
