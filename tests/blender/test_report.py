# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's numbers, on meshes that are made with known defects: all that are there, and no others."""

import importlib
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from glb_files import glb
from model_files import converted, obj_box, triangle
from own_shapes import new_object
from png_files import png

pytestmark = pytest.mark.usefixtures("empty_file")
PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
report: Any = importlib.import_module(PACKAGE + ".scene.conversion.report")
bounds: Any = importlib.import_module(PACKAGE + ".scene.conversion.bounds")
Point = tuple[float, float, float]
Solid = tuple[list[Point], list[tuple[int, ...]]]
CUBE = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
# What a closed cube of quads has; the other numbers are 0.
OF_CUBE = {"faces": 6, "tris": 12, "quads": 6, "vertices": 8, "objects": 1, "parts": 1, "faces_without_uv": 6}


def cube(size: float = 1.0, low: Point = (0.0, 0.0, 0.0)) -> Solid:
    """The corners are numbered by their bits: 4 for x, 2 for y, 1 for z."""
    corners = [(n >> 2 & 1, n >> 1 & 1, n & 1) for n in range(8)]
    points = [tuple(at + size * part for at, part in zip(low, each, strict=True)) for each in corners]
    return points, list(CUBE)  # type: ignore[return-value]


def joined(*solids: Solid) -> Solid:
    points: list[Point] = []
    faces: list[tuple[int, ...]] = []
    for own, theirs in solids:
        faces += [tuple(len(points) + corner for corner in face) for face in theirs]
        points += own
    return points, faces


def split(solid: Solid) -> Solid:
    """Each face with vertices of its own."""
    points, faces = solid
    return joined(*(([points[corner] for corner in face], [tuple(range(len(face)))]) for face in faces))


def turned(solid: Solid) -> Solid:
    points, faces = solid
    return points, [face[::-1] for face in faces]


def sheet(across: int, along: int) -> Solid:
    """A flat grid of so many quads of 1 m, which looks up."""
    points = [(float(x), float(y), 0.0) for y in range(along + 1) for x in range(across + 1)]
    first = [y * (across + 1) + x for y in range(along) for x in range(across)]
    return points, [(n, n + 1, n + across + 2, n + across + 1) for n in first]


def mesh_of(solid: Solid, edges: Sequence[tuple[int, int]] = ()) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new("made")
    points, faces = solid
    mesh.from_pydata(points, edges, faces)
    mesh.update(calc_edges=True)
    return mesh


def numbers_of(*data: bpy.types.ID | Solid, textures: Any = None) -> dict[str, Any]:
    """The report of one object for each; all that is 0, empty or unknown is left out."""
    objects = [new_object("item", mesh_of(each) if isinstance(each, tuple) else each) for each in data]
    return told_of(objects, textures)


def told_of(objects: list[bpy.types.Object], textures: Any = None) -> dict[str, Any]:
    box = bounds.Bounds(np.zeros(3), np.ones(3), [])
    found = report.report_on(objects, box, textures or {})
    assert found.pop("version") == 1
    assert found.pop("dimensions_m") == [1.0, 1.0, 1.0]
    return {name: value for name, value in found.items() if value}


# The shape.


def test_a_closed_cube_has_nothing_wrong_with_it() -> None:
    assert numbers_of(cube()) == OF_CUBE


def test_faces_are_counted_by_their_kind() -> None:
    hexagon = [(float(np.cos(n)), float(np.sin(n)), 5.0) for n in np.arange(6) * np.pi / 3]
    corner = cube(low=(9, 9, 9))[0], [(0, 1, 2)]
    found = numbers_of(joined((hexagon, [(0, 1, 2, 3, 4, 5)]), sheet(2, 1), corner))
    wanted = {"faces": 4, "triangles": 1, "quads": 2, "ngons": 1, "tris": 9, "parts": 3}
    assert {name: found[name] for name in wanted} == wanted


def test_a_face_that_is_missing_leaves_its_edges_open() -> None:
    points, faces = cube()
    assert numbers_of((points, faces[1:]))["boundary_edges"] == 4


def test_an_edge_with_three_faces_is_not_manifold() -> None:
    fan = [(0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (-1.0, -1.0, 0.0)]
    found = numbers_of((fan, [(0, 1, 2), (0, 1, 3), (0, 1, 4)]))
    assert found["non_manifold_edges"] == 1
    assert found["boundary_edges"] == 6


def test_what_does_not_hang_together_is_counted_as_parts() -> None:
    assert numbers_of(joined(cube(low=(9, 9, 1)), cube(low=(9, 9, 3)), sheet(3, 3)))["parts"] == 3


def test_vertices_in_one_place_are_doubles_and_open_no_closed_surface() -> None:
    found = numbers_of(split(cube()))
    assert found == OF_CUBE | {"vertices": 24, "doubles": 16, "split_edges": 24}


def test_edges_and_vertices_without_a_face_are_no_part_of_the_surface() -> None:
    points, faces = cube()
    mesh = mesh_of(([*points, (5, 5, 5), (5, 5, 5)], faces), [(8, 9), (0, 8)])
    assert numbers_of(mesh) == OF_CUBE | {"vertices": 10, "loose_edges": 2}


@pytest.mark.parametrize("number", range(6))
def test_a_face_that_looks_inwards_is_flipped(number: int) -> None:
    points, faces = cube()
    faces[number] = faces[number][::-1]
    assert numbers_of((points, faces)) == OF_CUBE | {"flipped_faces": 1}


def test_a_closed_surface_that_looks_inwards_is_flipped_as_a_whole() -> None:
    assert numbers_of(turned(cube()))["flipped_faces"] == 6
    points, faces = turned(cube())
    faces[2] = faces[2][::-1]  # the one that is right
    assert numbers_of((points, faces))["flipped_faces"] == 5


def test_of_an_open_surface_the_fewer_faces_are_flipped() -> None:
    points, faces = sheet(5, 4)
    faces[7] = faces[7][::-1]
    assert numbers_of((points, faces))["flipped_faces"] == 1
    assert numbers_of(turned((points, faces)))["flipped_faces"] == 1


def test_the_inside_of_something_hollow_looks_inwards_and_is_right() -> None:
    hollow = joined(cube(3.0), turned(cube(1.0, (1.0, 1.0, 1.0))))
    assert "flipped_faces" not in numbers_of(hollow)
    beside = joined(cube(3.0), turned(cube(1.0, (5.0, 1.0, 1.0))))
    assert numbers_of(beside)["flipped_faces"] == 6
    inner, faces = turned(cube(1.0, (1.0, 1.0, 1.0)))
    faces[0] = faces[0][::-1]
    assert numbers_of(joined(cube(3.0), (inner, faces)))["flipped_faces"] == 1


def test_the_faces_of_a_moebius_strip_cannot_be_flipped() -> None:
    count = 12
    turns = np.arange(count) * 2 * np.pi / count
    points = []
    for turn in turns:
        for side in (-0.3, 0.3):
            radius = 1 + side * np.cos(turn / 2)
            points.append((radius * np.cos(turn), radius * np.sin(turn), side * np.sin(turn / 2)))
    faces = [(2 * n, 2 * n + 1, 2 * n + 3, 2 * n + 2) for n in range(count - 1)]
    faces.append((2 * count - 2, 2 * count - 1, 0, 1))
    found = numbers_of((points, faces))
    assert found["one_sided_faces"] == count
    assert "flipped_faces" not in found


def test_a_face_without_an_area_is_degenerate() -> None:
    points, faces = sheet(4, 4)
    line = len(points)
    points += [(0.0, 9.0, 0.0), (1.0, 9.0, 0.0), (2.0, 9.0, 0.0), (3.0, 9.0, 0.0), (3.0, 9.0, 0.0)]
    faces += [(line, line + 1, line + 2), (line + 3, line + 4, line)]
    assert numbers_of((points, faces))["degenerate_faces"] == 2


def test_triangles_that_end_in_a_point_do_not_open_the_surface() -> None:
    """As at the poles of a sphere that is a grid: a face there has two corners in one place."""
    points, faces = cube()
    points.append(points[0])
    faces[0] = (8, 1, 3, 2)
    faces.append((0, 1, 8))
    assert numbers_of((points, faces)) == OF_CUBE | {
        "faces": 7, "triangles": 1, "tris": 13, "vertices": 9, "faces_without_uv": 7,
        "degenerate_faces": 1, "doubles": 1, "split_edges": 3,
    }  # fmt: skip


def test_what_is_seen_is_measured_with_its_modifiers_and_each_use_of_a_mesh() -> None:
    mesh = mesh_of(cube())
    items = [new_object("one", mesh), new_object("other", mesh), new_object("mirrored", mesh)]
    modifier: Any = items[2].modifiers.new("Array", "ARRAY")
    modifier.count = 3
    modifier.relative_offset_displace = (2.0, 0.0, 0.0)
    found = told_of(items)
    assert (found["faces"], found["vertices"], found["parts"], found["objects"]) == (30, 40, 5, 3)


@pytest.mark.parametrize("seed", range(40))
def test_many_defects_at_once_are_counted_whatever_the_order_of_vertices_and_faces(seed: int) -> None:
    rng = random.Random(seed)
    wanted = dict.fromkeys(("faces", "parts", "boundary_edges", "flipped_faces", "doubles"), 0)
    wanted |= dict.fromkeys(("degenerate_faces", "non_manifold_edges", "vertices"), 0)
    solids: list[Solid] = []
    for number in range(rng.randrange(1, 9)):
        points, faces = cube(rng.uniform(0.5, 1.5), (3.0 * number, 0.0, 0.0))
        match rng.choice(("closed", "open", "flipped", "inwards", "split", "seam", "wing", "needle")):
            case "open":
                faces.pop(rng.randrange(6))
                wanted["boundary_edges"] += 4
            case "flipped":
                which = rng.randrange(6)
                faces[which] = faces[which][::-1]
                wanted["flipped_faces"] += 1
            case "inwards":
                faces = [face[::-1] for face in faces]
                wanted["flipped_faces"] += 6
            case "split":
                points, faces = split((points, faces))
                wanted["doubles"] += 16
            case "seam":
                points, faces = joined((points, faces[1:]), split((points, faces[:1])))
                wanted["doubles"] += 4
            case "wing":
                points.append((3.0 * number + 0.3, -1.0, 0.4))
                faces.append((0, 1, 8))
                wanted["non_manifold_edges"] += 1
                wanted["boundary_edges"] += 2
            case "needle":
                points += [(3.0 * number, y, 0.0) for y in (-0.9, -0.6, -0.3)]
                faces.append((8, 9, 10))
                wanted["degenerate_faces"] += 1
                wanted["parts"] += 1
                wanted["boundary_edges"] += 3
            case _:
                pass
        wanted["parts"] += 1
        solids.append((points, faces))
    points, faces = joined(*solids)
    wanted["vertices"], wanted["faces"] = len(points), len(faces)
    order = rng.sample(range(len(points)), len(points))
    place = {old: new for new, old in enumerate(order)}
    shuffled = [tuple(place[corner] for corner in face) for face in rng.sample(faces, len(faces))]
    first = [rng.randrange(len(face)) for face in shuffled]
    shuffled = [face[start:] + face[:start] for face, start in zip(shuffled, first, strict=True)]
    found = numbers_of(([points[old] for old in order], shuffled))
    assert {name: found.get(name, 0) for name in wanted} == wanted


def test_a_million_faces_with_holes_are_counted() -> None:
    across = 1000
    corners = np.arange(across + 1)
    points = np.stack(np.meshgrid(corners, corners), -1).reshape(-1, 2)
    points = np.pad(points, ((0, 0), (0, 1))).astype(np.float32)
    first = (np.arange(across)[:, None] * (across + 1) + np.arange(across)).ravel()
    faces = np.stack((first, first + 1, first + across + 2, first + across + 1), -1)
    is_hole = np.zeros((across, across), np.bool_)
    is_hole[10:990:98, 5:995:99] = True
    faces = faces[~is_hole.ravel()]
    mesh = bpy.data.meshes.new("large")
    mesh.vertices.add(len(points))
    mesh.loops.add(faces.size)
    mesh.polygons.add(len(faces))
    mesh.vertices.foreach_set("co", points.ravel())
    mesh.loops.foreach_set("vertex_index", faces.ravel().astype(np.int32))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 4, dtype=np.int32))
    mesh.update(calc_edges=True)
    holes = int(is_hole.sum())
    found = numbers_of(mesh)
    assert found["faces"] == across**2 - holes
    assert found["boundary_edges"] == 4 * across + 4 * holes
    assert found["parts"] == 1


# UV maps.


Place = tuple[float, float]


def square(low: Place, high: Place, *, is_mirrored: bool = False) -> list[Place]:
    (left, bottom), (right, top) = low, high
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    return corners[::-1] if is_mirrored else corners


def unwrapped(*squares: list[Place], materials: Sequence[int] = ()) -> bpy.types.Mesh:
    """A quad for each square of the map, side by side."""
    corners = square((0, 0), (1, 1))
    places = [[(3.0 * n + x, y, 0.0) for x, y in corners] for n in range(len(squares))]
    mesh = mesh_of(joined(*((each, [(0, 1, 2, 3)]) for each in places)))
    layer = mesh.uv_layers.new(name="map")
    layer.uv.foreach_set("vector", np.array(squares, np.float32).ravel())
    for number in sorted({*materials}):
        mesh.materials.append(bpy.data.materials.new(f"Material {number}"))
    if materials:
        mesh.polygons.foreach_set("material_index", np.array(materials, np.int32))
    return mesh


def test_the_share_of_the_texture_that_uvs_cover_is_told() -> None:
    found = numbers_of(unwrapped(square((0, 0), (0.5, 0.5)), square((0.5, 0.5), (1, 1))))
    assert (found["uv_layers"], found["uv_coverage"]) == (1, 0.5)
    assert "uv_overlap" not in found


def test_uvs_that_share_texels_overlap_also_where_one_is_mirrored() -> None:
    over = square((0.25, 0), (0.75, 1), is_mirrored=True)
    found = numbers_of(unwrapped(square((0, 0), (0.5, 1)), over))
    assert found["uv_coverage"] == 0.75
    assert found["uv_overlap"] == pytest.approx(1 / 3)


def test_uvs_of_different_materials_do_not_overlap() -> None:
    whole = square((0, 0), (1, 1))
    found = numbers_of(unwrapped(whole, whole, materials=(0, 1)))
    assert found["uv_coverage"] == 1
    assert "uv_overlap" not in found
    assert numbers_of(unwrapped(whole, whole, materials=(0, 0)))["uv_overlap"] == 1


def test_objects_that_share_a_material_share_its_texture() -> None:
    one, other = (unwrapped(square((0, 0), (1, 0.5))) for _ in range(2))
    material = bpy.data.materials.new("shared")
    for mesh in (one, other):
        mesh.materials.append(material)
    assert numbers_of(one, other)["uv_overlap"] == 1


def test_faces_that_reach_out_of_the_texture_are_counted() -> None:
    found = numbers_of(unwrapped(square((0, 0), (1, 1)), square((1.5, 0), (2, 1)), square((-1, 0), (0, 1))))
    assert found["uv_outside_faces"] == 2
    assert found["uv_coverage"] == 1


@pytest.mark.parametrize("seed", range(10))
def test_neighbours_in_a_map_do_not_overlap_however_they_are_cut(seed: int) -> None:
    """A square, cut into triangles by points at random, is covered once, to the last texel."""
    rng = random.Random(seed)
    steps = rng.randrange(2, 40)
    cuts = [[0.0, *sorted(rng.random() for _ in range(steps - 1)), 1.0] for _ in range(2)]
    points = [(u, v, rng.random()) for v in cuts[1] for u in cuts[0]]
    faces: list[tuple[int, ...]] = []
    for n in (y * (steps + 1) + x for y in range(steps) for x in range(steps)):
        a, b, c, d = n, n + 1, n + steps + 2, n + steps + 1
        faces += [(a, b, c), (a, c, d)] if rng.random() < 0.5 else [(a, b, d), (b, c, d)]
    mesh = mesh_of(split((points, faces)) if seed % 2 else (points, faces))
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    layer = mesh.uv_layers.new(name="map")
    places = np.array([tuple(each.co[:2]) for each in mesh.vertices], np.float32)
    layer.uv.foreach_set("vector", places[corners].ravel())
    found = numbers_of(mesh)
    assert found["uv_coverage"] == 1
    assert "uv_overlap" not in found


def test_all_uv_layers_are_counted_and_that_of_the_render_is_measured() -> None:
    mesh = unwrapped(square((0, 0), (1, 1)))
    other = mesh.uv_layers.new(name="other")
    other.uv.foreach_set("vector", np.array(square((0, 0), (0.5, 1)), np.float32).ravel())
    other.active_render = True
    found = numbers_of(mesh)
    assert (found["uv_layers"], found["uv_coverage"]) == (2, 0.5)


# Materials, textures, what moves.


def textured(name: str, image: bpy.types.Image | None, roughness: float = 0.5) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    tree: Any = material.node_tree
    surface = next(each for each in tree.nodes if each.type == "BSDF_PRINCIPLED")
    surface.inputs["Roughness"].default_value = roughness
    if image:
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = image
        tree.links.new(node.outputs["Color"], surface.inputs["Base Color"])
    return material


def packed(path: Path, content: bytes) -> bpy.types.Image:
    path.write_bytes(content)
    image = bpy.data.images.load(str(path))
    image.pack()
    return image


def test_materials_and_textures_with_the_same_content_are_duplicates(tmp_path: Path) -> None:
    one, same = (packed(tmp_path / f"{name}.png", png(8)) for name in "ab")
    other = packed(tmp_path / "c.png", png(16))
    mesh = mesh_of(cube())
    made = [("A", one), ("B", same), ("C", one), ("D", other), ("E", None)]
    materials = [textured(*each) for each in made] + [textured("F", one, roughness=0.4)]
    for material in materials:
        mesh.materials.append(material)
    sizes = {one: (8, 8), same: (8, 8), other: (16, 16)}
    found = numbers_of(mesh, textures=sizes)
    assert (found["materials"], found["duplicate_materials"]) == (6, 2)
    assert (found["textures"], found["duplicate_textures"]) == (3, 1)
    assert (found["texture_pixels"], found["largest_texture_px"]) == (2 * 64 + 256, 16)
    assert found["texture_bytes"] == sum(len(png(size)) for size in (8, 8, 16))
    assert found["texture_gpu_bytes"] == round((2 * 64 + 256) * 4 * 4 / 3)
    assert found["textured_faces_without_uv"] == 6


def test_rigs_shape_keys_and_clips_are_told() -> None:
    armature = bpy.data.armatures.new("Rig")
    rig = new_object("Rig", armature)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for number in range(3):
        bone = armature.edit_bones.new(f"Bone {number}")
        bone.tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    data = rig.animation_data_create()
    data.action = bpy.data.actions.new("Walk")
    data.nla_tracks.new().strips.new("Run", 1, bpy.data.actions.new("Run"))
    item = new_object("item", mesh_of(cube()))
    for name in ("Basis", "Smile", "Blink"):
        item.shape_key_add(name=name)
    found = told_of([rig, item])
    assert (found["bones"], found["shape_keys"], found["clips"]) == (3, 2, ["Run", "Walk"])
    assert (found["objects"], found["faces"]) == (1, 6)


# What is hostile, and what cannot be measured.


def test_what_has_no_faces_has_a_report_too() -> None:
    curve = bpy.data.curves.new("curve", "CURVE")
    empty, points = bpy.data.meshes.new("empty"), mesh_of(([(0, 0, 0), (1, 0, 0)], []))
    assert numbers_of() == {}
    assert numbers_of(curve) == {}
    assert numbers_of(empty) == {"objects": 1}
    assert numbers_of(points) == {"objects": 1, "vertices": 2}
    edges = mesh_of(([(0, 0, 0), (1, 0, 0)], []), [(0, 1)])
    assert numbers_of(edges) == {"objects": 1, "vertices": 2, "loose_edges": 1}
    splats = bpy.data.pointclouds.new("splats")
    if hasattr(splats, "resize"):
        splats.resize(5)
    assert numbers_of(splats) == {"objects": 1} | ({"points": 5} if hasattr(splats, "resize") else {})


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_a_vertex_at_no_place_is_counted_and_its_faces_are_left_out(odd: float) -> None:
    points, faces = cube()
    mesh = mesh_of((points, faces))
    places = np.array(points, np.float32)
    places[0, 0] = odd
    mesh.attributes["position"].data.foreach_set("vector", places.ravel())
    found = numbers_of(mesh)
    assert found["invalid_vertices"] == 1
    assert found["boundary_edges"] == 6
    mesh.attributes["position"].data.foreach_set("vector", np.full(24, odd, np.float32))
    assert numbers_of(mesh)["invalid_vertices"] == 8


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 1e30])
def test_uvs_at_no_place_are_counted_and_left_out(odd: float) -> None:
    found = numbers_of(unwrapped(square((0, 0), (0.5, 1)), square((0, 0), (odd, 1))))
    assert found["uv_invalid_faces"] == 1
    assert found["uv_coverage"] == 0.5
    found = numbers_of(unwrapped(square((0, 0), (odd, 1))))
    assert found["uv_invalid_faces"] == 1
    assert "not_measured" not in found


@pytest.mark.parametrize("size", [0.0, 1e-42, 1e-20, 1e18, 3e38])
def test_coordinates_of_any_size_are_measured(size: float) -> None:
    found = numbers_of(cube(size))
    assert found["faces"] == 6
    assert "not_measured" not in found
    if size in (1e-20, 1e18):
        assert found == OF_CUBE


def test_what_is_too_large_is_named_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_FACES", 5)
    found = numbers_of(cube())
    assert found["not_measured"] == ["shape: over 5 faces", "UVs: over 5 faces"]
    assert (found["faces"], found["vertices"]) == (6, 8)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "shape: too large for the memory that there is"),
        (RuntimeError("odd"), "shape: Maquette met a defect"),
    ],
)
def test_a_report_that_fails_costs_no_result(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_mesh: object) -> None:
        raise error

    monkeypatch.setattr(report, "count_shape", fail)
    found = numbers_of(cube())
    assert found["not_measured"] == [words]
    assert found["faces"] == 6


# What the converter hands on.


def test_the_converter_tells_the_report_of_what_it_has_made(tmp_path: Path) -> None:
    document, binary = triangle(png(8))
    files = {"model.glb": glb(document, binary)}
    answer = converted(tmp_path, files)
    found = answer["report"]
    assert (found["faces"], found["triangles"], found["boundary_edges"]) == (1, 1, 3)
    assert (found["materials"], found["textures"], found["texture_pixels"]) == (1, 1, 64)
    assert found["uv_coverage"] == pytest.approx(0.5, abs=0.01)
    assert found["dimensions_m"] == pytest.approx([1, 0, 1])
    assert found["not_measured"] == []


def test_a_report_that_comes_later_is_the_same(tmp_path: Path) -> None:
    document, binary = triangle(png(8))
    model = tmp_path / "model.glb"
    model.write_bytes(glb(document, binary))
    request = {"sources": [{"path": str(model), "role": "mesh", "name": "model.glb"}], "name": "it"}
    convert = importlib.import_module(f"{PACKAGE}.scene.convert").convert
    told: list[list[dict[str, Any]]] = []
    for is_later in (False, True):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        target = str(tmp_path / f"{is_later}.blend")
        told.append(list(convert({**request, "target": target, "is_report_later": is_later})))
    (whole,), (first, second) = told
    assert first.pop("is_to_be_continued") is True
    assert "report" not in first
    assert first | second == whole
    assert whole["report"]["uv_coverage"] == pytest.approx(0.5, abs=0.01)


def test_a_box_of_an_obj_is_closed(tmp_path: Path) -> None:
    found = converted(tmp_path, {"box.obj": obj_box()})["report"]
    assert (found["quads"], found["boundary_edges"], found["flipped_faces"]) == (6, 0, 0)
    assert found["uv_overlap"] == 1  # each of its faces has the whole texture
    assert found["dimensions_m"] == pytest.approx([1, 1, 1])
