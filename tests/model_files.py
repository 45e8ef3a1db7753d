# SPDX-License-Identifier: GPL-3.0-or-later
"""Small files for tests of the converter, made by code, and the converter's answer to them."""

import struct
from pathlib import Path
from typing import Any

import bpy
from background_tasks import run_task

COMPANIONS = (".mtl", ".mtlx", ".png", ".jpg", ".bin")
CORNERS = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
FACES = [(1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4)]
COLOURS = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 0.5, 0), (0.5, 0, 1)]
POINTS = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
UVS = struct.pack("<6f", 0, 0, 1, 0, 0, 1)


FBX = """; FBX 7.4.0 project file
FBXHeaderExtension:  {
	FBXHeaderVersion: 1003
	FBXVersion: 7400
}
GlobalSettings:  {
	Version: 1000
	Properties70:  {
		P: "UnitScaleFactor", "double", "Number", "",100
	}
}
Objects:  {
	Geometry: 1001, "Geometry::g", "Mesh" {
		Vertices: *12 {
			a: 0,0,0,1,0,0,1,1,0,0,1,0
		}
		PolygonVertexIndex: *4 {
			a: 0,1,2,-4
		}
		GeometryVersion: 124
		LayerElementUV: 0 {
			Version: 101
			Name: "UVMap"
			MappingInformationType: "ByPolygonVertex"
			ReferenceInformationType: "Direct"
			UV: *8 {
				a: 0,0,1,0,1,1,0,1
			}
		}
		LayerElementMaterial: 0 {
			Version: 101
			Name: ""
			MappingInformationType: "AllSame"
			ReferenceInformationType: "IndexToDirect"
			Materials: *1 {
				a: 0
			}
		}
		Layer: 0 {
			Version: 100
			LayerElement:  {
				Type: "LayerElementUV"
				TypedIndex: 0
			}
			LayerElement:  {
				Type: "LayerElementMaterial"
				TypedIndex: 0
			}
		}
	}
	Model: 1002, "Model::m", "Mesh" {
		Version: 232
	}
	Material: 1003, "Material::M", "" {
		Version: 102
		ShadingModel: "phong"
	}
	Texture: 1004, "Texture::t", "" {
		Type: "TextureVideoClip"
		TextureName: "Texture::t"
		Media: "Video::t"
		FileName: "PATH"
		RelativeFilename: "PATH"
	}
	Video: 1005, "Video::t", "Clip" {
		Type: "Clip"
		FileName: "PATH"
		RelativeFilename: "PATH"CONTENT
	}
}
Connections:  {
	C: "OO",1002,0
	C: "OO",1001,1002
	C: "OO",1003,1002
	C: "OP",1004,1003, "DiffuseColor"
	C: "OO",1005,1004
}
"""


# What leads to a network, by any syntax.
NETWORK = [
    "\\\\host\\share\\a.png",
    "//host/share/a.png",
    "\\/host/share/a.png",
    "http://host/share/a.png",
    "file://host/share/a.png",
    "smb:\\host\\a.png",
    "\\\\?\\UNC\\host\\share\\a.png",
    "\\??\\UNC\\host\\share\\a.png",
]


def text_fbx(path: str = "t.png", content: str = "") -> bytes:
    """A square with a texture, as Blender does not write it."""
    return FBX.replace("PATH", path).replace("CONTENT", content).encode()


def obj_box(head: str = "", *, has_colours: bool = False, has_uvs: bool = True) -> bytes:
    """A box of 1 m with coordinates of a texture, and a colour for each corner if wanted."""
    colours = [" ".join(map(str, each)) for each in COLOURS] if has_colours else [""] * 8
    lines = [f"v {x} {y} {z} {colour}" for (x, y, z), colour in zip(CORNERS, colours, strict=True)]
    lines += ["vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"] if has_uvs else []
    lines += ["usemtl M"] if "mtllib" in head else []
    for face in FACES:
        lines.append("f " + " ".join(f"{n}/{i}" if has_uvs else f"{n}" for i, n in enumerate(face, 1)))
    return "\n".join([head, *lines, ""]).encode()


def bare_triangle(**changes: object) -> dict[str, Any]:
    """A glTF of one face, whose data are POINTS."""
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "type": "VEC3", "componentType": 5126, "count": 3}],
        "bufferViews": [{"buffer": 0, "byteLength": len(POINTS)}],
        "buffers": [{"byteLength": len(POINTS)}],
        **changes,
    }


def triangle(picture: bytes = b"", **changes: object) -> tuple[dict[str, Any], bytes]:
    """A glTF of one face with coordinates of a texture, and its data; the picture is its base colour."""
    blobs = [POINTS, UVS, picture]
    starts = [0, 36, 60]
    document: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}}]}],
        "accessors": [
            {"bufferView": 0, "type": "VEC3", "componentType": 5126, "count": 3},
            {"bufferView": 1, "type": "VEC2", "componentType": 5126, "count": 3},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": len(blob)}
            for start, blob in zip(starts, blobs, strict=True)
            if blob
        ],
    }
    if picture:
        document["meshes"][0]["primitives"][0]["material"] = 0
        document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
        document["textures"] = [{"source": 0}]
        document["images"] = [{"bufferView": 2, "mimeType": "image/png"}]
    binary = b"".join(blobs)
    binary += bytes(-len(binary) % 4)
    document["buffers"] = [{"byteLength": len(binary)}]
    return document | changes, binary


def written(folder: Path, files: dict[str, bytes]) -> list[tuple[Path, str]]:
    """The files on the disk, with the names that they are delivered under."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [(folder / name, name) for name in files]


def converted(folder: Path, files: dict[str, bytes], *, role: str = "") -> dict[str, Any]:
    """The converter's answer, with `result.blend` in the folder; roles go by the suffix if none is given."""
    sources = [
        {
            "path": str(path),
            "name": name,
            "role": role or ("companion" if name.lower().endswith(COMPANIONS) else "mesh"),
        }
        for path, name in written(folder / "delivered", files)
    ]
    return run_task(
        "convert", {"sources": sources, "target": str(folder / "result.blend"), "name": "box"}, folder
    )


def looked_into(folder: Path) -> Any:
    """The data-blocks of `result.blend`, in an open file that has nothing else."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(folder / "result.blend")) as (source, target):  # pyright: ignore
        for kind in ("objects", "meshes", "materials", "images", "actions"):
            setattr(target, kind, getattr(source, kind))
    return target


def surface(material: bpy.types.Material) -> Any:
    """The socket of the material's base colour."""
    assert material.node_tree
    nodes = material.node_tree.nodes
    return next(each for each in nodes if each.type == "BSDF_PRINCIPLED").inputs["Base Color"]


def operator_exists(name: str) -> bool:
    group, _, verb = name.partition(".")
    try:
        getattr(getattr(bpy.ops, group), verb).get_rna_type()
    except KeyError:
        return False
    return True
