# SPDX-License-Identifier: GPL-3.0-or-later
"""The models of the sandbox: their records, the service's input checks, made-up prices, and the work to do.

The input tables in `models3d.json` follow the service's public pages; the rest is the sandbox's own.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from .state import Record
from .web import ApiError

SINCE = "2026-01-01T00:00:00.000Z"
BASE_PRICE_CU = {"img23d": 18.0, "txt23d": 22.0, "3d23d": 9.5, "video23d": 30.0}
FACE_INPUTS = ("targetFaceNum", "faceCount", "faceLimit", "targetPolycount", "decimationTarget", "face")
SIDES = ("front", "left", "back", "right")
# The first pattern found in a model's id says what it does to a mesh; without one it is handed back as it is.
MESH_WORK = {
    "remesh|retopology": "decimate",
    "retexture|texturing|texture-edit": "retexture",
    "uv-unwrap": "unwrap",
    "-part|segmentation": "split",
    "stylization": "blocks",
}
FORMATS = {"splat|marble": ("spz", "model/spz"), "voxels": ("vox", "model/x-3d-vox")}
GLB = ("glb", "model/gltf-binary")
TYPES = {"boolean": bool, "number": (int, float), "string": str, "file": str, "file_array": list}
FindAsset = Callable[[str], Record | None]


def _model(entry: Record) -> Record:
    text = (
        f"Sandbox stand-in for {entry['name']} ({entry['vendor']}): simple geometry made on this computer,"
        " not a generative model; prices are made up."
    )
    record = {key: entry[key] for key in ("id", "name", "capabilities", "inputs")}
    record |= {"type": "custom", "custom": True, "privacy": "public", "source": "other", "status": "trained"}
    record |= {"tags": ["sandbox"], "exampleAssetIds": [], "parameters": {}, "accessRestrictions": 0}
    return record | {"shortDescription": text, "createdAt": SINCE, "updatedAt": SINCE}


def read_models() -> dict[str, Record]:
    """Return the model records by id, in the order of the table."""
    table = json.loads(Path(__file__).with_name("models3d.json").read_text(encoding="utf-8"))
    return {entry["id"]: _model(entry) for entry in table}


def check_inputs(model: Record, body: Record, find_asset: FindAsset | None) -> None:
    """Raise the service's 400 or 404 for the first input that is wrong; no `find_asset` on a dry run."""
    specs = {spec["name"]: spec for spec in model["inputs"]}
    for name, value in body.items():
        if name not in specs:
            raise ApiError(400, f"Unknown input '{name}' for model {model['id']}")
        if wrong := next(_complaints(specs[name], value), ""):
            raise ApiError(400, f"Input '{name}' {wrong}")
    for name, spec in specs.items():
        if name not in body and (why := _required(spec.get("required", {}), body)):
            raise ApiError(400, f"Missing required input '{name}': {why}")
    sources = [name for name, spec in specs.items() if spec["type"].startswith("file") or name == "prompt"]
    if not any(body.get(name) for name in sources):
        raise ApiError(400, f"At least one of these inputs is required: {', '.join(sources)}")
    if find_asset:
        for name, ids in _files(model, body):
            for asset_id in ids:
                _check_asset(specs[name], asset_id, find_asset(asset_id))


def _required(rules: Record, body: Record) -> str:
    """Return why the rules ask for an input that is not in the body, or an empty text."""
    if rules.get("always"):
        return "always needed"
    messages = (rule["message"] for other, rule in rules.get("ifNotDefined", {}).items() if other not in body)
    values = rules.get("conditional", {}).get("values", {})
    others = (f"needed with this {other}" for other, some in values.items() if body.get(other) in some)
    return next(messages, "") or next(others, "")


def _complaints(spec: Record, value: object) -> Iterator[str]:
    """Say what is wrong with a value by its input's schema."""
    kind, low, high = spec["type"], spec.get("min"), spec.get("max")
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"must be of type {kind}"
    elif "allowedValues" in spec and value not in spec["allowedValues"]:
        yield f"must be one of {spec['allowedValues']}"
    elif isinstance(value, (int, float)):
        if not (value if low is None else low) <= value <= (value if high is None else high):
            yield f"must be between {low} and {high}"
    elif isinstance(value, (str, list)):
        least, most = spec.get("minLength", int(kind == "file_array")), spec.get("maxLength", 10_000)
        if not least <= len(value) <= most:
            yield f"must have between {least} and {most} {'items' if kind == 'file_array' else 'characters'}"
        elif isinstance(value, list) and not all(isinstance(item, str) for item in value):
            yield "must be a list of asset ids"


def _check_asset(spec: Record, asset_id: str, asset: Record | None) -> None:
    if asset is None:
        raise ApiError(404, f"Asset {asset_id} not found (input '{spec['name']}')")
    if asset["kind"] != spec["kind"]:
        raise ApiError(400, f"Input '{spec['name']}' takes {spec['kind']} assets, not {asset['kind']}")
    if asset["properties"]["size"] > spec.get("maxSize", 1 << 60):
        raise ApiError(400, f"Input '{spec['name']}' must not be larger than {spec['maxSize']} bytes")


def _files(model: Record, body: Record) -> list[tuple[str, list[str]]]:
    """Return the asset ids given, by the names of their inputs."""
    names = [spec["name"] for spec in model["inputs"] if spec["type"].startswith("file")]
    given = [(name, body[name]) for name in names if name in body]
    return [(name, ids if isinstance(ids, list) else [ids]) for name, ids in given]


def price_cu(model: Record, body: Record) -> float:
    """Return a made-up price: by capability and model, and more for each costly input that is set."""
    price = BASE_PRICE_CU[model["capabilities"][0]] * (0.75 + zlib.crc32(model["id"].encode()) % 4 / 4)
    for spec in model["inputs"]:
        value = body.get(spec["name"], spec.get("default"))
        if spec.get("costImpact") and value not in (None, False, spec.get("default")):
            choices = spec.get("allowedValues")
            price += 1.25 * (1 + choices.index(value)) if choices else 1.75
    return round(price * 4) / 4


def work(model: Record, body: Record, path_of: Callable[[str], str]) -> Record:
    """Return what the builder is to make: `task`, files by role, the parameters that it understands.

    `type` and `parent` are for the result's record.
    """
    model_id: str = model["id"]
    specs = {spec["name"]: spec for spec in model["inputs"]}
    usual = {name: spec.get("default") for name, spec in specs.items()}
    images: dict[str, str] = {}
    meshes: list[str] = []
    for name, ids in _files(model, body):
        paths = [path_of(asset_id) for asset_id in ids]
        if specs[name]["kind"] == "3d":
            meshes += paths
        elif specs[name]["kind"] == "image":
            images |= _roles(specs[name], paths)
    texts = (body.get(name) for name in ("prompt", "textStylePrompt", "texturePrompt"))
    faces = (given.get(name) for given in (body, usual) for name in FACE_INPUTS)
    request: Record = {"prompt": next(filter(None, texts), model["name"]), "images": images, "meshes": meshes}
    request["faces"] = int(next(filter(None, faces), 30_000))
    request["textured"] = all(body.get(name, True) for name in ("paint", "shouldTexture", "texture"))
    request["parts"] = body.get("numParts") or usual.get("numParts") or 0
    request["format"] = next((kind for words, kind in FORMATS.items() if re.search(words, model_id)), GLB)
    request["grid"] = [int(body.get(name) or usual.get(name) or 32) for name in ("width", "depth", "height")]
    source, request["task"] = ("img", "image") if images else ("txt", "text")
    if meshes:
        found = (task for words, task in MESH_WORK.items() if re.search(words, model_id))
        source, request["task"] = "3d", next(found, "pass")
    made = "img2splat" if images and request["format"][0] == "spz" else f"{source}23d"
    is_known = made in ("img2splat", *model["capabilities"])
    request["type"] = made if is_known else model["capabilities"][0]
    parents = (ids[0] for name, ids in _files(model, body) if specs[name].get("parent"))
    return request | {"parent": next(parents, None)}


def _roles(spec: Record, paths: list[str]) -> dict[str, str]:
    """Return pictures by the side that they show, or as `style`; a list is front, left, back, right.

    Sparc3D's lists say an order of their own in the description.
    """
    name = spec["name"]
    if re.search("texture|style|mask|referenceImage$|prompt", name, re.IGNORECASE):
        return {"style": paths[0]}
    if name.endswith("Image"):
        return {name.removesuffix("Image"): paths[0]}
    said = re.findall(r"\b(front|left|back|right)\b", spec["description"].lower())
    return dict(zip(said if len(said) == 4 else SIDES, paths, strict=False))
