# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks through a binary FBX: the texts in it, and how much memory its arrays claim.

A node is a header (where it ends, its properties' count and bytes, its name), properties, and nodes within.
"""

import bisect
import itertools
import struct
from dataclasses import dataclass
from pathlib import Path

from .references import neutralised, replace_content
from .unpack import UnreadableError

MAX_ARRAY_BYTES = 4 << 30
MAX_ARRAY_RATIO = 64  # honest coordinates compress to a tenth at best; zlib can pack a thousand times
USUAL_ARRAY_BYTES = 256 << 20  # this much may be claimed by any file
MAX_PATH_BYTES = 1 << 16  # no system has longer ones
_SIZES = {b"Y": 2, b"C": 1, b"B": 1, b"Z": 1, b"I": 4, b"F": 4, b"D": 8, b"L": 8}
_ARRAYS = {b"f": 4, b"d": 8, b"l": 8, b"i": 4, b"b": 1, b"c": 1}


@dataclass(frozen=True)
class _Node:
    """Offsets in the file: of the header, and where the properties begin and end, and the node itself."""

    header: int
    properties: int
    after: int
    end: int


def clean_fbx(path: Path, name: str) -> list[str]:
    """Takes out what leads to a network; returns the files that were meant. Raises UnreadableError."""
    found: list[str] = []
    content = path.read_bytes()
    try:
        nodes, texts = _walked(content)
    except (struct.error, ValueError, OverflowError, IndexError) as error:
        raise UnreadableError(f"Blender could not read {name}: {error}. Download it again.") from error
    edits: list[tuple[int, int, bytes]] = []
    for start, end in texts:
        text, named = neutralised(content[start:end])
        found += named
        if len(text) != end - start:
            edits.append((start, end, text))
    if edits:
        replace_content(path, _edited(content, nodes, edits))
    return found


def _edited(content: bytes, nodes: list[_Node], edits: list[tuple[int, int, bytes]]) -> bytes:
    """With other texts; lengths and offsets follow."""
    places = [start for start, _, _ in edits]
    shifts = list(itertools.accumulate((len(text) + start - end for start, end, text in edits), initial=0))

    def moved(place: int) -> int:
        return place + shifts[bisect.bisect_left(places, place)]

    made = bytearray(content)
    for node in nodes:
        end, count, _, length = _header(content).unpack_from(content, node.header)
        assert end == node.end
        size = moved(node.after) - moved(node.properties)
        _header(content).pack_into(made, node.header, moved(end), count, size, length)
    for start, _, text in edits:
        struct.pack_into(_order(content) + "I", made, start - 4, len(text))
    pieces: list[bytes] = []
    done = 0
    for start, end, text in edits:
        pieces += [bytes(made[done:start]), text]
        done = end
    return b"".join([*pieces, bytes(made[done:])])


def _order(content: bytes) -> str:
    """Of the bytes of a number, for struct: a byte of the head tells."""
    return ">" if content[22] else "<"


def _header(content: bytes) -> struct.Struct:
    """Where the node ends, how many properties, their bytes, and the length of its name."""
    order = _order(content)
    (version,) = struct.unpack_from(order + "I", content, 23)
    return struct.Struct(order + ("QQQB" if version >= 7500 else "IIIB"))


def _walked(content: bytes) -> tuple[list[_Node], list[tuple[int, int]]]:
    """The nodes, and where each text and each short piece of raw bytes begins and ends."""
    if not content.startswith(b"Kaydara FBX Binary  \0\x1a"):  # Blender would read it as a text
        raise ValueError("its first bytes are damaged")
    header = _header(content)
    nodes: list[_Node] = []
    texts: list[tuple[int, int]] = []
    most = min(MAX_ARRAY_BYTES, max(USUAL_ARRAY_BYTES, len(content) * MAX_ARRAY_RATIO))
    place, claimed = 27, 0
    ends = [len(content)]
    while place < ends[-1] or len(ends) > 1:
        if place >= ends[-1]:
            place = ends.pop()
            continue
        end, count, length, name_length = header.unpack_from(content, place)
        if not end:  # the last of its list; of the file's own list, what follows is its foot
            if len(ends) == 1:
                break
            place = ends.pop()
            continue
        start = place + header.size + name_length
        if not start <= start + length <= end <= ends[-1]:
            raise ValueError("a part leads out of the file")
        nodes.append(_Node(place, start, start + length, end))
        is_embedded = content[place + header.size : start] == b"Content"  # a picture's bytes lead nowhere
        claimed += _properties(content, start, start + length, count, [] if is_embedded else texts)
        if claimed > most:
            raise ValueError("it claims more memory than its size allows")
        place = start + length
        if place < end:
            ends.append(end)
    return nodes, texts


def _properties(content: bytes, place: int, after: int, count: int, texts: list[tuple[int, int]]) -> int:
    """Notes the texts among a node's properties; returns how many bytes its arrays claim."""
    claimed = 0
    order = _order(content)
    for _ in range(count):
        kind = content[place : place + 1]
        place += 1
        if kind in _SIZES:
            place += _SIZES[kind]
        elif kind in _ARRAYS:
            number, is_packed, size = struct.unpack_from(order + "III", content, place)
            claimed += number * _ARRAYS[kind]
            if not is_packed and size != number * _ARRAYS[kind]:
                raise ValueError("an array of another size than it says")
            place += 12 + size
        elif kind in (b"S", b"R"):
            (size,) = struct.unpack_from(order + "I", content, place)
            if size <= MAX_PATH_BYTES and place + 4 + size <= after:
                texts.append((place + 4, place + 4 + size))
            place += 4 + size
        else:
            raise ValueError("an unknown kind of property")
        if place > after:
            raise ValueError("a property leads out of its part")
    if place != after:
        raise ValueError("properties of another size than they say")
    return claimed
