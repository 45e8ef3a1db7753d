# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer of a window: reads what has changed in the store, asks for prices, places results, redraws.

It is a timer and no modal operator, since a running one would hold back Blender's autosave. Between two ticks
it keeps names and ids, never references. An error in a tick is logged, and the timer goes on.
"""

import logging
import time
from dataclasses import dataclass, field

import bpy

from .. import properties
from ..client import InputError
from ..jobs import Backend, Catalogue, StoreError
from ..session_state import state
from . import collect_inputs, connection, in_scene, pictures, placing
from .placing import placer
from .status import redraw_sidebars, redraw_views
from .wanted import forget_prices, price_name, wanted_now

FAST_S = 0.2
SLOW_S = 1.0
AFTER_ERROR_S = 10.0
DRAWN_S = 3.0  # a panel drawn within this time counts as seen
PRICE_DELAY_S = 0.6  # after the last change of an input
PRICE_AGE_S = 900.0
REDRAW_S = 0.5
log = logging.getLogger(__name__)


@dataclass
class LastTicks:
    """When the last ticks did what: times of time.monotonic()."""

    revision: int = -1
    began_at: float = 0.0
    worked_at: float = 0.0
    followed_at: float = 0.0
    was_loading: bool = False
    sidebar_at: float = 0.0
    view_at: float = 0.0
    view: tuple[object, ...] = ()
    scanned_at: float = 0.0
    asked_at: float = 0.0
    priced_at: dict[str, float] = field(default_factory=dict[str, float])  # by scene


last = LastTicks()


def tick(now: float | None = None) -> float:
    """Do what is due at `now` of time.monotonic(); returns the seconds until the next tick."""
    try:
        pause_s = _work(time.monotonic() if now is None else now)
    except StoreError as error:  # another process holds the database for a moment
        log.warning("%s", error)
        return SLOW_S
    except Exception:  # whatever it was, a timer that raises is gone for good: tell, and go on later
        log.exception("A tick of the timer failed")
        state.problem = "Something went wrong in Maquette. The system console tells what."
        return AFTER_ERROR_S
    if state.backend:
        state.problem = ""  # of a tick before, which failed
    return pause_s


def _work(now: float) -> float:
    # In a heavy scene a redraw may take longer than that.
    is_seen = now - state.drawn_at < DRAWN_S or state.drawn_at > last.began_at
    last.began_at = now
    state.end_offline(connection.is_online)
    if state.account == "unknown" and (is_seen or state.backend or placer.has_file_placeholders()):
        connection.open_backend()
        last.revision = -1
        last.priced_at.clear()
        properties.sync_jobs(bpy.context.window_manager, state.jobs)
        return 0.0  # the worker is started in the next one: each takes some milliseconds
    backend = state.backend
    if backend is None:
        return FAST_S if is_seen else SLOW_S
    if connection.is_online(backend.service) != state.online:
        state.account = "unknown"
        return 0.0  # the next tick opens the backend anew, with a worker or without
    # Where a redraw takes long, a result that is coming has most of the ticks, and the rest one each second.
    is_next = not last.was_loading or now - last.worked_at < SLOW_S
    last.was_loading = placer.is_loading and is_next and not placing.is_artist_busy()
    if last.was_loading:
        return _go_on_loading(backend)
    is_quiet = backend.is_quiet and backend.revision == last.revision and bool(state.price_keys)
    if is_seen and is_quiet and not placer.is_busy and now - last.worked_at < SLOW_S:
        if state.drawn_at > last.followed_at or state.clicked_job or state.clicked_model:
            last.followed_at = now  # a panel is drawn anew when the artist selects something
            in_scene.tracker.follow()
        return FAST_S
    last.worked_at = now
    return _read_and_place(backend, now, is_seen=is_seen)


def _read_and_place(backend: Backend, now: float, *, is_seen: bool) -> float:
    """A whole tick: what has changed in the store, what is asked for, what has to be placed or drawn anew."""
    changed = backend.tick()
    if backend.revision != last.revision:
        properties.sync_jobs(bpy.context.window_manager, backend.jobs)
    placer.jobs_changed(backend.jobs, changed)
    if is_seen and (not state.price_keys or now - last.asked_at >= SLOW_S):
        _ask_service(backend.catalogue, now)
        last.asked_at = now
    goes_on = False
    if placer.is_busy and not placing.is_artist_busy():
        goes_on = placer.is_loading or placer.step(backend.jobs)
        last.scanned_at = now if goes_on else 0.0
    is_working = backend.has_work()
    if (is_working or state.placeholders) and now - last.scanned_at >= SLOW_S:
        placing.find_placeholders()
        last.scanned_at = now
    if is_seen or in_scene.tracker.is_watching:
        in_scene.tracker.look(backend.jobs, now)
    _redraw(backend, now, is_working)
    if goes_on:
        return 0.0
    return FAST_S if is_seen or is_working or placer.is_busy else SLOW_S


def _go_on_loading(backend: Backend) -> float:
    """The next piece of a result has the tick for itself."""
    if placer.step(backend.jobs):
        return 0.0
    last.scanned_at = 0.0
    return FAST_S if placer.is_loading else 0.0


def _ask_service(catalogue: Catalogue, now: float) -> None:
    """Ask for what the panels show and is not known yet; each costs microseconds if nothing is new."""
    catalogue.ask_models()
    catalogue.ask_balance()
    if not placer.is_busy:  # what is to be seen in the scene comes first
        catalogue.ask_preview(state.without_picture)
    windows = {window.scene: window for window in bpy.context.window_manager.windows}
    for scene, window in windows.items():
        settings = properties.get(scene)
        model = properties.model_of(settings, catalogue)
        if model is None:
            continue
        catalogue.ask_model(model.id)
        if catalogue.schema(model.id) is None:
            continue
        properties.ensure_inputs(model)
        with bpy.context.temp_override(window=window):
            wanted = wanted_now(bpy.context)
        pictures.ask(catalogue, settings, model, wanted.images)
        changed_at, priced_at = properties.edits.changed_at, last.priced_at.get(scene.name, -PRICE_AGE_S)
        is_new = changed_at >= priced_at or now - priced_at >= PRICE_AGE_S
        if is_new:
            forget_prices(scene.name)
        if now - changed_at < PRICE_DELAY_S and not properties.edits.is_complete:
            continue
        for shape, own in wanted.shapes.items():
            name = price_name(scene.name, shape)
            if name in state.price_keys:
                continue
            last.priced_at[scene.name] = now
            try:
                inputs = collect_inputs.priced_inputs(model, properties.values_of(settings, model, own))
                state.price_keys[name] = catalogue.ask_price(model.id, inputs)
            except InputError:  # not complete yet
                state.price_keys[name] = ""


def _redraw(backend: Backend, now: float, is_working: bool) -> None:
    """Sidebars when something that they show has changed, views when a placeholder's progress has."""
    is_new = backend.revision != last.revision
    if is_new or (is_working and now - last.sidebar_at >= SLOW_S):
        last.revision, last.sidebar_at = backend.revision, now
        redraw_sidebars()
    placeholders = state.placeholders
    by_id = backend.jobs.by_id
    jobs = [by_id[job_id] for job_id in placeholders.values() if job_id in by_id]
    view = (*placeholders, *((job.state, round(job.progress or 0.0, 2)) for job in jobs))
    if state.compared:
        view = (*view, state.compared, *state.in_scene.values())
    if view != last.view and now - last.view_at >= REDRAW_S:
        last.view, last.view_at = view, now
        redraw_views()


def register() -> None:
    bpy.app.handlers.load_post.append(placing.on_load)
    bpy.app.timers.register(tick, first_interval=SLOW_S, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    bpy.app.handlers.load_post.remove(placing.on_load)
    connection.close_backend()
    state.let_go_of_workers()
    state.placeholders.clear()
    in_scene.tracker.forget()
    placer.file_opened()
