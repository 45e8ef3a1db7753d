# SPDX-License-Identifier: GPL-3.0-or-later
"""From files and words on the command line to a model's inputs, checked before anything is sent."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..client import Input, Model, check_inputs, parse_value
from ..client.content import content_type
from ..jobs import InputFile, InputValue, mapped, view_in
from .exits import CommandError

DEFAULT_TEXT_MODEL = "model_meshy-txt23d"
_KINDS = {"image": "image", "model": "3d", "video": "video", "audio": "audio"}  # by family of MIME types
_WORDS = {"image": "an image (PNG, JPEG, WebP, …)", "3d": "a 3D file (GLB, FBX, OBJ, …)"}


def gather_inputs(
    model: Model, files: Sequence[str], prompt: str | None, parameters: Sequence[str]
) -> dict[str, InputValue]:
    """The inputs for `model`; raises CommandError or InputError for anything that it would not take."""
    values: dict[str, InputValue] = {}
    known = {spec.name: spec for spec in model.inputs}
    for parameter in parameters:
        name, equals, text = parameter.partition("=")
        if not equals:
            raise CommandError(f"--param {parameter}: write it as NAME=VALUE.")
        spec = known.get(name)
        if spec is None:
            values[name] = text  # the check below says so, with a suggestion
        elif spec.type == "file":
            values[name] = _file_or_id(text, spec)
        elif spec.type == "file_array":
            values[name] = [_file_or_id(part, spec) for part in text.split(",") if part]
        else:
            values[name] = parse_value(spec, text)
    if prompt is not None:
        values[_prompt_input(model, values)] = prompt
    _give_files(model, [_file(name) for name in files], values)
    # Paths stand in for the asset ids to come; what is required and has a default comes back filled in.
    stand_ins = mapped(values, lambda leaf: str(leaf.path) if isinstance(leaf, InputFile) else leaf)
    checked = check_inputs(model, stand_ins)
    return {name: values.get(name, value) for name, value in checked.items()}


def _file(name: str) -> InputFile:
    """The file, with the API's word for what its content is: image, 3d, …; empty for anything else."""
    path = Path(name).expanduser()
    if not path.is_file():
        what = "that is a folder" if path.is_dir() else "no such file"
        raise CommandError(f"{name}: {what}. Give the path of a file.")
    return InputFile(path.resolve(), _KINDS.get((content_type(path) or "").partition("/")[0], ""))


def _file_or_id(text: str, spec: Input) -> InputFile | str:
    if re.fullmatch(r"asset_[A-Za-z0-9_-]+", text):
        return text
    file = _file(text)
    if file.kind != spec.kind:
        what = _WORDS.get(spec.kind, f"of kind {spec.kind}")
        raise CommandError(f"{file.path.name} is not {what}. Choose another file.")
    return file


def _prompt_input(model: Model, values: dict[str, InputValue]) -> str:
    texts = [spec for spec in model.inputs if spec.type == "string" and spec.name not in values]
    prompts = [spec.name for spec in texts if spec.is_prompt or "prompt" in spec.name.lower()]
    if not prompts:
        raise CommandError(f"{model.name} takes no words. Leave --prompt out, or choose another --model.")
    return min(prompts, key=len)  # `prompt` before `texturePrompt`


def _give_files(model: Model, files: list[InputFile], values: dict[str, InputValue]) -> None:
    for kind in sorted({file.kind for file in files}):
        group = [file for file in files if file.kind == kind]
        name = group[0].path.name
        if not kind:
            raise CommandError(f"{name} is neither an image nor a 3D file that Maquette knows.")
        specs = [s for s in model.inputs if s.is_file and s.kind == kind and s.name not in values]
        specs.sort(key=lambda spec: not spec.required.is_always)
        if not specs:
            raise CommandError(
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
        raise CommandError(f"{model.name} takes one {kind} file at a time: run the command once for each.")
    for file in files:
        name = by_view.get(view_in(file.path.stem) or "")
        if name is None or name in values:
            raise CommandError(
                f"{file.path.name}: which view is it? {model.name} takes {', '.join(sorted(by_view))}."
                " Name the files so, or use --param NAME=FILE."
            )
        values[name] = file
