# SPDX-License-Identifier: GPL-3.0-or-later
"""What the known models are for, and which pictures can be read."""

import zlib
from pathlib import Path

import pytest
from backend_scene import MODELS
from maquette.client import Model, Task, makes_splats, problem_of_picture, tasks_of
from png_files import png, png_of

T = Task
FOR = {
    T.FROM_IMAGE: {
        *("hunyuan-3d-v2-1", "hunyuan-3d-pro-i23d", "hunyuan-3d-pro-sketch", "hunyuan-3d-pro-3-1-i23d"),
        *("hunyuan-3d-pro-3-1-sketch", "pixal3d", "tripo-v3-0-image-to-3d", "tripo-p1-image-to-3d"),
        *("tripo-v2-5-image-to-3d", "meta-sam-3d-body"),
    },
    T.FROM_VIEWS: {
        *("hunyuan-3d-pro-multiview", "hunyuan-3d-pro-3-1-multiview", "meshy-multi-image-to-3d"),
        *("tripo-v3-0-multiview-to-3d", "tripo-p1-multiview-to-3d"),
    },
    T.FROM_TEXT: {"meshy-txt23d"},
    T.TEXTURE: {
        *("tencent-texture-edit", "meshy-retexture", "tripo-v3-0-texturing", "trellis-2-retexture"),
        "yvo3d-retexture",
    },
    T.TOPOLOGY: {
        *("meshy-remesh", "tripo-retopology", "tripo-stylization", "ultrashape-1-0", "meta-sam-3d-align")
    },
    T.PARTS: {"hunyuan-3d-part", "tripo-segmentation-v1", "tripo-segmentation-v2"},
    T.RIG: {
        *("meshy-rigging", "tripo-rigging-v1", "tripo-rigging-v2-5", "uthana-character-rigging"),
        "cartwheel-character-rigging",
    },
    T.MOTION: {
        *("meshy-animation", "uthana-text-to-motion-bucmd", "uthana-video-to-motion-v2"),
        "uthana-video-to-motion-2.1",
    },
    T.WORLDS: {
        *("hunyuan-world-image-to-splat", "hunyuan-world-multiview-to-splat"),
        *("hunyuan-world-skybox-to-splat", "vast-ai-triposplat", "worldlabs-marble-1-0-draft"),
        *("worldlabs-marble-1-1", "worldlabs-marble-1-1-plus"),
    },
}
SEVERAL = {
    **dict.fromkeys(("tencent-uv-unwrapping", "meshy-uv-unwrap"), (T.TEXTURE, T.TOPOLOGY)),
    **dict.fromkeys(
        (
            *("meshy-img23d", "meshy-smart-topology", "sparc3d", "hitem-sparc-3d-2", "trellis"),
            *("hitem-sparc-3d-portrait-2", "hitem-sparc-3d-2-1", "hitem-sparc-3d-portrait-2-1"),
            *("sparc3d-portrait", "reconviagen-0-5"),
        ),
        (T.FROM_IMAGE, T.FROM_VIEWS),
    ),
    "partcrafter": (T.FROM_IMAGE, T.PARTS),
    **dict.fromkeys(("scenario-voxels", "rodin-hyper3d"), (T.FROM_IMAGE, T.FROM_VIEWS, T.FROM_TEXT)),
}
TASKS = {f"model_{name}": (task,) for task, names in FOR.items() for name in names}
TASKS |= {f"model_{name}": tasks for name, tasks in SEVERAL.items()}


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_each_known_model_is_for_what_an_artist_would_use_it_for(model: Model) -> None:
    assert tasks_of(model) == TASKS[model.id]
    assert makes_splats(model) == (tasks_of(model) == (T.WORLDS,))


def test_a_model_that_nobody_has_seen_is_for_something() -> None:
    assert tasks_of(Model.from_json({"id": "model_1", "capabilities": []}))
    assert tasks_of(Model.from_json({"id": "model_1", "capabilities": ["txt23d"]})) == (T.FROM_TEXT,)


def test_a_picture_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    good = png(16)
    path.write_bytes(good)
    assert problem_of_picture(path) == ""
    place = good.index(b"IDAT") + 6
    path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
    assert "damaged" in problem_of_picture(path)
    path.write_bytes(good[: len(good) // 2])
    assert "cut short" in problem_of_picture(path)
    path.write_bytes(b"a letter")
    assert "no picture" in problem_of_picture(path)
    assert problem_of_picture(tmp_path / "moved away.png") == ""  # Blender may have its pixels
    head = good[good.index(b"IHDR") + 4 :][:13]
    path.write_bytes(png_of((b"IHDR", head), (b"IDAT", zlib.compress(b"too few"))))
    assert "damaged" in problem_of_picture(path)
