# SPDX-License-Identifier: GPL-3.0-or-later
"""The models of the sandbox: their records, the service's input checks, made-up prices, and the work to do.

The input tables in `models3d.json` follow the service's public pages; the rest is the sandbox's own.
"""

import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .state import Record
from .web import ApiError

SINCE = "2026-01-01T00:00:00.000Z"
BASE_PRICE_CU = {"img23d": 18.0, "txt23d": 22.0, "3d23d": 9.5, "video23d": 30.0}
FACE_INPUTS = ("targetFaceNum", "faceCount", "faceLimit", "targetPolycount", "decimationTarget", "face")
VIEWS = ("front", "left", "back", "right", "top", "bottom", "leftFront", "rightFront")
# The first word found in the model's id says what is done to a mesh; without one it is handed back as it is.
MESH_WORK = (
    ("remesh", "decimate"),
    ("retopology", "decimate"),
    ("retexture", "retexture"),
    ("texturing", "retexture"),
    ("texture-edit", "retexture"),
    ("uv-unwrap", "unwrap"),
    ("-part", "split"),
    ("segmentation", "split"),
    ("stylization", "stylize"),
    ("ultrashape", "refine"),
    ("rigging", "rig"),
    ("animation", "rig"),
    ("motion", "rig"),
)
FindAsset = Callable[[str], Record | None]


class Catalogue:
    """The model records by id, in the order of the table."""

    def __init__(self) -> None:
        table = json.loads(Path(__file__).with_name("models3d.json").read_text(encoding="utf-8"))
        self.models: dict[str, Record] = {entry["id"]: _model(entry) for entry in table}

    def get(self, model_id: str) -> Record:
        if model_id not in self.models:
            raise ApiError(404, f"Model {model_id} not found")
        return self.models[model_id]

    def listing(self, offset: int, limit: int) -> list[Record]:
        """Return records as lists show them: without `inputs`."""
        page = list(self.models.values())[offset : offset + limit]
        return [{key: value for key, value in model.items() if key != "inputs"} for model in page]


def _model(entry: dict) -> Record:
    text = (
        f"Sandbox stand-in for {entry['name']} ({entry['vendor']}): simple geometry made on this computer,"
        " not a generative model; prices are made up."
    )
    fixed = {"type": "custom", "custom": True, "privacy": "public", "source": "other", "status": "trained"}
    record = {"id": entry["id"], "name": entry["name"], "shortDescription": text, **fixed}
    record |= {
        "capabilities": entry["capabilities"],
        "tags": ["sandbox"],
        "exampleAssetIds": [],
        "parameters": {},
    }
    record |= {"accessRestrictions": 0, "createdAt": SINCE, "updatedAt": SINCE, "inputs": entry["inputs"]}
    return record


def check_inputs(model: Record, body: Record, find_asset: FindAsset | None) -> None:
    """Raise the service's 400 or 404 for the first input that is wrong; no `find_asset` on a dry run."""
    specs = {spec["name"]: spec for spec in model["inputs"]}
    for name, value in body.items():
        if name not in specs:
            raise ApiError(400, f"Unknown input '{name}' for model {model['id']}")
        _check_value(specs[name], value)
    for name, spec in specs.items():
        if name not in body and (why := _required(spec.get("required", {}), body)):
            raise ApiError(400, f"Missing required input '{name}'{why}".rstrip())
    sources = [name for name, spec in specs.items() if spec["type"].startswith("file") or name == "prompt"]
    if not any(body.get(name) for name in sources):
        raise ApiError(400, f"At least one of these inputs is required: {', '.join(sources)}")
    for name in body:
        if find_asset and specs[name]["type"].startswith("file"):
            _check_assets(specs[name], body[name], find_asset)


def _required(rules: dict, body: Record) -> str:
    if rules.get("always"):
        return " "
    for other, message in rules.get("ifNotDefined", {}).items():
        if other not in body:
            return f": {message['message']}"
    for other, allowed in rules.get("conditional", {}).get("values", {}).items():
        if body.get(other) in allowed:
            return f": needed with this {other}"
    return ""


def _check_value(spec: dict, value: object) -> None:
    def wrong(text: str) -> ApiError:
        return ApiError(400, f"Input '{spec['name']}' {text}")

    kinds = {"boolean": bool, "number": (int, float), "string": str, "file": str, "file_array": list}
    is_bool_for_number = spec["type"] == "number" and isinstance(value, bool)
    if not isinstance(value, kinds[spec["type"]]) or is_bool_for_number:
        raise wrong(f"must be of type {spec['type']}")
    if isinstance(value, list) and not (value and all(isinstance(item, str) for item in value)):
        raise wrong("must be a list of at least one asset id")
    if "allowedValues" in spec and value not in spec["allowedValues"]:
        raise wrong(f"must be one of {spec['allowedValues']}")
    if isinstance(value, (int, float)) and not spec.get("min", value) <= value <= spec.get("max", value):
        raise wrong(f"must be between {spec.get('min', 'any')} and {spec.get('max', 'any')}")
    if isinstance(value, (str, list)):
        most, least = spec.get("maxLength", 10_000), spec.get("minLength", 0)
        if not least <= len(value) <= most:
            raise wrong(
                f"must have between {least} and {most} {'items' if isinstance(value, list) else 'characters'}"
            )


def _check_assets(spec: dict, value: Any, find_asset: FindAsset) -> None:
    for asset_id in value if isinstance(value, list) else [value]:
        asset = find_asset(asset_id)
        if asset is None:
            raise ApiError(404, f"Asset {asset_id} not found (input '{spec['name']}')")
        if asset["kind"] != spec["kind"]:
            raise ApiError(400, f"Input '{spec['name']}' takes {spec['kind']} assets, not {asset['kind']}")
        size = asset["properties"]["size"]
        if size > spec.get("maxSize", size):
            raise ApiError(400, f"Input '{spec['name']}' must not be larger than {spec['maxSize']} bytes")


def price_cu(model: Record, body: Record) -> float:
    """Return a made-up price: by capability and model, and more for each costly input that is set."""
    factor = 0.75 + zlib.crc32(str(model["id"]).encode()) % 4 / 4
    price = BASE_PRICE_CU[model["capabilities"][0]] * factor
    for spec in model["inputs"]:
        value = body.get(spec["name"], spec.get("default"))
        if spec.get("costImpact") and value not in (None, False, spec.get("default")):
            choices = spec.get("allowedValues")
            price += 1.25 * (1 + choices.index(value)) if choices else 1.75
    return round(price * 4) / 4


def work(model: Record, body: Record, path_of: Callable[[str], str]) -> Record:
    """Return what the builder is to make: `task`, its files by role, and what parameters it understands."""
    images, meshes = _files(model, body, path_of)
    prompt = next((str(body[k]) for k in ("prompt", "textStylePrompt", "texturePrompt") if body.get(k)), "")
    faces = next((int(body[k]) for k in FACE_INPUTS if body.get(k)), None)
    defaults = {s["name"]: s.get("default") for s in model["inputs"]}
    faces = faces or next((int(defaults[k]) for k in FACE_INPUTS if defaults.get(k)), 30_000)
    model_id = str(model["id"])
    request: Record = {"prompt": prompt, "images": images, "meshes": meshes, "faces": faces, "splat": False}
    request["textured"] = (
        body.get("paint", True) and body.get("shouldTexture", True) and body.get("texture", True)
    )
    if "splat" in model_id or "marble" in model_id:
        request["splat"] = True
    if "voxels" in model_id:
        request["grid"] = [int(body.get(k) or defaults[k]) for k in ("width", "depth", "height")]
    if meshes:
        request["task"] = next((todo for word, todo in MESH_WORK if word in model_id), "pass")
    else:
        request["task"] = "image" if images else "text"
    request["parts"] = body.get("numParts") or (defaults.get("numParts") if images else None) or 0
    request["style"] = body.get("style", "")
    request["format"] = "fbx" if model_id == "model_tripo-retopology" else "glb"
    if request["task"] == "text" and not prompt:
        request["prompt"] = str(model["name"])
    return request


def _files(model: Record, body: Record, path_of: Callable[[str], str]) -> tuple[dict[str, str], list[str]]:
    """Sort the files given into pictures by view and meshes; a list of pictures is front, left, back, right.

    Sparc3D's lists say an order of their own in the description. Pictures of a texture, style or mask are
    `style`, used to colour a mesh.
    """
    images: dict[str, str] = {}
    meshes: list[str] = []
    for spec in model["inputs"]:
        if spec["name"] not in body or not spec["type"].startswith("file"):
            continue
        given = body[spec["name"]]
        paths = [path_of(asset_id) for asset_id in (given if isinstance(given, list) else [given])]
        if spec["kind"] == "3d":
            meshes += paths
        elif spec["kind"] == "image":
            said = re.findall(r"\b(front|left|back|right)\b", spec["description"].lower())
            named = spec["name"].removesuffix("Image")
            if named in VIEWS:
                images[named] = paths[0]
            elif re.search("texture|style|mask|reference|Prompt", spec["name"]) and "voxels" not in str(
                model["id"]
            ):
                images.setdefault("style", paths[0])
            else:
                images.update(zip(said if len(said) == 4 else VIEWS[:4], paths, strict=False))
    return images, meshes
