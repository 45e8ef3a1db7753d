# SPDX-License-Identifier: GPL-3.0-or-later
"""The artist's own mesh: sent in its own space, and what comes back stands exactly where it was."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import own_shapes as shapes
import pytest
from mathutils import Matrix

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
OBJECTS = [shapes.table, shapes.torus, shapes.in_parents, shapes.mirrored, shapes.in_millimetres]


@pytest.fixture(autouse=True)
def _scene() -> Any:
    """An empty scene, and none of the test's things afterwards."""
    window, before = bpy.context.window, bpy.context.window.scene
    made = bpy.data.scenes.new("Test")
    window.scene = made
    yield
    window.scene = before
    bpy.data.batch_remove(list(bpy.data.objects))
    for kind in (bpy.data.meshes, bpy.data.materials, bpy.data.images):
        bpy.data.batch_remove([each for each in kind if each.name != "Render Result"])
    bpy.data.scenes.remove(made)
    bpy.data.orphans_purge(do_recursive=True)


def as_sent(_item: bpy.types.Object) -> None:
    return


def normalised(item: bpy.types.Object) -> None:
    """As many services return it: 1 in size, about the origin."""
    mesh: Any = item.data
    points = np.array([vertex.co for vertex in mesh.vertices])
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    mesh.transform(Matrix.Scale(1 / float(np.ptp(points, axis=0).max()), 4) @ Matrix.Translation(-middle))


def turned(item: bpy.types.Object) -> None:
    """As some return it: half the size, moved, and by a quarter turn."""
    mesh: Any = item.data
    mesh.transform(Matrix.Translation((5, 6, 7)) @ Matrix.Rotation(np.pi / 2, 4, "Z") @ Matrix.Scale(0.5, 4))


def test_a_table_is_sent_unturned_and_as_long_as_it_is_seen(tmp_path: Path) -> None:
    item = shapes.table()
    glb = shapes.sent(item, shapes.own(item, "MESH", is_base=True), tmp_path)
    before = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=str(glb))
    (came,) = [each for each in bpy.data.objects if each not in before]
    points = shapes.world_points(came)
    assert np.ptp(points, axis=0) == pytest.approx((2.0, 0.8, 0.7), abs=1e-4)


@pytest.mark.parametrize("change", [as_sent, normalised], ids=["as sent", "normalised"])
@pytest.mark.parametrize("result", ["MESH", "OBJECT", "REPLACE"])
@pytest.mark.parametrize("make", OBJECTS)
def test_what_comes_back_stands_exactly_where_it_was(make, result, change, tmp_path: Path) -> None:
    item = make()
    before = shapes.world_points(item)
    told = shapes.own(item, result, is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), change, tmp_path)
    (there,) = shapes.arrived(shapes.fitted(came, told, tmp_path), told, tmp_path)
    size = np.linalg.norm(np.ptp(before, axis=0))
    assert (there == item) == (result == "MESH")
    assert shapes.apart(shapes.world_points(there), before) < 2e-5 * size


def test_what_comes_back_turned_is_turned_back(tmp_path: Path) -> None:
    item = shapes.suzanne()
    item.modifiers.clear()
    before = shapes.world_points(item)
    told = shapes.own(item, "MESH", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), turned, tmp_path)
    (there,) = shapes.arrived(shapes.fitted(came, told, tmp_path), told, tmp_path)
    assert shapes.apart(shapes.world_points(there), before) < 1e-3


def arrays(item: Any) -> dict[str, Any]:
    """All that an artist has put into a mesh and its object, as bytes and plain values."""
    mesh = item.data
    found: dict[str, Any] = {"mesh": mesh.name, "counts": [len(mesh.vertices), len(mesh.loops)]}
    for each in mesh.attributes:
        name = {"FLOAT_VECTOR": "vector", "FLOAT2": "vector", "INT32_2D": "value"}.get(
            each.data_type, "value"
        )
        width = {"FLOAT_VECTOR": 3, "FLOAT2": 2, "INT32_2D": 2}.get(each.data_type, 1)
        values = np.empty(len(each.data) * width, np.int32 if "INT" in each.data_type else np.float32)
        if each.data_type == "BOOLEAN":
            values = np.empty(len(each.data), bool)
        each.data.foreach_get(name, values)
        found[f"attribute {each.name}"] = values.tobytes()
    for key in mesh.shape_keys.key_blocks if mesh.shape_keys else ():
        values = np.empty(len(key.data) * 3, np.float32)
        key.data.foreach_get("co", values)
        found[f"key {key.name}"] = (values.tobytes(), key.value)
    found["weights"] = [[(group.group, group.weight) for group in point.groups] for point in mesh.vertices]
    found["groups"] = [group.name for group in item.vertex_groups]
    found["modifiers"] = [(each.name, each.type, each.show_viewport) for each in item.modifiers]
    found["properties"] = {key: value for key, value in item.items() if not key.startswith("maquette_")}
    found["slots"] = [(slot.link, slot.material and slot.material.name) for slot in item.material_slots]
    found["place"] = [*map(tuple, item.matrix_basis), item.parent and item.parent.name]
    found["uv"] = [(each.name, each.active_render) for each in mesh.uv_layers]
    return found


def relaid(item: bpy.types.Object) -> None:
    """The same faces with another UV map."""
    mesh: Any = item.data
    while mesh.uv_layers:
        mesh.uv_layers.remove(mesh.uv_layers[0])
    shapes.lay_out(item, angle=0.6)


def remeshed(item: bpy.types.Object) -> None:
    """Other faces: a voxel for each hundredth or so of the size."""
    modifier: Any = item.modifiers.new("remesh", "REMESH")
    modifier.mode = "VOXEL"
    modifier.voxel_size = max(item.dimensions) / 120
    bpy.context.view_layer.objects.active = item
    with bpy.context.temp_override(object=item):
        bpy.ops.object.modifier_apply(modifier="remesh")
    relaid(item)


def shifted(item: bpy.types.Object) -> None:
    mesh: Any = item.data
    mesh.transform(Matrix.Translation((3, -2, 1)))


def scaled(item: bpy.types.Object) -> None:
    mesh: Any = item.data
    mesh.transform(Matrix.Scale(0.37, 4))


def all_of_it(item: bpy.types.Object) -> None:
    remeshed(item)
    normalised(item)


def painted(*changes: Any) -> Any:
    """What a texture model does: it changes the mesh, or not, and paints it."""

    def change(item: bpy.types.Object) -> None:
        for each in changes:
            each(item)
        shapes.paint(item)

    return change


def error_of(item: bpy.types.Object, *, is_base: bool) -> tuple[float, float]:
    """How far the texture on the shape that was sent is from the checker, of 255; and the share of gaps."""
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    seen: Any = item.data
    if not is_base:
        seen = item.evaluated_get(graph).to_mesh(preserve_all_data_layers=True, depsgraph=graph)
    stretch = Matrix.Diagonal((*item.matrix_world.to_scale(), 1.0))
    surface = shapes.surfaces.surface_of([(seen, stretch)])
    points = surface.corners.reshape(-1, 3)
    low, longest = points.min(axis=0), float(np.ptp(points, axis=0).max())
    chance = np.random.default_rng(5)
    a, b, c = (surface.corners[:, corner] for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    picked = chance.choice(len(area), 20_000, p=area / area.sum())
    weights = chance.dirichlet((1, 1, 1), 20_000).astype(np.float32)
    places = shapes.surfaces.Places(picked, weights, np.empty(0))
    truth = shapes.checker(places.of(surface.corners), low, longest)
    found = np.empty((20_000, 3), np.float32)
    uv = places.of(surface.uv)
    for slot, holder in enumerate(item.material_slots):
        nodes = holder.material.node_tree.nodes
        image = next(node.image for node in nodes if node.type == "TEX_IMAGE")
        here = surface.material[picked] == slot
        found[here] = shapes.raster.sampled(shapes.shading.bytes_of(image), uv[here])[:, :3]
    is_gap = (np.abs(found - (1.0, 0.0, 1.0)) < 0.02).all(axis=1)
    return float(np.abs(found - truth).mean() * 255), float(is_gap.mean())


RETURNS = {
    "same faces, same UVs": (painted(), 1.5),
    "same faces, other UVs": (painted(relaid), 6.0),
    "remeshed": (painted(remeshed), 6.0),
    "shifted": (painted(shifted), 1.5),
    "scaled": (painted(scaled), 1.5),
    "remeshed, shifted and scaled": (painted(all_of_it), 8.0),
}


@pytest.mark.parametrize("name", RETURNS)
@pytest.mark.parametrize("is_base", [True, False], ids=["base mesh", "as seen"])
def test_a_texture_goes_onto_suzanne_and_all_that_is_hers_stays(name, is_base, tmp_path: Path) -> None:
    change, most = RETURNS[name]
    item = shapes.suzanne()
    before = arrays(item)
    told = shapes.own(item, "MATERIAL", is_base=is_base)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), change, tmp_path)
    answer = shapes.fitted(came, told, tmp_path)
    assert answer["result"] == "MATERIAL", answer
    assert shapes.arrived(answer, told, tmp_path) == [item]
    after = arrays(item)
    assert {key for key in before if before[key] != after[key]} == {"slots"}
    assert before.keys() == after.keys()
    error, gaps = error_of(item, is_base=is_base)
    print(
        f"MEASURED {name} | {'base mesh' if is_base else 'as seen'} | {error:.2f} | {answer['coverage']:.4f}"
    )
    assert error < most
    assert gaps < 0.005
    assert {bpy.data.materials[name].use_fake_user for name in ("Fur", "Eyes")} == {True}
    shapes.scene_package.restore(item)
    assert arrays(item) == before
    assert not [key for key in item.keys() if key.startswith("maquette_")]  # noqa: SIM118 # no dict
