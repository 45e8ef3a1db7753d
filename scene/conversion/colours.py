# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows vertex colours wherever no material says otherwise: Blender's importers leave that to the artist."""

import bpy
import numpy as np

from .values import values_of

_UNSAID = (0.8, 0.8, 0.8)  # Blender's own base colour: of a material that was not delivered, say


def colour_by_vertices(objects: list[bpy.types.Object]) -> None:
    """Has vertex colours multiply the base colour of materials that have no texture there, as glTF does.

    A mesh without a material gets one. Colours that are all black or all white tell nothing.
    """
    meshes = {each.data for each in objects if isinstance(each.data, bpy.types.Mesh)}
    coloured = {mesh: layer for mesh in meshes if (layer := _layer(mesh))}
    made: dict[tuple[bpy.types.Material | None, str], bpy.types.Material] = {}
    for mesh in sorted(coloured, key=lambda each: each.name):
        layer = coloured[mesh]
        if not any(mesh.materials):
            material = new_material(mesh.name)
            _tint(material, layer)
            mesh.materials.clear()
            mesh.materials.append(material)
            continue
        for slot, material in enumerate(mesh.materials):
            if material is None or not _is_plain(material):
                continue
            if (material, layer) not in made:  # another mesh may have the material and no such colours
                made[material, layer] = material.copy()
                _tint(made[material, layer], layer)
            mesh.materials[slot] = made[material, layer]
    for (material, _), tinted in made.items():
        if material is not None and material.name in bpy.data.materials and not material.users:
            name = material.name
            bpy.data.materials.remove(material)
            tinted.name = name


def new_material(name: str) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        material.use_nodes = True  # always so from 5.0 on
    return material


def principled_node(material: bpy.types.Material) -> bpy.types.Node | None:
    """The Principled BSDF of the material, which its colour goes into; None if it has none."""
    nodes = material.node_tree.nodes if material.node_tree else ()
    return next((each for each in nodes if each.type == "BSDF_PRINCIPLED"), None)


def _layer(mesh: bpy.types.Mesh) -> str:
    """The name of the colours that the mesh shows, "" if it has none that tell anything."""
    layers = mesh.color_attributes
    if not layers:
        return ""
    index = layers.render_color_index
    layer = layers[index if 0 <= index < len(layers) else 0]
    values = values_of(layer.data, "color", width=4)
    colours = values.reshape(-1, 4)[:, :3]
    is_black = not colours.any()
    return "" if is_black or (colours >= 1.0).all() else layer.name


def _is_plain(material: bpy.types.Material) -> bool:
    surface = principled_node(material)
    return surface is not None and not surface.inputs["Base Color"].is_linked


def _tint(material: bpy.types.Material, layer: str) -> None:
    tree, surface = material.node_tree, principled_node(material)
    assert tree and surface
    base = surface.inputs["Base Color"]
    colour = tree.nodes.new("ShaderNodeVertexColor")
    colour.layer_name = layer
    shown = colour.outputs["Color"]
    factor = tuple(base.default_value)
    if not np.allclose(factor[:3], _UNSAID) and not np.allclose(factor[:3], 1.0):
        mix = tree.nodes.new("ShaderNodeMix")
        mix.data_type = "RGBA"
        mix.blend_type = "MULTIPLY"
        mix.inputs["Factor"].default_value = 1.0
        first, second = [each for each in mix.inputs if each.type == "RGBA"]
        second.default_value = factor
        tree.links.new(shown, first)
        shown = next(each for each in mix.outputs if each.type == "RGBA")
    tree.links.new(shown, base)
