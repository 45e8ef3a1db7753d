# SPDX-License-Identifier: GPL-3.0-or-later
"""Each object that is to be replaced has a prompt, an image and a seed of its own: its job, and its price.

Prompts and seeds rarely change a price, so it is asked once for each *shape*: which inputs the objects give
that the panel does not, and the values of those that the service says change the price. So the total is
right, and ten boxes with ten prompts are one lookup.
"""

from collections.abc import Iterable, Sequence

import bpy

from .. import properties
from ..client import Model
from ..jobs import Price
from ..properties import Values
from ..session_state import state

LINES_MAX = 12
LINE_MAX = 64  # characters
Targets = Sequence[bpy.types.Object | None]


def own_of_each(context: bpy.types.Context, targets: Targets) -> list[tuple[str, Values]]:
    """For each target the shape of its inputs, and the values that it gives instead of the panel's."""
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    if model is None or not any(targets):
        return [("", {}) for _ in targets]
    given = properties.values_of(settings, model)
    found = [properties.own_values(settings, model, given, each) for each in targets]
    return [(_shape(model, given, own), own) for own in found]


def shapes(context: bpy.types.Context, targets: Targets) -> dict[str, Values]:
    """Each shape once, with the values of the first that has it; the panel's own where there is no target."""
    found: dict[str, Values] = {}
    for shape, own in own_of_each(context, targets or [None]):
        found.setdefault(shape, own)
    return found


def price_name(scene: bpy.types.Scene, shape: str) -> str:
    """The name in `state.price_keys` of the price of a shape in a scene."""
    return f"{scene.name}{shape}"


def forget_prices(scene: bpy.types.Scene) -> None:
    """Have the prices of the scene asked anew."""
    for name in [each for each in state.price_keys if each.split("\n")[0] == scene.name]:
        del state.price_keys[name]


def prices(context: bpy.types.Context, targets: Targets) -> list[Price | None]:
    """What the job of each target costs; None while that is not known."""
    return [state.price(price_name(context.scene, shape)) for shape, _ in own_of_each(context, targets)]


def cost_of_all(found: Iterable[Price | None]) -> float | None:
    """The sum in creative units; None while one of them is not known."""
    costs = [price.cost_cu if price else None for price in found]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


def images(context: bpy.types.Context, targets: Targets) -> list[bpy.types.Image]:
    """The images that objects give instead of the panel's."""
    model = properties.model_of(properties.get(context.scene), state.catalogue)
    if model is None or not properties.image_values(model, ""):
        return []
    return [image for target in targets if target and (image := properties.image_of(target))]


def lines(context: bpy.types.Context, targets: Targets) -> list[str]:
    """What each object becomes, where objects say so themselves: "Chair: a chair, weathered oak"."""
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    spec = properties.prompt_input(model) if model else None
    told: list[str] = []
    for target, (_, own) in zip(targets, own_of_each(context, targets), strict=True):
        if target and own:
            text = own.get(spec.name) if spec else None
            image = properties.image_of(target)
            told.append(_bounded(f"{target.name}: {text or (image.name if image else 'a seed of its own')}"))
    if len(told) <= LINES_MAX:
        return told
    return [*told[: LINES_MAX - 1], f"and {len(told) - LINES_MAX + 1} more"]


def _shape(model: Model, given: Values, own: Values) -> str:
    by_name = {spec.name: spec for spec in model.inputs}
    parts = [
        f"\n{name}={own[name] if by_name[name].has_cost_impact else ''}"
        for name in sorted(own)
        if name not in given or by_name[name].has_cost_impact
    ]
    return "".join(parts)


def _bounded(text: str) -> str:
    return text if len(text) <= LINE_MAX else text[: LINE_MAX - 1] + "…"
