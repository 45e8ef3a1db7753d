# SPDX-License-Identifier: GPL-3.0-or-later
"""The known models as the extension inside Blender reads them, and a hand that sets their inputs."""

import importlib
import json
import os
from pathlib import Path

import bpy

PACKAGE = os.environ["MAQUETTE_PACKAGE"]
properties = importlib.import_module(f"{PACKAGE}.properties")
client = importlib.import_module(f"{PACKAGE}.client")
jobs = importlib.import_module(f"{PACKAGE}.jobs")
ROOT = Path(__file__).resolve().parents[1]
TABLE = json.loads((ROOT / "sandbox" / "models3d.json").read_text(encoding="utf-8"))
MODELS = {entry["id"]: client.Model.from_json(entry) for entry in TABLE}


def model_with(*inputs: dict, model_id: str = "model_x"):
    return client.Model.from_json({"id": model_id, "name": "X", "inputs": list(inputs)})


def group_of(chosen, model):
    properties.ensure_inputs(model)
    return properties.inputs_of(chosen, model.id)


def set_something(model, group, image: bpy.types.Image) -> None:
    """Set every input to what a person could."""
    for field in properties.fields_of(model.id):
        if field.switch:
            setattr(group, field.switch, True)
        held = getattr(group, field.attribute)
        match field.role:
            case "picture":
                setattr(group, field.attribute, image)
            case "pictures":
                for _ in range(field.spec.min_length or 1):
                    held.add().image = image
            case "mesh":
                setattr(group, field.attribute, bpy.data.objects.new("body", bpy.data.meshes.new("body")))
            case "path" | "text":
                setattr(group, field.attribute, "/a/b.mp4" if field.role == "path" else "a chair")
            case "choice":
                setattr(group, field.attribute, list(field.choices)[-1])
            case "boolean":
                setattr(group, field.attribute, not held)
            case "integer" | "float":
                setattr(group, field.attribute, held)
