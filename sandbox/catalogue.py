# SPDX-License-Identifier: GPL-3.0-or-later
"""The models of the sandbox: their records, the service's input checks, made-up prices, and the work to do.

The input tables in `models3d.json` follow the service's public pages; the rest is the sandbox's own.
"""

import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path

from .state import Record
from .web import ApiError

FACE_INPUTS = ("targetFaceNum", "faceCount", "faceLimit", "targetPolycount", "decimationTarget", "face")
MADE_AT = "2026-01-01T00:00:00.000Z"  # all models, the team and its project
SIDES = ("front", "left", "back", "right")
# The first pattern found in a model's id says what it does to a mesh; without one it is handed back as it is.
MESH_WORK = {
    "remesh|retopology": "decimate",
    "trellis.*retexture": "remake",  # it changes the faces, too, and returns a size of its own
    "retexture|texturing|texture-edit": "retexture",
    "uv-unwrap": "unwrap",
    "stylization": "blocks",
}
TYPES = {"boolean": bool, "number": (int, float), "string": str, "file": str, "file_array": list}


def read_models(fixed_price: float | None = None, delay_s: float = 0.0) -> dict[str, Record]:
    """Return the model records by id, in the table's order, each with what it usually costs and takes."""
    table = json.loads(Path(__file__).with_name("models3d.json").read_text(encoding="utf-8"))
    usual: Record = {"type": "custom", "custom": True, "privacy": "public", "status": "trained"}
    usual |= {"source": "other", "collectionIds": [], "trainingImagesNumber": 0}
    usual |= {"createdAt": MADE_AT, "updatedAt": MADE_AT}
    usual |= {"tags": ["sandbox"], "exampleAssetIds": [], "parameters": {}, "accessRestrictions": 0}
    for entry in table:
        entry["shortDescription"] = (
            f"Sandbox stand-in for {entry['name']} ({entry.pop('vendor')}): simple geometry made on this"
            " computer, not a generative model; prices are made up."
        )
        usual_cu = price_cu(entry, {}) if fixed_price is None else fixed_price
        kind = entry["capabilities"][0]
        figures = {"variantKey": kind, "capability": kind, "costPerAssetP50CU": usual_cu}
        figures |= {"totalLatencyP50Sec": delay_s, "totalLatencyP75Sec": 1.2 * delay_s, "computedAt": MADE_AT}
        entry["performanceStats"] = {"default": kind, "variants": [figures]}
    return {entry["id"]: {**entry, **usual} for entry in table}


def check_inputs(model: Record, body: Record) -> None:
    """Raise the service's 400 for the first input that is wrong."""
    specs = {spec["name"]: spec for spec in model["inputs"]}
    for name, value in body.items():
        if name not in specs:
            raise ApiError(400, f"Unknown input '{name}' for model {model['id']}")
        if wrong := _complaint(specs[name], value):
            raise ApiError(400, f"Input '{name}' {wrong}")
    for name, spec in specs.items():
        if name not in body and (why := _required(spec.get("required", {}), body)):
            raise ApiError(400, f"Missing required input '{name}': {why}")
    sources = [name for name, spec in specs.items() if spec["type"].startswith("file") or name == "prompt"]
    if not any(body.get(name) for name in sources):
        raise ApiError(400, f"At least one of these inputs is required: {', '.join(sources)}")


def check_assets(model: Record, body: Record, find_asset: Callable[[str], Record]) -> None:
    """Raise the service's 404 or 400 for the first file that is not there or of another kind."""
    kinds = {spec["name"]: spec.get("kind") for spec in model["inputs"]}
    for name, ids in _files(model, body):
        for kind in (find_asset(asset_id)["kind"] for asset_id in ids):
            if kind != kinds[name]:
                raise ApiError(400, f"Input '{name}' takes {kinds[name]} assets, not {kind}")


def _required(rules: Record, body: Record) -> str:
    """Return why the rules ask for an input that is not in the body, or an empty text."""
    if rules.get("always"):
        return "always needed"
    messages = (rule["message"] for other, rule in rules.get("ifNotDefined", {}).items() if other not in body)
    values = rules.get("conditional", {}).get("values", {})
    others = (f"needed with this {other}" for other, some in values.items() if body.get(other) in some)
    return next(messages, "") or next(others, "")


def _complaint(spec: Record, value: object) -> str:
    """Say what is wrong with a value by its input's schema, or nothing."""
    kind = spec["type"]
    low = spec.get("min")
    high = spec.get("max")
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return f"must be of type {kind}"
    if "allowedValues" in spec and value not in spec["allowedValues"]:
        return f"must be one of {spec['allowedValues']}"
    if isinstance(value, (int, float)):
        is_within = (value if low is None else low) <= value <= (value if high is None else high)
        return "" if is_within else f"must be between {low} and {high}"
    if isinstance(value, (str, list)):
        least, most = spec.get("minLength", int(kind == "file_array")), spec.get("maxLength", 10_000)
        if not least <= len(value) <= most:
            return f"must have between {least} and {most} {'items' if kind == 'file_array' else 'characters'}"
        if not all(isinstance(item, str) for item in value):
            return "must be a list of asset ids"
    return ""


def _files(model: Record, body: Record) -> list[tuple[str, list[str]]]:
    """Return the asset ids given, by the names of their inputs."""
    names = [spec["name"] for spec in model["inputs"] if spec["type"].startswith("file")]
    given = [(name, body[name]) for name in names if name in body]
    return [(name, ids if isinstance(ids, list) else [ids]) for name, ids in given]


def price_cu(model: Record, body: Record) -> float:
    """Return a made-up price: by model, and more for each costly input that is set."""
    price = 8.0 + zlib.crc32(model["id"].encode()) % 64 / 4
    for spec in model["inputs"]:
        value = body.get(spec["name"], spec.get("default"))
        if spec.get("costImpact") and value not in (None, False, spec.get("default")):
            price += 1.25 * (1 + spec.get("allowedValues", [value]).index(value))
    return price


def work(model: Record, body: Record, path_of: Callable[[str], str]) -> Record:
    """Return what the builder is to make: `task`, files by role, the parameters that it understands.

    `type` and `parent` are for the result's record.
    """
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
    request["keeps_map"] = body.get("enableOriginalUv", usual.get("enableOriginalUv")) is True
    request["is_splat"] = bool(re.search("splat|marble", model["id"]))
    kinds = (("3d23d", "pass", meshes), ("img23d", "image", images), ("txt23d", "text", True))
    request["type"], request["task"] = next((made, task) for made, task, source in kinds if source)
    if meshes:
        found = (task for words, task in MESH_WORK.items() if re.search(words, model["id"]))
        request["task"] = next(found, "pass")
    elif request["is_splat"]:
        request["type"] = "img2splat"
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
