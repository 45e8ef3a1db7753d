# SPDX-License-Identifier: GPL-3.0-or-later
"""From files and words, as a person gives them on a command line or in a table, to a model's inputs.

Everything is checked before anything is sent; what is wrong raises InputError in words for that person.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard, cast
from unicodedata import normalize

from ..client import (
    ASSET_ID,
    Input,
    InputError,
    JsonValue,
    Model,
    check_inputs,
    content_type,
    damage_of_picture,
    parse_value,
)
from .provenance import view_in
from .record import InputFile, InputValue

DEFAULT_TEXT_MODEL = "model_meshy-txt23d"
_KINDS = {"image": "image", "model": "3d", "video": "video", "audio": "audio"}  # by family of MIME types
_WORDS = {"image": "an image (PNG, JPEG, WebP, …)", "3d": "a 3D file (GLB, FBX, OBJ, …)"}


@dataclass(frozen=True, slots=True)
class Gathered:
    """All inputs of a model, and the names of those that were given: the others are the model's defaults."""

    values: dict[str, InputValue]
    given: set[str]


def gather_inputs(
    model: Model,
    files: Sequence[str],
    prompt: str | None,
    parameters: Mapping[str, JsonValue],
    *,
    base: Path = Path(),
) -> Gathered:
    """The inputs for `model`.

    A parameter that is a text is read as its input's type. Files are relative to `base`.
    Raises InputError with everything that is wrong.
    """
    values: dict[str, InputValue] = {}
    known = {spec.name: spec for spec in model.inputs}
    wrong: list[str] = []
    for name, value in parameters.items():
        spec = known.get(name)  # without one, the check below says so, with a suggestion
        with _noting(wrong):
            values[name] = _value(spec, value, base) if spec else value
    if prompt is not None:
        with _noting(wrong):
            values[_prompt_input(model, values)] = prompt
    found = list[InputFile]()
    for file in files:
        with _noting(wrong):
            found.append(_file(file, base))
    with _noting(wrong):
        _give_files(model, found, values)
    checked: dict[str, InputValue] = {}
    try:
        checked = check_inputs(model, values)
    except InputError as error:
        if not wrong:
            raise
        # What is wrong is told already: that it is missing is not news.
        more = [f"{name}: {text}" for name, text in error.problems if not text.startswith("is required")]
        wrong += [text if text[-1] in ".?)" else f"{text}." for text in more]
    if wrong:
        raise InputError(" ".join(wrong))
    return Gathered(checked, values.keys() & checked.keys())


@contextmanager
def _noting(wrong: list[str]) -> Generator[None]:
    """Adds the text of an InputError, so that what else is wrong is found, too."""
    try:
        yield
    except InputError as error:
        wrong.append(str(error))


def _value(spec: Input, value: JsonValue, base: Path) -> InputValue:
    if not spec.is_file:
        return parse_value(spec, value) if isinstance(value, str) else value
    is_one = spec.type == "file"
    items: list[JsonValue] = list(value) if isinstance(value, list) and not is_one else [value]
    if isinstance(value, str) and not is_one and not is_file(value, base):  # a comma may be in its name
        items = [*value.split(",")]
    found = [_file_or_id(item, spec, base) for item in items if item != ""]
    return found[0] if is_one and found else cast("list[InputValue]", found)


def read_size(value: JsonValue) -> float | None:
    """The longest side in metres, None for `original`; raises InputError."""
    if value == "original":
        return None
    try:
        size = float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        size = 0.0
    if not 1e-6 <= size <= 1e6:
        advice = f" Write {value.replace(',', '.')}." if _is_comma_number(value) else ""
        raise InputError(f"size: give a length in metres, or `original`, not {value!r:.40}.{advice}")
    return size


def _is_comma_number(value: JsonValue) -> TypeGuard[str]:
    return isinstance(value, str) and bool(re.fullmatch(r"\d+,\d+", value.strip()))


def is_file(name: str, base: Path) -> bool:
    """Whether there is a file of that name: see `_path_of`."""
    try:
        return _path_of(name, base).is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _path_of(name: str, base: Path) -> Path:
    """What is there under the name, also with what tables and systems make of one: spaces round it, the
    backslashes of Windows, letters in another Unicode form (macOS takes an ü apart).

    Raises OSError; ValueError for what is no path at all; RuntimeError where there is no such home.
    """
    bare = name.strip()
    plain = bare.replace("\\", "/")
    forms = (normalize(form, plain) for form in ("NFC", "NFD"))
    paths = (base / Path(each).expanduser() for each in dict.fromkeys((name, bare, plain, *forms)))
    return next((path for path in paths if path.exists()), base / Path(name).expanduser())


def _file(name: str, base: Path) -> InputFile:
    """The file, with the API's word for what its content is: image, 3d, …; empty for anything else."""
    advice = "Give the path of a file."
    try:
        path = _path_of(name, base)
        if path.is_file():
            kind = _KINDS.get((content_type(path) or "").partition("/")[0], "")
            damage = damage_of_picture(path) if kind == "image" else ""
            if not damage:
                return InputFile(path.resolve(), kind)
            what = f"it {damage}"
            advice = "Get it anew: nothing was sent."
        else:
            what = "that is a folder" if path.is_dir() else "no such file"
    except (OSError, ValueError, RuntimeError) as error:
        what = f"it cannot be read ({getattr(error, 'strerror', None) or error})"
    shown = name if name.isprintable() and len(name) <= 200 else repr(name[:200])
    raise InputError(f"{shown}: {what}. {advice}")


def _file_or_id(text: JsonValue, spec: Input, base: Path) -> InputFile | str:
    if not isinstance(text, str):
        raise InputError(f"{spec.name}: give the path of a file, not {text!r:.60}.")
    if ASSET_ID.fullmatch(text):
        return text
    file = _file(text, base)
    if file.kind != spec.kind:
        what = _WORDS.get(spec.kind, f"of kind {spec.kind}")
        raise InputError(f"{file.path.name} is not {what}. Choose another file.")
    return file


def _prompt_input(model: Model, values: dict[str, InputValue]) -> str:
    texts = [spec for spec in model.inputs if spec.type == "string" and spec.name not in values]
    prompts = [spec.name for spec in texts if spec.is_prompt or "prompt" in spec.name.lower()]
    if not prompts:
        raise InputError(f"{model.name} takes no words. Leave them out, or choose another model.")
    return min(prompts, key=len)  # `prompt` before `texturePrompt`


def _give_files(model: Model, files: list[InputFile], values: dict[str, InputValue]) -> None:
    for kind in sorted({file.kind for file in files}):
        group = [file for file in files if file.kind == kind]
        name = group[0].path.name
        if not kind:
            raise InputError(f"{name} is neither an image nor a 3D file that Maquette knows.")
        specs = [s for s in model.inputs if s.is_file and s.kind == kind and s.name not in values]
        specs.sort(key=lambda spec: not spec.required.is_always)
        if not specs:
            raise InputError(
                f"{model.name} takes no {kind} file such as {name}. `maquette models` lists others."
            )
        if specs[0].type == "file_array":
            values[specs[0].name] = list(group)
        elif len(group) == 1:
            values[specs[0].name] = group[0]
        else:
            _give_views(model, specs, group, values)


def _give_views(
    model: Model, specs: list[Input], files: list[InputFile], values: dict[str, InputValue]
) -> None:
    """Several files for inputs such as frontImage and leftImage: by the view's name in the file's name."""
    by_view = {view: spec.name for spec in reversed(specs) if (view := view_in(spec.name))}
    if not by_view:
        kind = files[0].kind
        advice = "give it one, or choose another model"
        raise InputError(f"{model.name} takes one {kind} file at a time: {advice}.")
    for file in files:
        name = by_view.get(view_in(file.path.stem) or "")
        if name is None or name in values:
            raise InputError(
                f"{file.path.name}: which view is it? {model.name} takes {', '.join(sorted(by_view))}."
                " Name the files so, or give each to its input by name."
            )
        values[name] = file
