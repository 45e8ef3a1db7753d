# SPDX-License-Identifier: GPL-3.0-or-later
"""From files and words on the command line to a model's inputs, checked before anything is sent."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..client import Input, Model, check_inputs, parse_value
from ..client.content import content_type
from ..jobs import InputFile, InputValue, view_in
from .exits import CommandError

DEFAULT_TEXT_MODEL = "model_meshy-txt23d"


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
    _give_files(model, [_checked(name) for name in files], values)
    # Paths stand in for the asset ids to come; what is required and has a default comes back filled in.
    checked = check_inputs(model, {name: _stand_in(value) for name, value in values.items()})
    return {name: values.get(name, value) for name, value in checked.items()}


def _checked(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_file():
        raise CommandError(
            f"{name}: {'that is a folder' if path.is_dir() else 'no such file'}. Give the path of a file."
        )
    return path.resolve()


def _checked_kind(path: Path, kind: str) -> InputFile:
    found = file_kind(path)
    if found != kind:
        what = {"image": "an image (PNG, JPEG, WebP, …)", "3d": "a 3D file (GLB, FBX, OBJ, …)"}.get(
            kind, f"of kind {kind}"
        )
        raise CommandError(f"{path.name} is not {what}. Choose another file.")
    return InputFile(path, kind)


def _file_or_id(text: str, spec: Input) -> InputFile | str:
    if re.fullmatch(r"asset_[A-Za-z0-9_-]+", text):
        return text
    return _checked_kind(_checked(text), spec.kind)


def _prompt_input(model: Model, values: dict[str, InputValue]) -> str:
    prompts = [spec.name for spec in model.inputs if spec.type == "string" and spec.name not in values]
    for name in prompts:
        if name.lower() == "prompt":
            return name
    marked = [spec.name for spec in model.inputs if spec.is_prompt] + [
        n for n in prompts if "prompt" in n.lower()
    ]
    if not marked:
        raise CommandError(f"{model.name} takes no words. Leave --prompt out, or choose another --model.")
    return marked[0]


def _give_files(model: Model, paths: list[Path], values: dict[str, InputValue]) -> None:
    for kind in sorted({file_kind(path) or "" for path in paths}):
        group = [path for path in paths if (file_kind(path) or "") == kind]
        if not kind:
            raise CommandError(f"{group[0].name} is neither an image nor a 3D file that Maquette knows.")
        specs = [
            s
            for s in model.inputs
            if s.type in ("file", "file_array") and s.kind == kind and s.name not in values
        ]
        if not specs:
            raise CommandError(
                f"{model.name} takes no {kind} file such as {group[0].name}. `maquette models` lists others."
            )
        specs.sort(key=lambda spec: not spec.required.is_always)
        if specs[0].type == "file_array":
            values[specs[0].name] = [InputFile(path, kind) for path in group]
        elif len(group) == 1:
            values[specs[0].name] = InputFile(group[0], kind)
        else:
            _give_views(model, specs, group, kind, values)


def _give_views(
    model: Model, specs: list[Input], paths: list[Path], kind: str, values: dict[str, InputValue]
) -> None:
    """Several files for inputs such as frontImage and leftImage: by the view's name in the file's name."""
    by_view = {view_in(spec.name): spec.name for spec in reversed(specs)}
    by_view.pop(None, None)
    if not by_view:
        raise CommandError(f"{model.name} takes one {kind} file at a time: run the command once for each.")
    for path in paths:
        name = by_view.get(view_in(path.stem))
        if name is None or name in values:
            views = ", ".join(sorted(view for view in by_view if view))
            raise CommandError(
                f"{path.name}: which view is it? {model.name} takes {views}."
                " Name the files so, or use --param NAME=FILE."
            )
        values[name] = InputFile(path, kind)


def _stand_in(value: InputValue) -> object:
    if isinstance(value, InputFile):
        return str(value.path)
    if isinstance(value, list):
        return [_stand_in(item) for item in value]
    return value


def file_kind(path: Path) -> str | None:
    """The API's kind of a file by its content: image, 3d, video, audio; None for anything else."""
    family = (content_type(path) or "").partition("/")[0]
    return {"image": "image", "model": "3d", "video": "video", "audio": "audio"}.get(family)
