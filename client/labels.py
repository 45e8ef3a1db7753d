# SPDX-License-Identifier: GPL-3.0-or-later
"""Names on the wire made readable, for inputs and choices that come without a label."""

import re

_CAPITALS = ("2D", "3D", "AI", "CFG", "FBX", "FPS", "GLB", "HD", "ID", "IK", "LOD", "OBJ", "PBR", "UV", "UVs")
_ACRONYMS = {word.lower(): word for word in _CAPITALS}
_SMALL = {"and", "at", "by", "from", "in", "of", "on", "or", "per", "the", "to", "with"}
_BREAKS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=[23]d\b)|[\s_:-]+")


def readable_name(name: str) -> str:
    """`enablePbr` as "Enable PBR", `texture_size` as "Texture Size", `4k` as "4K"; "None" for nothing."""
    words = [word for word in _BREAKS.split(name) if word]
    return " ".join(_capitalized(word, is_first=not place) for place, word in enumerate(words)) or "None"


def _capitalized(word: str, *, is_first: bool) -> str:
    if word.lower() in _ACRONYMS:
        return _ACRONYMS[word.lower()]
    if word.lower() in _SMALL and not is_first:
        return word.lower()
    if re.fullmatch(r"\d+k", word):
        return word.upper()
    return word.capitalize() if word.isalpha() and word.isupper() else word[0].upper() + word[1:]
