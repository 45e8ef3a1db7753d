# SPDX-License-Identifier: GPL-3.0-or-later
"""Maquette: images, text and geometry in, 3D models placed in the scene, through the Scenario API.

Nothing is imported here, so that the plain parts (client, jobs) load without Blender.
"""


def register() -> None:
    from . import registration

    registration.register()


def unregister() -> None:
    from . import registration

    registration.unregister()
