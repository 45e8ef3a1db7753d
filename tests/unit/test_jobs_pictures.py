# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's look at a job's pictures before anything is paid: cut short or lying, also the window's."""

import hashlib
from pathlib import Path

import pytest
from job_scene import Scene
from maquette.jobs import InputFile, State
from maquette.jobs.input_files import QUICK_BYTES, is_for_blender
from png_files import png

from .test_client_content import jpeg, png_of


def picture(scene: Scene, content: bytes, name: str = "photo.jpg") -> InputFile:
    path = scene.folder / name
    path.write_bytes(content)
    return InputFile(path)


@pytest.mark.parametrize("size", [0, QUICK_BYTES])
def test_a_picture_that_is_cut_short_is_not_sent_and_not_paid(scene: Scene, size: int) -> None:
    scene.add(inputs={"image": picture(scene, jpeg(end=bytes(size)))})
    job = scene.run()
    assert (job.state, job.resume_state) == (State.FAILED, State.PREPARED)
    assert "photo.jpg is cut short" in job.message
    assert not scene.service.uploads
    assert not scene.service.paid


@pytest.mark.parametrize("content", [jpeg(6), png_of(3), jpeg(8) + bytes(QUICK_BYTES)])
def test_a_picture_that_lies_is_turned_before_it_is_sent(scene: Scene, content: bytes) -> None:
    job = scene.add(inputs={"image": picture(scene, content)})
    folder = scene.store.job_folder(job.id)
    assert is_for_blender(job, folder)
    job = scene.run()
    assert job.state is State.READY
    (file,) = job.input_files
    assert (folder / file.path).read_bytes() == b"BLENDER"
    assert file.sha256 == hashlib.sha256(b"BLENDER").hexdigest()
    assert not is_for_blender(job, folder)
    assert (scene.folder / "photo.jpg").read_bytes() == content


def test_a_picture_that_stands_is_sent_as_it_is(scene: Scene) -> None:
    for content in (jpeg(1), png(), b"no picture that is known"):
        job = scene.add(inputs={"image": picture(scene, content)})
        folder = scene.store.job_folder(job.id)
        assert not is_for_blender(job, folder)
        scene.run()
        assert (folder / scene.store.get(job.id).input_files[0].path).read_bytes() == content


def test_a_worker_that_ends_while_a_picture_is_turned_turns_it_once(scene: Scene, tmp_path: Path) -> None:
    job = scene.add(inputs={"image": picture(scene, jpeg(6))})
    folder = scene.store.job_folder(job.id)
    scene.run(until=State.UPLOADING)
    job = scene.run()
    assert job.state is State.READY
    assert len(scene.service.paid) == 1
    assert not [*folder.glob("input/*/part-*")]
