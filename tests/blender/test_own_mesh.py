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


_KINDS = {
    "BOOLEAN": (1, np.bool_),
    "FLOAT": (1, np.float32),
    "FLOAT2": (2, np.float32),
    "FLOAT_VECTOR": (3, np.float32),
    "INT": (1, np.int32),
    "INT16_2D": (2, np.int16),
    "INT32_2D": (2, np.int32),
}


def arrays(item: Any) -> dict[str, Any]:
    """All that an artist has put into a mesh and its object, as bytes and plain values."""
    mesh = item.data
    found: dict[str, Any] = {"mesh": mesh.name, "counts": [len(mesh.vertices), len(mesh.loops)]}
    for each in mesh.attributes:
        name = "vector" if each.data_type in ("FLOAT_VECTOR", "FLOAT2") else "value"
        width, kind = _KINDS[each.data_type]
        values = np.empty(len(each.data) * width, kind)
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
    surface = shapes.surfaces.surface_from([(seen, stretch)])
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
    shapes.scene_package.restore_original(item)
    assert arrays(item) == before
    assert not [key for key in item.keys() if key.startswith("maquette_")]  # noqa: SIM118 # no dict


def plain(item: bpy.types.Object) -> None:
    """Other faces without a texture."""
    mesh: Any = item.data
    remeshed(item)
    mesh.materials.clear()
    while mesh.uv_layers:
        mesh.uv_layers.remove(mesh.uv_layers[0])


def faces_by_slot(item: Any) -> dict[str, float]:
    """The part of the surface that each slot's material has."""
    found: dict[str, float] = {}
    for each in item.data.polygons:
        name = item.material_slots[each.material_index].material.name
        found[name] = found.get(name, 0.0) + each.area
    whole = sum(found.values())
    return {name: area / whole for name, area in found.items()}


def test_a_mesh_takes_the_place_of_the_old_one_which_is_kept(tmp_path: Path) -> None:
    item = shapes.suzanne()
    halves: Any = item.data
    is_high = [polygon.center.z > 0 for polygon in halves.polygons]
    halves.polygons.foreach_set("material_index", np.array(is_high, np.int32))
    before, slots = arrays(item), faces_by_slot(item)
    told = shapes.own(item, "MESH", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), plain, tmp_path)
    answer = shapes.fitted(came, told, tmp_path)
    assert shapes.arrived(answer, told, tmp_path) == [item]
    after = arrays(item)
    kept = ("mesh", "properties", "modifiers", "place", "slots")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    old = bpy.data.meshes["Suzanne (before)"]
    assert old.use_fake_user
    assert old == halves
    assert faces_by_slot(item) == pytest.approx(slots, abs=0.03)
    mesh: Any = item.data
    assert len(mesh.edges) < 1.6 * len(mesh.polygons) + 3 * len(mesh.vertices)
    shapes.scene_package.restore_original(item)
    assert arrays(item) == before
    assert not halves.use_fake_user


def test_the_pieces_of_a_mesh_that_comes_hang_together(tmp_path: Path) -> None:
    item = shapes.suzanne()
    told = shapes.own(item, "MESH", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), painted(relaid), tmp_path)
    shapes.arrived(shapes.fitted(came, told, tmp_path), told, tmp_path)
    old: Any = bpy.data.meshes["Suzanne (before)"]
    new: Any = item.data
    assert len(new.vertices) == len({tuple(vertex.co) for vertex in old.vertices})
    assert len(new.polygons) == sum(len(each.vertices) - 2 for each in old.polygons)


def test_modifiers_that_are_in_the_mesh_already_are_switched_off_until_it_is_restored(tmp_path: Path) -> None:
    item = shapes.suzanne()
    item.modifiers["Subdivision"].show_render = False
    before = arrays(item)
    told = shapes.own(item, "MESH", is_base=False)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), as_sent, tmp_path)
    shapes.arrived(shapes.fitted(came, told, tmp_path), told, tmp_path)
    assert not item.modifiers["Subdivision"].show_viewport
    shapes.scene_package.restore_original(item)
    assert arrays(item) == before
    assert not item.modifiers["Subdivision"].show_render


def without_uvs() -> Any:
    item: Any = shapes.suzanne()
    while item.data.uv_layers:
        item.data.uv_layers.remove(item.data.uv_layers[0])
    return item


@pytest.mark.parametrize(("change", "most"), [(painted(relaid), 8.0), (painted(remeshed), 6.0)])
def test_a_mesh_without_uvs_gets_some_and_loses_them_again(change, most, tmp_path: Path) -> None:
    item = without_uvs()
    before = arrays(item)
    told = shapes.own(item, "MATERIAL", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), change, tmp_path)
    answer = shapes.fitted(came, told, tmp_path)
    shapes.arrived(answer, told, tmp_path)
    assert [each.name for each in item.data.uv_layers] == ["UVMap"]
    assert "UVMap" in " ".join(answer["messages"])
    error, gaps = error_of(item, is_base=True)
    assert error < most
    assert gaps < 0.005
    shapes.scene_package.restore_original(item)
    assert arrays(item) == before


def bare_and_relaid(item: bpy.types.Object) -> None:
    """What a UV model returns: the faces as they were, laid out, and no texture."""
    mesh: Any = item.data
    relaid(item)
    mesh.materials.clear()


def test_uvs_that_a_model_has_made_come_as_a_map_more(tmp_path: Path) -> None:
    item: Any = shapes.suzanne()
    before = arrays(item)
    told = shapes.own(item, "MATERIAL", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), bare_and_relaid, tmp_path)
    answer = shapes.fitted(came, told, tmp_path)
    assert answer["result"] == "MATERIAL", answer
    shapes.arrived(answer, told, tmp_path)
    after = arrays(item)
    assert after["slots"] == before["slots"]
    assert after["attribute UVMap"] == before["attribute UVMap"]
    assert after["uv"] == [("UVMap", True), ("UVMap.001", False)]
    new = np.empty(len(item.data.loops) * 2, np.float32)
    item.data.uv_layers[1].uv.foreach_get("vector", new)
    assert len(np.unique(new.reshape(-1, 2), axis=0)) > 600
    shapes.scene_package.restore_original(item)
    assert arrays(item) == before


def test_uvs_for_other_faces_come_with_an_object_of_its_own(tmp_path: Path) -> None:
    item = shapes.suzanne()
    before, points = arrays(item), shapes.world_points(item)
    told = shapes.own(item, "MATERIAL", is_base=True)

    def change(came: bpy.types.Object) -> None:
        remeshed(came)
        bare_and_relaid(came)

    came = shapes.serviced(shapes.sent(item, told, tmp_path), change, tmp_path)
    answer = shapes.fitted(came, told, tmp_path)
    assert (answer["result"], "other faces than yours" in answer["messages"][0]) == ("OBJECT", True)
    (there,) = shapes.arrived(answer, told, tmp_path)
    assert there != item
    assert arrays(item) == before
    low, high = (getattr(shapes.world_points(there), name)(axis=0) for name in ("min", "max"))
    assert np.abs([low - points.min(axis=0), high - points.max(axis=0)]).max() < 0.1


def half(item: bpy.types.Object) -> None:
    """Only what is above the middle; the box is kept by one face far below."""
    import bmesh

    mesh: Any = item.data
    work = bmesh.new()
    work.from_mesh(mesh)
    low = min(vertex.co.z for vertex in work.verts)
    gone = [face for face in work.faces if face.calc_center_median().z < 0.3 and min(
        vertex.co.z for vertex in face.verts) > low + 0.05]  # fmt: skip
    bmesh.ops.delete(work, geom=gone, context="FACES")
    work.to_mesh(mesh)
    work.free()


def test_what_got_no_texture_is_marked_and_told(tmp_path: Path) -> None:
    item = shapes.suzanne()
    told = shapes.own(item, "MATERIAL", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), painted(half), tmp_path)
    answer = shapes.fitted(came, told, tmp_path)
    assert answer["result"] == "MATERIAL", answer
    assert 0.5 < answer["coverage"] < 0.8
    assert "got no texture, and is magenta" in answer["messages"][0]
    shapes.arrived(answer, told, tmp_path)
    _, gaps = error_of(item, is_base=True)
    assert gaps == pytest.approx(1 - answer["coverage"], abs=0.1)


def test_an_object_that_was_edited_meanwhile_keeps_what_it_has(tmp_path: Path) -> None:
    item = without_uvs()
    told = shapes.own(item, "MATERIAL", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), painted(remeshed), tmp_path)
    answer = shapes.fitted(came, told, tmp_path)
    item.modifiers.clear()
    item.shape_key_clear()
    item.data.clear_geometry()
    item.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    before = arrays(item)
    with pytest.raises(shapes.scene_package.EditedError, match="was edited"):
        shapes.arrived(answer, told, tmp_path)
    assert arrays(item) == before


def test_twins_of_one_mesh_get_a_texture_each_and_their_own_back(tmp_path: Path) -> None:
    item: Any = shapes.suzanne()
    twin: Any = item.copy()
    bpy.context.scene.collection.objects.link(twin)
    before = arrays(item), arrays(twin)
    for each in (item, twin):
        told = shapes.own(each, "MATERIAL", is_base=True)
        came = shapes.serviced(shapes.sent(each, told, tmp_path), painted(), tmp_path)
        shapes.arrived(shapes.fitted(came, told, tmp_path), told, tmp_path)
    painted_by = [each.material_slots[0].material for each in (item, twin)]
    assert painted_by[0] != painted_by[1]
    assert [each.name for each in item.data.materials] == ["Fur", "Eyes"]
    for each in (item, twin):
        shapes.scene_package.restore_original(each)
    assert (arrays(item), arrays(twin)) == before


def unwrapped(mesh: Any) -> None:
    for each in mesh.uv_layers[0].uv:
        each.vector = (each.vector.y * 0.3, each.vector.x * 0.2)


@pytest.mark.parametrize(
    "edit",
    [
        unwrapped,
        lambda mesh: mesh.uv_layers.remove(mesh.uv_layers[0]),
        lambda mesh: mesh.materials.pop(index=0),
        lambda mesh: mesh.vertices.add(1),
    ],
)
def test_a_texture_for_a_mesh_that_was_edited_meanwhile_comes_with_an_object_of_its_own(
    edit: Any, tmp_path: Path
) -> None:
    item: Any = shapes.suzanne()
    item.shape_key_clear()
    told = shapes.own(item, "MATERIAL", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), painted(remeshed), tmp_path)
    answer = shapes.fitted(came, told, tmp_path)
    edit(item.data)
    before = arrays(item)
    with pytest.raises(shapes.scene_package.EditedError, match="since it was sent"):
        shapes.arrived(answer, told, tmp_path)
    assert arrays(item) == before


def test_what_was_there_can_be_restored_after_saving_and_reloading(tmp_path: Path) -> None:
    item = shapes.suzanne()
    before = arrays(item)
    told = shapes.own(item, "MATERIAL", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), painted(), tmp_path)
    shapes.arrived(shapes.fitted(came, told, tmp_path), told, tmp_path)
    told = shapes.own(item, "MESH", is_base=True)
    shapes.arrived(shapes.fitted(came, told, tmp_path), told, tmp_path)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"), copy=True)
    with bpy.data.libraries.load(str(tmp_path / "saved.blend")) as (_, wanted):  # pyright: ignore[reportGeneralTypeIssues]
        wanted.objects = ["Suzanne"]
    (again,) = wanted.objects
    bpy.context.scene.collection.objects.link(again)
    assert again.data.shape_keys is None
    shapes.scene_package.restore_original(again)
    after = arrays(again)
    for name in ("mesh", "place", "slots"):  # names and parents are others of the same
        del before[name], after[name]
    assert after == before
    assert [slot.material.name.split(".")[0] for slot in again.material_slots] == ["Fur", "Eyes"]


@pytest.mark.parametrize("result", ["MATERIAL", "MESH"])
def test_materials_of_the_object_alone_can_be_restored_too(result: str, tmp_path: Path) -> None:
    item: Any = shapes.suzanne()
    of_mesh = [each.name for each in item.data.materials]
    for slot in item.material_slots[:1]:
        slot.link = "OBJECT"
        slot.material = bpy.data.materials.new("Mine alone")
    before = arrays(item)
    told = shapes.own(item, result, is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), painted(), tmp_path)
    shapes.arrived(shapes.fitted(came, told, tmp_path), told, tmp_path)
    assert bpy.data.materials["Mine alone"].users
    shapes.scene_package.restore_original(item)
    assert arrays(item) == before
    assert [each.name for each in item.data.materials] == of_mesh


def with_all_pictures(item: bpy.types.Object) -> None:
    """A quarter turn of the UVs, and plain pictures; the normal leans to +U."""
    mesh: Any = item.data
    uv = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[0].uv.foreach_get("vector", uv)
    u, v = uv.reshape(-1, 2).T
    mesh.uv_layers[0].uv.foreach_set("vector", np.stack([v, 1 - u], axis=1).ravel())
    plain = {"color": (0.2, 0.6, 0.4), "surface": (1.0, 0.25, 0.75), "normal": (0.8, 0.5, 0.9)}
    pictures = {
        name: shapes.shading.image_of(name, np.full((64, 64, 3), value, np.float32), is_color=name == "color")
        for name, value in plain.items()
    }
    values = shapes.shading.channels_of(None)
    mesh.materials.clear()
    mesh.materials.append(shapes.shading.material_of("all", pictures, values, mesh.uv_layers[0].name))


def test_each_picture_is_baked_and_a_normal_is_turned_with_the_uvs(tmp_path: Path) -> None:
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=4, y_subdivisions=4, size=2)
    item = shapes.active()
    told = shapes.own(item, "MATERIAL", is_base=True)
    came = shapes.serviced(shapes.sent(item, told, tmp_path), with_all_pictures, tmp_path)
    shapes.arrived(shapes.fitted(came, told, tmp_path), told, tmp_path)
    material: Any = item.material_slots[0].material
    found = shapes.shading.channels_of(material)

    def middle(name: str) -> Any:
        pixels = shapes.shading.bytes_of(found[name].image)
        return pixels[pixels.shape[0] // 2, pixels.shape[1] // 2, :3] / 255

    assert middle("color") == pytest.approx((0.2, 0.6, 0.4), abs=0.02)
    assert (found["roughness"].component, found["metallic"].component) == (1, 2)
    assert middle("roughness")[1:] == pytest.approx((0.25, 0.75), abs=0.02)
    lean = np.array((0.6, 0.0, 0.8)) / np.linalg.norm((0.6, 0.0, 0.8))
    assert middle("normal") * 2 - 1 == pytest.approx((lean[1], lean[0], lean[2]), abs=0.03)


# What is restored of what the artist has changed since


def cube(*materials: str) -> Any:
    """Its faces have the slots in turn."""
    bpy.ops.mesh.primitive_cube_add()
    item: Any = shapes.active()
    for name in materials:
        item.data.materials.append(bpy.data.materials.new(name))
    item.data.polygons.foreach_set("material_index", [face % max(1, len(materials)) for face in range(6)])
    return item


def twin_of(item: Any) -> Any:
    """As Alt D makes it."""
    twin = item.copy()
    bpy.context.scene.collection.objects.link(twin)
    return twin


def copy_of(item: Any) -> Any:
    """As Shift D makes it."""
    copy = twin_of(item)
    copy.data = item.data.copy()
    return copy


def slots_of(item: Any) -> list[tuple[str, str]]:
    return [(slot.link, slot.material.name if slot.material else "") for slot in item.material_slots]


def on_faces(item: Any) -> list[str]:
    return [item.material_slots[each.material_index].material.name for each in item.data.polygons]


@pytest.mark.parametrize("order", [1, -1])
def test_twins_without_a_material_have_no_slot_again(order: int, tmp_path: Path) -> None:
    twins = [first := cube(), twin_of(first)]
    for number, each in enumerate(twins):
        shapes.given(each, "MATERIAL", tmp_path, job=f"job_{number}")
    twins.append(twin_of(first))
    for each in twins[::order]:
        shapes.scene_package.restore_original(each)
    assert [slots_of(each) for each in twins] == [[], [], []]


@pytest.mark.parametrize("replaced", [1, 3])
def test_faces_have_their_materials_again_wherever_their_slots_are_now(replaced, tmp_path: Path) -> None:
    item = cube("Red", "Green", "Blue")
    before = on_faces(item)
    shapes.given(item, "MATERIAL", tmp_path, slots=replaced)
    item.active_material_index = 0
    for _ in range(2):
        bpy.ops.object.material_slot_move(direction="DOWN")
    shapes.given(item, "MATERIAL", tmp_path, slots=3, job="job_2")
    bpy.ops.object.material_slot_move(direction="UP")
    assert on_faces(item) != before
    shapes.scene_package.restore_original(item)
    assert on_faces(item) == before
    assert slots_of(item) == [("DATA", "Green"), ("DATA", "Red"), ("DATA", "Blue")]


def test_materials_come_back_after_a_slot_was_removed(tmp_path: Path) -> None:
    item = cube("Red", "Green", "Blue")
    shapes.given(item, "MATERIAL", tmp_path)
    item.active_material_index = 0
    bpy.ops.object.material_slot_remove()
    shapes.scene_package.restore_original(item)
    assert slots_of(item) == [("DATA", "Green"), ("DATA", "Blue")]


def test_a_material_that_was_put_there_since_stays(tmp_path: Path) -> None:
    item = cube("Red", "Green")
    shapes.given(item, "MATERIAL", tmp_path, slots=2)
    item.material_slots[0].material = bpy.data.materials.new("Mine")
    item.material_slots[1].material = None
    shapes.scene_package.restore_original(item)
    assert slots_of(item) == [("DATA", "Mine"), ("DATA", "Green")]
    assert [bpy.data.materials[name].use_fake_user for name in ("Red", "Green")] == [True, False]


def test_what_the_artist_did_between_two_textures_counts(tmp_path: Path) -> None:
    item = cube("Red", "Green", "Blue")
    shapes.given(item, "MATERIAL", tmp_path, slots=2)
    item.material_slots[1].material = bpy.data.materials.new("Mine")
    item.material_slots[2].material = item.material_slots[0].material
    shapes.given(item, "MATERIAL", tmp_path, slots=3, job="job_2")
    shapes.scene_package.restore_original(item)
    assert slots_of(item) == [("DATA", "Red"), ("DATA", "Mine"), ("DATA", "Red")]


def test_materials_come_back_after_the_texture_was_deleted(tmp_path: Path) -> None:
    item = cube("Red", "Green")
    shapes.given(item, "MATERIAL", tmp_path, slots=2)
    bpy.data.materials.remove(bpy.data.materials["Texture"])
    shapes.scene_package.restore_original(item)
    assert slots_of(item) == [("DATA", "Red"), ("DATA", "Green")]


def test_a_material_of_several_objects_has_no_fake_user_again(tmp_path: Path) -> None:
    item = cube("Wood")
    other = cube()
    other.data.materials.append(item.data.materials[0])
    for each in (item, other):
        shapes.given(each, "MATERIAL", tmp_path)
    for each in (item, other):
        shapes.scene_package.restore_original(each)
    assert not bpy.data.materials["Wood"].use_fake_user


def test_what_shares_the_mesh_keeps_its_texture_until_it_is_restored_itself(tmp_path: Path) -> None:
    item = cube("Red")
    own_maps = len(item.data.uv_layers)
    shapes.given(item, "MATERIAL", tmp_path, uv="Came")
    twin = twin_of(item)
    shapes.scene_package.restore_original(item)
    assert (slots_of(item), slots_of(twin)) == ([("DATA", "Red")], [("OBJECT", "Texture")])
    assert "Came" in item.data.uv_layers
    shapes.scene_package.restore_original(twin)
    assert slots_of(twin) == slots_of(item) == [("DATA", "Red")]
    assert len(item.data.uv_layers) == own_maps


def test_a_twin_that_got_a_texture_of_its_own_has_what_was_there_before_both(tmp_path: Path) -> None:
    item = cube("Red")
    shapes.given(item, "MATERIAL", tmp_path)
    twin = twin_of(item)
    shapes.given(twin, "MATERIAL", tmp_path, job="job_2")
    shapes.scene_package.restore_original(twin)
    assert (slots_of(item), slots_of(twin)) == ([("OBJECT", "Texture")], [("DATA", "Red")])


@pytest.mark.parametrize("order", [1, -1])
def test_a_copy_of_an_object_with_a_new_mesh_gets_a_mesh_of_its_own_back(order, tmp_path: Path) -> None:
    item = shapes.suzanne()
    before = arrays(item)
    shapes.given(item, "MESH", tmp_path)
    copy = copy_of(item)
    twin = twin_of(copy)
    for each in (item, copy, twin)[::order]:
        shapes.scene_package.restore_original(each)
    assert copy.data == twin.data != item.data
    assert {key for key, value in arrays(copy).items() if value != before[key]} <= {"mesh"}
    assert {key for key, value in arrays(item).items() if value != before[key]} <= {"mesh"}


def test_twins_that_got_a_mesh_each_share_one_again(tmp_path: Path) -> None:
    item = cube("Red")
    twin = twin_of(item)
    mesh = item.data
    for number, each in enumerate((item, twin)):
        shapes.given(each, "MESH", tmp_path, job=f"job_{number}")
    for each in (item, twin):
        shapes.scene_package.restore_original(each)
    assert item.data == twin.data == mesh
    assert not mesh.use_fake_user


def test_the_uv_map_of_a_mesh_that_came_takes_none_of_the_artists_away(tmp_path: Path) -> None:
    item = shapes.suzanne()
    before = arrays(item)
    shapes.given(item, "MESH", tmp_path)
    shapes.given(item, "MATERIAL", tmp_path, uv="UVMap")
    shapes.scene_package.restore_original(item)
    assert arrays(item) == before


def raised(item: Any) -> None:
    item.data.vertices[0].co.z += 5


def shaded(item: Any) -> None:
    item.material_slots[0].material = bpy.data.materials.new("Mine")


def seen_in_edit_mode(_item: Any) -> None:
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.object.mode_set(mode="OBJECT")


@pytest.mark.parametrize(
    ("edit", "kept"), [(raised, "Cube (edited)"), (shaded, "Mine"), (seen_in_edit_mode, "")]
)
def test_what_was_edited_since_stays_in_the_file(edit: Any, kept: str, tmp_path: Path) -> None:
    item = cube("Red")
    shapes.given(item, "MESH", tmp_path)
    edit(item)
    shapes.scene_package.restore_original(item)
    bpy.data.orphans_purge(do_recursive=True)  # as saving and opening do
    found = {each.name for kind in (bpy.data.meshes, bpy.data.materials) for each in kind}
    assert found - {"Texture"} == {"Cube", "Red", kept} - {""}


def test_a_mesh_with_as_long_a_name_as_can_be_has_it_again(tmp_path: Path) -> None:
    item, mesh = (made := cube()), made.data
    mesh.name = "x" * 63
    shapes.given(item, "MESH", tmp_path)
    assert item.data.name == "x" * 63
    shapes.scene_package.restore_original(item)
    assert (item.data, mesh.name) == (mesh, "x" * 63)


@pytest.mark.parametrize("result", ["MATERIAL", "MESH"])
def test_a_library_override_has_its_linked_mesh_and_materials_again(result: str, tmp_path: Path) -> None:
    library = str(tmp_path / "library.blend")
    bpy.data.libraries.write(library, {cube("Red")})
    with bpy.data.libraries.load(library, link=True) as (_, wanted):  # pyright: ignore[reportGeneralTypeIssues]
        wanted.objects = ["Cube"]
    item = wanted.objects[0].override_create()
    bpy.context.scene.collection.objects.link(item)
    shapes.given(item, result, tmp_path)
    assert slots_of(item)[0][1].startswith("Texture")
    shapes.scene_package.restore_original(item)
    assert (slots_of(item), bool(item.data.library)) == ([("DATA", "Red")], True)


def test_a_linked_mesh_without_a_slot_is_left_alone(tmp_path: Path) -> None:
    item = cube()
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {item.data})
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):  # pyright: ignore[reportGeneralTypeIssues]
        wanted.meshes = [item.data.name]
    (item.data,) = wanted.meshes
    with pytest.raises(shapes.scene_package.EditedError, match="is linked"):
        shapes.given(item, "MATERIAL", tmp_path)
    assert not shapes.scene_package.has_original(item)


def test_a_new_object_stands_at_the_vertex_that_the_original_hangs_on() -> None:
    holder, item = cube(), cube()
    holder.location = (5, 5, 5)
    item.parent = holder
    item.parent_type = "VERTEX"
    item.parent_vertices = (3, 0, 0)
    shapes.scene_package.await_result(item, shapes.JOB, "OBJECT")
    bpy.context.view_layer.update()
    (empty,) = (each for each in bpy.data.objects if each.type == "EMPTY")
    assert (empty.matrix_world.translation - item.matrix_world.translation).length < 1e-5
