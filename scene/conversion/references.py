# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes out of staged files what leads elsewhere: to a network by any syntax, or out of the delivered folder.

Merely looking at a network path contacts a stranger's server and, on Windows, signs in there. The last name
of a path stays, so that it is looked for among the delivered files.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from .unpack import UnreadableError, link, replace_content

MAX_TEXT_BYTES = 512 << 20
MAX_ROUNDS = 5
# Two separators in a row, one after a scheme, or Windows' own prefix; what ends the field that it stands in.
_NETWORK = re.compile(rb"[\\/]{2}|:[\\/]|[\\/]\?\?[\\/]")
_SCHEME = re.compile(rb"[A-Za-z][\w+.-]*:?$")
_INNER = re.compile(rb"[\w.)\]-][\\/]{2,}")  # within a path they mean one, however often they are written
_FIELD_END = re.compile(rb"[\0\r\n\"'@<>`]")
_FILE = re.compile(
    r"\.(usd[acz]?|abc|mtlx?|fbx|png|jpe?g|exr|hdr|tiff?|webp|bmp|tga|dds|jp2|ktx2?|gif|psd|mp4|bin)\b.{0,80}$",
    re.IGNORECASE,
)
_LINE_START = re.compile(rb"[\0-\x08\x0a-\x1f]")


def neutralised(content: bytes, kept: Iterable[tuple[int, int]] = ()) -> tuple[bytes, list[str]]:
    """The content with the last name alone of what looks like a path in a network; those of files.

    The spans `kept`, in their order, stay as they are.
    """
    pieces: list[bytes] = []
    found: list[str] = []
    done = 0
    for start, end in [*kept, (len(content), len(content))]:
        pieces += [_neutralised(content[done:start], found), content[start:end]]
        done = end
    return b"".join(pieces), found


def _neutralised(content: bytes, found: list[str]) -> bytes:
    for _ in range(MAX_ROUNDS):
        content, is_changed = _once_neutralised(content, found)
        if not is_changed:
            return content
    raise UnreadableError("A file hides paths within paths; it is not imported.")


def _once_neutralised(content: bytes, found: list[str]) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    done, place = 0, 0
    while match := _NETWORK.search(content, place):
        start = max(done, _start_of(content, match))
        place = match.start() + 1
        if start > match.start() or _is_name_of_material(content, start):
            continue
        if run := _INNER.match(content, match.start() - 1) if match.start() else None:
            pieces.append(content[done : match.start() + 1])
            done = place = run.end()
            continue
        ending = _FIELD_END.search(content, match.end())
        end = ending.start() if ending else len(content)
        last = max(content.rfind(b"/", start, end), content.rfind(b"\\", start, end))
        text = content[start : min(end, start + 1000)].decode("utf-8", "replace")
        if _FILE.search(text):
            found.append(text)
        pieces.append(content[done:start])
        done = place = last + 1
    return b"".join([*pieces, content[done:]]), bool(pieces)


def _start_of(content: bytes, match: re.Match[bytes]) -> int:
    """Where it begins with its scheme; behind the match if it is but a drive of Windows (`C:/`)."""
    scheme = _SCHEME.search(content, max(0, match.start() - 40), match.start())
    if match[0].startswith(b":"):
        return scheme.start() if scheme and len(scheme[0]) > 1 else match.end()
    return scheme.start() if scheme and scheme[0].endswith(b":") else match.start()


def _is_name_of_material(content: bytes, start: int) -> bool:
    """Whether it is in a line like `newmtl a//b`: those names are followed by nobody."""
    line = content[max(0, start - 300) : start]
    return _LINE_START.split(line)[-1].lstrip().startswith(b"newmtl")


def clean_text(path: Path) -> list[str]:
    """Cleans a material file, or any other text; returns the files that it referred to elsewhere."""
    before = read_text(path)
    content, found = neutralised(before)
    if content != before:
        replace_content(path, content)
    return found if b"newmtl" in before else []


def last_name(asset: bytes) -> bytes:
    """The last name of a path, which leads nowhere but into the same folder."""
    name = re.split(rb"[\\/:]", asset)[-1].replace(b"~", b"_")
    return name if name.strip(b". ") else b"left-out"


def leads_out(asset: str, base: Path, folder: Path) -> bool:
    """Whether the file that `asset` names, as seen from `base`, would be outside of `folder`."""
    if re.match(r"\s*([\\/~]|\w:|\w[\w+.-]+:[\\/])", asset):
        return True
    way = asset.replace("\\", "/").strip()
    return not Path(os.path.normpath(base / way)).is_relative_to(folder)


def bring(base: Path, reference: str, folder: Path) -> bool:
    """Whether a file that is named, as seen from `base`, is in its place; one of that name is linked there.

    A material file may have been renamed on its way. What leads out of the folder is in no place.
    """
    wanted = Path(os.path.normpath(base / reference.replace("\\", "/")))
    is_name = bool(reference) and "\0" not in reference and len(wanted.name.encode()) < 250
    if not is_name or leads_out(reference, base, folder):
        return False
    if not wanted.exists():
        files = [each for each in folder.rglob("*") if each.is_file()]
        same = [each for each in files if each.name.lower() == wanted.name.lower()]
        if not same and wanted.suffix in (".mtl", ".bin"):
            same = [each for each in files if each.suffix == wanted.suffix]
        if same and (wanted.suffix != ".bin" or len(same) == 1):
            link(same[0], wanted)
    return wanted.is_file()


def read_text(path: Path) -> bytes:
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise UnreadableError(
            f"{path.name} has more text than is looked through, over {MAX_TEXT_BYTES >> 20} MB."
        )
    return path.read_bytes()
