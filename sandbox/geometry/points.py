# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of points rather than faces: samples of the scene's surface, splats, voxels, thumbnails."""

import gzip
import struct
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from . import meshes
from .cutout import Array

SH0 = 0.28209479177387814  # the constant of spherical harmonics' first band, as 3D Gaussian splatting uses it
SPLATS = 20_000
THUMBNAIL = 256


def sample(count: int) -> tuple[Array, Array, Array]:
    """Return `count` points spread evenly over the scene's surface, with normals and sRGB colours."""
    parts = []
    things = meshes.scene_meshes()
    for thing in things:
        points, corners = meshes.arrays(thing)
        flat = np.cross(
            points[corners[:, 1]] - points[corners[:, 0]], points[corners[:, 2]] - points[corners[:, 0]]
        )
        parts.append((points[corners], flat, np.linalg.norm(flat, axis=1), thing))
    total = sum(part[2].sum() for part in parts)
    chance = np.random.default_rng(1)
    found = []
    for triangle, flat, area, thing in parts:
        share = round(float(count * area.sum() / total))
        if not share:
            continue
        picked = np.searchsorted(np.cumsum(area), chance.random(share) * area.sum()).clip(0, len(area) - 1)
        weight = chance.dirichlet((1, 1, 1), share)[..., None]
        place = (triangle[picked] * weight).sum(1)
        normal = flat[picked] / np.maximum(np.linalg.norm(flat[picked], axis=1, keepdims=True), 1e-12)
        found.append((place, normal, _colours(thing, picked, weight)))
    place, normal, colour = (np.concatenate(part).astype(np.float32) for part in zip(*found, strict=True))
    return place, normal, colour


def _colours(thing: bpy.types.Object, picked: NDArray[np.int64], weight: Array) -> Array:
    """Return the colour of the object's picture at these places, or a light grey where it has none."""
    mesh = thing.data
    nodes = [
        n for m in mesh.materials if m and m.node_tree for n in m.node_tree.nodes if n.type == "TEX_IMAGE"
    ]
    image = next((node.image for node in nodes if node.image and node.image.size[0]), None)
    if image is None or not mesh.uv_layers:
        return np.full((len(picked), 3), 0.75, np.float32)
    uv = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[0].data.foreach_get("uv", uv)
    loops = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("loops", loops)
    at = (uv.reshape(-1, 2)[loops.reshape(-1, 3)[picked]] * weight).sum(1) % 1.0
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    width, height = image.size
    pixels = pixels.reshape(height, width, -1)
    rows, columns = (np.clip((at[:, i] * n).astype(int), 0, n - 1) for i, n in ((1, height), (0, width)))
    return pixels[rows, columns, :3]


def splat(folder: Path) -> dict[str, object]:
    """Write the scene as Gaussian splats: model.spz, and model.ply, which the service keeps as original.

    The layouts are those of the spz format, version 2, and of the original 3D Gaussian splatting's PLY.
    """
    place, _, colour = sample(SPLATS)
    place = place[:, [0, 2, 1]] * np.array([1, 1, -1], np.float32)  # to Y up
    count = len(place)
    size = np.float32(np.log(0.006))
    harmonic = (colour - 0.5) / SH0
    fixed = np.ascontiguousarray(np.round(place * 4096), "<i4")
    position = fixed.view("u1").reshape(count, 3, 4)[:, :, :3]
    rounded = np.clip((harmonic * 0.15 + 0.5) * 255, 0, 255).astype("u1")
    body = [position.tobytes(), b"\xf3" * count, rounded.tobytes()]
    body += [bytes([round((float(size) + 10) * 16)]) * 3 * count, bytes([128, 128, 128]) * count]
    header = struct.pack("<IIIBBBB", 0x5053474E, 2, count, 0, 12, 0, 0)
    (folder / "model.spz").write_bytes(gzip.compress(header + b"".join(body)))
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2"]
    names += [f"rot_{i}" for i in range(4)]
    fixed_part = np.array([3.0, size, size, size, 1, 0, 0, 0], np.float32)
    rows = np.hstack([place, harmonic, np.tile(fixed_part, (count, 1))]).astype("<f4")
    text = "".join(f"property float {name}\n" for name in names)
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n{text}end_header\n"
    (folder / "model.ply").write_bytes(head.encode() + rows.tobytes())
    original = {"file": "model.ply", "mimeType": "model/ply"}
    return {
        "file": "model.spz",
        "mimeType": "model/spz",
        "format": "spz",
        "vertexCount": count,
        "original": original,
    }


def voxels(folder: Path, grid: list[int]) -> dict[str, object]:
    """Write the scene as MagicaVoxel's model.vox, its surface on a grid of (width, depth, height)."""
    place, _, colour = sample(min(400_000, 40 * max(grid) ** 2))
    low = place.min(0)
    scale = float(np.min((np.array(grid) - 1) / np.maximum(place.max(0) - low, 1e-6)))
    cells = np.round((place - low) * scale).astype(int).clip(0, np.array(grid) - 1)
    _, first = np.unique(cells, axis=0, return_index=True)
    shade = np.clip((colour[first] * 5).round(), 0, 5).astype(int) @ (
        36,
        6,
        1,
    )  # 216 colours, 6 of each channel
    rows = np.hstack([cells[first], shade[:, None] + 1]).astype("u1")
    steps = np.arange(6) * 51
    palette = np.zeros((256, 4), "u1")
    palette[:216] = [(red, green, blue, 255) for red in steps for green in steps for blue in steps]

    def chunk(name: bytes, content: bytes, children: bytes = b"") -> bytes:
        return name + struct.pack("<II", len(content), len(children)) + content + children

    parts = chunk(b"SIZE", struct.pack("<III", *grid))
    parts += chunk(b"XYZI", struct.pack("<I", len(rows)) + rows.tobytes()) + chunk(b"RGBA", palette.tobytes())
    (folder / "model.vox").write_bytes(b"VOX " + struct.pack("<I", 150) + chunk(b"MAIN", b"", parts))
    return {"file": "model.vox", "mimeType": "model/x-3d-vox", "format": "vox", "vertexCount": len(rows)}


def thumbnail(path: Path) -> None:
    """Write a small picture of the scene, seen from the front and a little from the left and above."""
    place, normal, colour = sample(150_000)
    turn, tilt = np.radians(28), np.radians(18)
    right = np.array([np.cos(turn), np.sin(turn), 0])
    back = np.array([-np.sin(turn) * np.cos(tilt), np.cos(turn) * np.cos(tilt), -np.sin(tilt)])
    up = np.cross(right, back)
    light = np.clip(normal @ (0.5 * up - 0.7 * back - 0.3 * right), 0, 1)[:, None]
    flat = np.stack([place @ right, place @ up, place @ back], 1)
    middle = (flat.max(0) + flat.min(0)) / 2
    scale = THUMBNAIL * 0.88 / max(np.ptp(flat[:, :2], axis=0).max(), 1e-6)
    at = ((flat - middle) * scale)[:, :2] * (1, -1) + THUMBNAIL / 2
    columns, rows = at.astype(int).clip(0, THUMBNAIL - 1).T
    order = np.argsort(-flat[:, 2])  # far to near: the nearest is written last
    image = np.full((THUMBNAIL, THUMBNAIL, 3), 0.93, np.float32)
    image[rows[order], columns[order]] = (colour * (0.45 + 0.55 * light) + 0.09 * light).clip(0, 1)[order]
    meshes.save_picture(image, path)
