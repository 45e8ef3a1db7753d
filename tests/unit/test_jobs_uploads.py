# SPDX-License-Identifier: GPL-3.0-or-later
"""Several files of one job are uploaded side by side, and each of them once."""

import threading
from typing import Any

from job_scene import Scene
from maquette.client import NetworkError
from maquette.jobs import InputFile, State


def views_of(scene: Scene, count: int) -> dict[str, Any]:
    paths = [scene.folder / f"view{number}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(path.name.encode())
    return {"views": [InputFile(path) for path in paths], "prompt": "a horse"}


def test_the_files_of_a_job_are_uploaded_three_at_a_time_and_sent_in_their_order(scene: Scene) -> None:
    three = threading.Barrier(3, timeout=30)
    under_way: list[str] = []
    most: list[int] = []

    def wait_for_others(name: str) -> None:
        under_way.append(name)
        three.wait()
        most.append(len(under_way))
        three.wait()
        under_way.remove(name)

    scene.service.on_upload = wait_for_others
    scene.add(inputs=views_of(scene, 6))
    job = scene.run()
    assert job.state is State.READY
    assert max(most) == 3
    assert job.sent["views"] == [scene.service.asset_of(f"view{number}.png") for number in range(6)]


def test_what_was_uploaded_beside_a_file_that_failed_is_not_uploaded_again(scene: Scene) -> None:
    broken = ["view1.png"]

    def fail_once(name: str) -> None:
        if name in broken:
            broken.remove(name)
            raise NetworkError("The connection broke")

    scene.service.on_upload = fail_once
    scene.add(inputs=views_of(scene, 3))
    assert scene.run().state is State.READY
    assert sorted(name for name, _ in scene.service.uploads) == ["view0.png", "view1.png", "view2.png"]
