# SPDX-License-Identifier: GPL-3.0-or-later
"""From files and words, as a person gives them on a command line or in a table, to a model's inputs.

Everything is checked before anything is sent; what is wrong raises InputError in words for that person.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from ..client import Input, InputError, JsonValue, Model, check_inputs, parse_value
from ..client.content import content_type
from ..client.models import ASSET_ID
from .naming import view_in
from .record import InputFile, InputValue

DEFAULT_TEXT_MODEL = "model_meshy-txt23d"
_KINDS = {"image": "image", "model": "3d", "video": "video", "audio": "audio"}  # by family of MIME types
_WORDS = {"image": "an image (PNG, JPEG, WebP, …)", "3d": "a 3D file (GLB, FBX, OBJ, …)"}


def gather_inputs(
    model: Model,
    files: Sequence[str],
    prompt: str | None,
    parameters: Mapping[str, JsonValue],
    *,
    base: Path = Path(),
) -> tuple[dict[str, InputValue], set[str]]:
    """The inputs for `model`, and the names of those that were given: the others are the model's defaults.

    A parameter that is a text is read as its input's type. Files are relative to `base`. Raises InputError.
    """
    values: dict[str, InputValue] = {}
    known = {spec.name: spec for spec in model.inputs}
    for name, value in parameters.items():
        spec = known.get(name)  # without one, the check below says so, with a suggestion
        if spec is not None and spec.is_file:
            is_one = spec.type == "file"
            items: list[JsonValue] = list(value) if isinstance(value, list) and not is_one else [value]
            if isinstance(value, str) and not is_one:
                items = [*value.split(",")]
            found = [_file_or_id(item, spec, base) for item in items if item != ""]
            values[name] = found[0] if is_one and found else cast("list[InputValue]", found)
        else:
            values[name] = parse_value(spec, value) if spec and isinstance(value, str) else value
    if prompt is not None:
        values[_prompt_input(model, values)] = prompt
    _give_files(model, [_file(name, base) for name in files], values)
    checked = check_inputs(model, values)
    return checked, values.keys() & checked.keys()


def read_size(value: JsonValue) -> float | None:
    """The longest side in metres, None for `original`; raises InputError."""
    if value == "original":
        return None
    try:
        size = float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        size = 0.0
    if not 1e-6 <= size <= 1e6:
        raise InputError("size: give a length in metres, or `original`.")
    return size


def _file(name: str, base: Path) -> InputFile:
    """The file, with the API's word for what its content is: image, 3d, …; empty for anything else."""
    try:
        path = base / Path(name).expanduser()
        if path.is_file():
            return InputFile(path.resolve(), _KINDS.get((content_type(path) or "").partition("/")[0], ""))
        what = "that is a folder" if path.is_dir() else "no such file"
    except (OSError, ValueError, RuntimeError) as error:  # unreadable, no path at all, no such home
        what = f"it cannot be read ({getattr(error, 'strerror', None) or error})"
    shown = name if name.isprintable() and len(name) <= 200 else repr(name[:200])
    raise InputError(f"{shown}: {what}. Give the path of a file.")


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
        raise InputError(f"{model.name} takes one {kind} file at a time: give it one.")
    for file in files:
        name = by_view.get(view_in(file.path.stem) or "")
        if name is None or name in values:
            raise InputError(
                f"{file.path.name}: which view is it? {model.name} takes {', '.join(sorted(by_view))}."
                " Name the files so, or give each to its input by name."
            )
        values[name] = file
