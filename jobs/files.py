# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and hashes of files on disk: whatever a stranger calls a file, it stays inside its folder."""

import hashlib
import re
import unicodedata
from pathlib import Path

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def safe_name(name: str, *, fallback: str = "file") -> str:
    """The last part of `name` with nothing in it that a file system minds, 80 characters or so at most."""
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    clean = re.sub(r"[^\w.() -]+", "_", last).strip(" .") or fallback
    if _RESERVED.match(clean):
        clean = f"_{clean}"
    stem, dot, suffix = clean.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, dot, suffix = clean, "", ""
    return stem[: 80 - len(suffix)].rstrip(" .") + dot + suffix


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
