# SPDX-License-Identifier: GPL-3.0-or-later
"""What Generate would make now: a job for each target, with the inputs that objects give themselves.

Prompts and seeds rarely change a price, so it is asked once for each *shape*: which inputs the objects give
that the panel does not, and the values of those that the service says change the price. So the total is
right, and ten boxes with ten prompts are one lookup.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import bpy

from .. import properties
from ..client import Model
from ..jobs import Price, cost_text
from ..properties import Values
from ..session_state import state
from . import placeholders
from .spots import Spot

JOBS_MAX = 500  # so many jobs are made at once: panels read what each object gives at each redraw
LINES_MAX = 12
LINE_MAX = 64  # characters


@dataclass(frozen=True)
class Wanted:
    """For one call alone: it refers to objects of the scene.

    `targets` has the object that each job replaces, or None for a place of its own; `own` the shape of each
    one's inputs, and the values that stand before those of the panel; `named` the images that were asked for.
    """

    scene_name: str
    settings: properties.MaquetteSettings
    model: Model | None
    targets: Sequence[bpy.types.Object | None]
    own: Sequence[tuple[str, Values]]
    named: Sequence[str] = ()

    @cached_property
    def shapes(self) -> dict[str, Values]:
        """Each shape once, with the values of the first that has it; the panel's own if nothing is wanted."""
        found: dict[str, Values] = {}
        for shape, values in self.own or [("", {})]:
            found.setdefault(shape, values)
        return found

    @cached_property
    def prices(self) -> list[Price | None]:
        """What each job costs; None while that is not known."""
        return [state.price(price_name(self.scene_name, shape)) for shape, _ in self.own]

    @property
    def is_priced(self) -> bool:
        """Whether the service has answered for all, be it by an error."""
        return None not in self.prices

    @property
    def price_error(self) -> str:
        """Why the service names no price for one of them; "" where it does."""
        return next((price.error for price in self.prices if price and price.error), "")

    @property
    def cost_cu(self) -> float | None:
        """What all cost, in creative units; None while one price is not known."""
        costs = [price.cost_cu for price in self.prices if price and price.cost_cu is not None]
        return sum(costs) if costs and len(costs) == len(self.prices) else None

    def action(self, *, has_price: bool) -> str:
        """The words on the button that makes all: "Generate 3 · 60.75 CU"."""
        has_count = 1 < len(self.targets) <= JOBS_MAX
        words = [f"Generate {len(self.targets)}" if has_count else "Generate"]
        if has_price and not self.is_priced:
            words.append("…")
        elif has_price and self.cost_cu is not None:
            words.append(cost_text(self.cost_cu))
        return " · ".join(words)

    @cached_property
    def images(self) -> list[bpy.types.Image]:
        """The images that stand before the panel's: those that were asked for, or objects' own."""
        if self.model is None or not properties.image_values(self.model, ""):
            return []
        if self.named:
            return [bpy.data.images[name] for name in self.named if name in bpy.data.images]
        return [image for target in self.targets if target and (image := properties.image_of(target))]

    @property
    def replaced(self) -> set[str]:
        """The inputs for which every job has a value of its own."""
        return set.intersection(*(set(values) for _, values in self.own)) if self.own else set()

    def lines(self) -> list[str]:
        """What each object becomes, where objects say so themselves: "Chair: a chair, weathered oak".

        Where none of several does, their names.
        """
        spec = properties.prompt_input(self.model) if self.model else None
        told: list[str] = []
        for target, (_, own) in zip(self.targets, self.own, strict=True):
            if target and own:
                text = own.get(spec.name) if spec else None
                image = properties.image_of(target)
                told.append(
                    _bounded(f"{target.name}: {text or (image.name if image else 'a seed of its own')}")
                )
        if not told and len(self.targets) > 1 and all(self.targets):
            return [_bounded(", ".join(target.name for target in self.targets if target))]
        if len(told) <= LINES_MAX:
            return told
        return [*told[: LINES_MAX - 1], f"and {len(told) - LINES_MAX + 1} more"]


def wanted_now(context: bpy.types.Context, *, images: Sequence[str] = (), spot: Spot | None = None) -> Wanted:
    """By the scene's settings and selection; with names of `images` one of each, with a `spot` one there.

    It has no more than one target above `JOBS_MAX`.
    """
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    is_placed = bool(images or spot)
    targets = [None] * max(1, len(images)) if is_placed else placeholders.targets(context, JOBS_MAX + 1)
    own: list[tuple[str, Values]] = [("", {}) for _ in targets]
    if model and images:
        own = [("", properties.image_values(model, name)) for name in images]
    elif model and any(targets):
        given = properties.values_of(settings, model)
        values = properties.own_values(settings, model, given, targets)
        own = list(zip(_shapes(model, given, values), values, strict=True))
    return Wanted(context.scene.name, settings, model, targets, own, images)


def price_name(scene_name: str, shape: str) -> str:
    """The name in `state.price_keys` of the price of a shape in a scene."""
    return f"{scene_name}{shape}"


def forget_prices(scene_name: str) -> None:
    """Have the prices of the scene asked anew."""
    for name in [each for each in state.price_keys if each.split("\n")[0] == scene_name]:
        del state.price_keys[name]


def _shapes(model: Model, given: Values, values: Iterable[Values]) -> Iterator[str]:
    """The shape of what each object gives."""
    costly = {spec.name for spec in model.inputs if spec.has_cost_impact}
    for own in values:
        names = (name for name in sorted(own) if name not in given or name in costly)
        yield "".join(f"\n{name}={own[name] if name in costly else ''}" for name in names)


def _bounded(text: str) -> str:
    return text if len(text) <= LINE_MAX else text[: LINE_MAX - 1] + "…"
