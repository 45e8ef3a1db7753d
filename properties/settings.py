# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that are saved with each scene, and the window's lists, which are not saved."""

import json
from typing import Any, NamedTuple, cast

import bpy

from .. import preferences
from ..client import Model
from ..jobs import DEFAULT_IMAGE_MODEL, Catalogue, JobCache, requires_mesh, usual_result
from ..session_state import state
from . import job_filter, model_list, profiles
from .groups import (
    LISTS,
    MaquetteFile,
    drop_stale_choices,
    edits,
    ensure_inputs,
    fields_of,
    inputs_of,
    note_change,
    set_owner,
)
from .model_list import SORTS, TASKS, list_models, recent_ids
from .own_inputs import uses_names
from .values import carry_over

PLACE_MODES = (
    ("CURSOR", "At 3D Cursor", "The 3D model stands on the 3D cursor"),
    ("SELECTED", "Replace Selected", "One 3D model for each selected object, with its place and size"),
    ("ROW", "In a Row", "Side by side, from the 3D cursor along X"),
    ("POINT", "At Drop Point", "Where the image was dropped"),
    ("MOUSE", "Under Mouse", "After Generate its box follows the mouse: a click puts it there"),
)
MESH_PLACE_MODES = (
    (
        "ORIGINAL",
        "On the Original",
        "The selected object gets the result, or a new object stands in its place",
    ),
    *PLACE_MODES,
)
RESULTS = (
    (
        "MATERIAL",
        "Material",
        "The mesh and its UVs stay. Its material slots get the new texture, baked onto those UVs",
    ),
    ("MESH", "Mesh", "The object gets the new mesh. Modifiers stay, the old mesh is kept"),
    ("OBJECT", "New Object", "A new object stands in the same place. The original stays"),
)
SHAPES = (
    ("BASE", "Base Mesh", "Send the mesh without its modifiers"),
    ("SEEN", "As Seen", "Send the shape that is seen, modifiers applied"),
)
FILTERS = (
    ("ALL", "All", "All jobs"),
    ("ACTIVE", "Under Way", "What is not finished yet"),
    ("DONE", "Finished", "What has a 3D model"),
    ("TROUBLE", "Failed", "What failed, was canceled, or needs an answer"),
    ("SCENE", "In This Scene", "What stands in this scene, or waits in it"),
    ("GROUP", "Same Input", "What was made of the same input as the chosen job"),
)


class Source(NamedTuple):
    """What a model makes its result from, as people see it."""

    label: str
    icon: str


# By the model's capability.
_SOURCES = {
    "img23d": Source("Image", "IMAGE_DATA"),
    "txt23d": Source("Text", "TEXT"),
    "3d23d": Source("3D Model", "MESH_DATA"),
    "video23d": Source("Video", "FILE_MOVIE"),
}
_listed: list[str] = []  # the ids of the list of jobs, in its order
_newest = ""  # of all that ever were in the list


class MaquetteSettings(bpy.types.PropertyGroup):
    """Of one scene. The inputs of each model join it as groups of their own, see groups.py."""

    model_id: bpy.props.StringProperty(
        name="Model", description="What makes the 3D model", update=note_change
    )
    place_mode: bpy.props.EnumProperty(
        name="Place", description="Where the 3D model will stand", items=PLACE_MODES, update=note_change
    )
    mesh_place_mode: bpy.props.EnumProperty(
        name="Place",
        description="Where the result stands when the model works on a mesh",
        items=MESH_PLACE_MODES,
        update=note_change,
    )
    result: bpy.props.EnumProperty(
        name="Result",
        description="What becomes of the object that is sent",
        items=RESULTS,
        get=lambda self: _number_of_choice(self, "result", RESULTS),
        set=lambda self, value: _note_choice(self, "result", RESULTS[value][0]),
    )
    shape: bpy.props.EnumProperty(
        name="Send",
        description="Which shape of the object is sent",
        items=SHAPES,
        get=lambda self: _number_of_choice(self, "shape", SHAPES),
        set=lambda self, value: _note_choice(self, "shape", SHAPES[value][0]),
    )
    # Of `result` and `shape`: what the artist chose.
    own_choices: bpy.props.StringProperty(options={"HIDDEN"})
    size: bpy.props.FloatProperty(
        name="Size",
        description="Longest side of the 3D model",
        subtype="DISTANCE",
        min=0.0001,
        soft_max=100.0,
        get=lambda self: self.own_size or _default_size(self.id_data),
        set=lambda self, value: setattr(self, "own_size", value),
    )
    own_size: bpy.props.FloatProperty(options={"HIDDEN"})
    finish: bpy.props.EnumProperty(
        name="Finish",
        description="What becomes of the 3D model once it is there. Free, and can be changed later",
        items=lambda self, _context: profiles.profile_items(getattr(self, "finish_name", "")),
        get=lambda self: profiles.place_of(self),
        set=lambda self, value: profiles.choose_profile(self, value),
    )
    finish_name: bpy.props.StringProperty(options={"HIDDEN"})  # "" until a person has chosen
    finish_faces: bpy.props.IntProperty(
        name="Faces",
        description="How many triangles the 3D model has at most",
        min=4,
        max=10_000_000,
        get=lambda self: self.own_faces or profiles.budget_of(self.finish_name),
        set=lambda self, value: setattr(self, "own_faces", value),
    )
    own_faces: bpy.props.IntProperty(options={"HIDDEN"})  # 0: as many as the profile leaves
    drop_point: bpy.props.FloatVectorProperty(name="Drop Point", size=3, subtype="XYZ_LENGTH")
    drop_rotation_z: bpy.props.FloatProperty(name="Drop Rotation", subtype="ANGLE")
    use_object_names: bpy.props.BoolProperty(
        name="Use Object Names",
        description="Each object's name goes into its prompt, where {name} stands or in front. "
        "On by default while Prompt is empty",
        get=lambda self: uses_names(self, model_of(self, state.catalogue)),
        set=lambda self, value: setattr(self, "names_choice", "ON" if value else "OFF"),
        update=note_change,
    )
    names_choice: bpy.props.StringProperty(options={"HIDDEN"})  # ON or OFF; "" until a person has chosen


class MaquetteListItem(bpy.types.PropertyGroup):
    """A line of a list: `name` is what Blender's own search field looks at."""

    job_id: bpy.props.StringProperty()
    model_id: bpy.props.StringProperty()


class MaquetteLists(bpy.types.PropertyGroup):
    """Of Blender's window: lists, as Blender's list widget wants them, and how they are filtered."""

    jobs: bpy.props.CollectionProperty(type=MaquetteListItem)
    active_job: bpy.props.IntProperty(
        name="Job",
        description="Click to see more about it, and to select and frame it in the scene",
        update=lambda self, context: job_filter.note_click(self, context),
    )
    job_search: bpy.props.StringProperty(
        name="Search",
        description="Words of the object's name, the model's, or of what it was made from",
        options={"TEXTEDIT_UPDATE"},
        update=lambda self, _context: _filter_jobs(self),
    )
    filter: bpy.props.EnumProperty(
        name="Show",
        description="Which jobs are in the list",
        items=FILTERS,
        update=lambda self, _context: _filter_jobs(self, is_new=True),
    )
    models: bpy.props.CollectionProperty(type=MaquetteListItem)
    active_model: bpy.props.IntProperty(
        name="Model",
        description="Click to read more about it, twice to choose it",
        update=lambda self, context: model_list.note_click(self, context),
    )
    search: bpy.props.StringProperty(
        name="Search",
        description="Words of the model's name or description",
        options={"TEXTEDIT_UPDATE"},
        update=lambda self, _context: list_models(self),
    )
    task: bpy.props.EnumProperty(
        name="Task",
        description="What the model is to do",
        items=TASKS,
        update=lambda self, _context: list_models(self),
    )
    model_sort: bpy.props.EnumProperty(
        name="Sort",
        description="What stands first",
        items=SORTS,
        update=lambda self, _context: list_models(self),
    )


def get(scene: bpy.types.Scene) -> MaquetteSettings:
    return scene.maquette  # type: ignore[attr-defined]


def lists(manager: bpy.types.WindowManager) -> MaquetteLists:
    """The lists of jobs and models, and how they are filtered."""
    return manager.maquette  # type: ignore[attr-defined]


def active_job_id(manager: bpy.types.WindowManager) -> str:
    """The job chosen in the list, "" if there is none."""
    shown = lists(manager)
    return shown.jobs[shown.active_job].job_id if 0 <= shown.active_job < len(shown.jobs) else ""


def model_of(settings: MaquetteSettings, catalogue: Catalogue | None) -> Model | None:
    """The chosen model, or one to begin with; with its inputs once these are known."""
    if catalogue is None:
        return None
    chosen = settings.model_id or _first_model_id(catalogue)
    return catalogue.model(chosen)


def sources_of(model: Model) -> list[Source]:
    """What the model makes its result from."""
    return [_SOURCES[kind] for kind in model.capabilities if kind in _SOURCES]


def place_mode_of(settings: MaquetteSettings, model: Model | None) -> str:
    """Where what the model makes will stand: one that requires a mesh has a setting of its own."""
    is_of_mesh = model is not None and requires_mesh(model)
    return settings.mesh_place_mode if is_of_mesh else settings.place_mode


def _number_of_choice(settings: MaquetteSettings, name: str, items: tuple[tuple[str, str, str], ...]) -> int:
    """The number among `items` of what the artist chose for models of this kind, else of what is usual."""
    kind = _kind_of_model(settings)
    chosen = _noted_choices(settings)
    usual = kind
    if name == "shape":  # modifiers would come twice with a mesh that has them already
        kind = str(chosen.get(f"result {kind}", kind))
        usual = "BASE" if kind == "MESH" else "SEEN"
    wanted = chosen.get(f"{name} {kind}", usual)
    return next((place for place, item in enumerate(items) if item[0] == wanted), 0)


def _note_choice(settings: MaquetteSettings, name: str, wanted: str) -> None:
    kind = settings.result if name == "shape" else _kind_of_model(settings)
    settings.own_choices = json.dumps(_noted_choices(settings) | {f"{name} {kind}": wanted})


def _kind_of_model(settings: MaquetteSettings) -> str:
    model = model_of(settings, state.catalogue)
    return usual_result(model) if model else "OBJECT"


def _noted_choices(settings: MaquetteSettings) -> dict[str, object]:
    try:
        found = json.loads(settings.own_choices or "{}")
    except (ValueError, RecursionError):  # a file from elsewhere
        return {}
    return found if isinstance(found, dict) else {}


def choose_model(settings: MaquetteSettings, model: Model, catalogue: Catalogue) -> None:
    """Change the model, taking along what was put in."""
    old = model_of(settings, catalogue)
    settings.model_id = model.id
    ensure_inputs(model)
    if old and old.id != model.id:
        carry_over(settings, old, model)
    note_change()


def items_of(settings: MaquetteSettings, catalogue: Catalogue | None, input_name: str) -> Any:
    """The items of an input that takes several; None if it does not."""
    if (model := model_of(settings, catalogue)) is None:
        return None
    found = [f for f in fields_of(model.id) if f.spec.name == input_name and f.role in LISTS]
    return getattr(inputs_of(settings, model.id), found[0].attribute) if found else None


def sync_jobs(manager: bpy.types.WindowManager, jobs: JobCache | None) -> None:
    """Bring the list of jobs up to date with the jobs; costs microseconds if its order is the same.

    The chosen job stays chosen, until a newer one than ever comes.
    """
    global _newest
    shown = lists(manager)
    by_id = jobs.by_id if jobs else {}
    order = jobs.order if jobs else []
    words = shown.job_search.lower().split()
    wanted = job_filter.filtered(by_id, order, shown.filter, words)
    if wanted == _listed and len(shown.jobs) == len(wanted):
        return
    active, newest = active_job_id(manager), max(wanted[:1], default="")
    there = len(_listed)
    is_older = wanted[:there] == _listed  # of earlier days, as they are read
    if (not is_older and wanted[-there:] != _listed) or len(shown.jobs) != there:
        shown.jobs.clear()
        there, is_older = 0, True
    for place, job_id in enumerate(wanted[there:] if is_older else wanted[: len(wanted) - there]):
        item = shown.jobs.add()
        item.job_id, item.name = job_id, by_id[job_id].name
        if not is_older:
            shown.jobs.move(len(shown.jobs) - 1, place)
    with job_filter.no_click():
        shown.active_job = wanted.index(active) if active in wanted and newest <= _newest else 0
    _listed[:], _newest = wanted, max(newest, _newest)


def activate_job(manager: bpy.types.WindowManager, job_id: str) -> None:
    """Choose the job in the list, if it is listed."""
    if job_id in _listed:
        with job_filter.no_click():
            lists(manager).active_job = _listed.index(job_id)


def show_job(manager: bpy.types.WindowManager, job_id: str) -> None:
    """Choose the job in the list, whatever is filtered or searched for."""
    shown = lists(manager)
    if job_id not in _listed:
        shown.job_search = ""
        shown.filter = "ALL"
    activate_job(manager, job_id)


def _filter_jobs(shown: MaquetteLists, *, is_new: bool = False) -> None:
    manager = cast(bpy.types.WindowManager, shown.id_data)
    if is_new and state.jobs:
        job_filter.pin_group(shown.filter, state.jobs.by_id.get(active_job_id(manager)))
    sync_jobs(manager, state.jobs)


def _first_model_id(catalogue: Catalogue) -> str:
    known = catalogue.models
    for model_id in recent_ids():
        if model_id in known:
            return model_id
    if DEFAULT_IMAGE_MODEL in known:
        return DEFAULT_IMAGE_MODEL
    free = [m for m in known.values() if not m.required_plan and "img23d" in m.capabilities]
    featured = [m for m in free if "sc:featured" in m.tags]
    return next((m.id for m in (*featured, *free, *known.values())), "")


def metres_per_unit(scene: bpy.types.Scene) -> float:
    """How long a unit of the scene is; 1 m if it has no units."""
    units = scene.unit_settings
    return units.scale_length if units.system != "NONE" else 1.0


def _default_size(scene: bpy.types.Scene) -> float:
    chosen = preferences.get()
    return (chosen.size_m if chosen else 1.0) / metres_per_unit(scene)


@bpy.app.handlers.persistent
def _after_load_or_undo(_path: object) -> None:
    drop_stale_choices()
    note_change()
    edits.reloaded += 1
    sync_jobs(bpy.context.window_manager, state.jobs)  # a file may bring a window manager of its own


CLASSES = (MaquetteFile, MaquetteSettings, MaquetteListItem, MaquetteLists)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    set_owner(MaquetteSettings)
    bpy.types.Scene.maquette = bpy.props.PointerProperty(type=MaquetteSettings)
    bpy.types.WindowManager.maquette = bpy.props.PointerProperty(type=MaquetteLists)
    for handlers in _handlers():
        handlers.append(_after_load_or_undo)


def unregister() -> None:
    for handlers in _handlers():
        handlers.remove(_after_load_or_undo)
    del bpy.types.WindowManager.maquette, bpy.types.Scene.maquette
    set_owner(None)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)


def _handlers() -> list[list[Any]]:
    return [bpy.app.handlers.load_post, bpy.app.handlers.undo_post, bpy.app.handlers.redo_post]
