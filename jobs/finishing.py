# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished version of a result: made of the untouched one by the job's profile, and lying beside it.

A background Blender makes it (scene/finish.py), each time from `result.blend`, which stays as it is. What
cannot be finished comes as delivered, with the reason among its messages.

A job's `result` is the answer about the file in use. Of a finished one it also has `finished`, the profile's
key, `finish`, what was done and measured, and `untouched`, the converter's own answer.
"""

import os
import re
from pathlib import Path
from typing import cast

from ..client import InputError, JsonValue
from .at_work import at_work
from .blender_pool import BlenderPool, BlenderTask, ChildError
from .profile import PROFILES, PROVENANCE, Profile, as_json, from_json, override, profile_key, read_profile
from .provenance import provenance_of
from .record import JobRecord
from .transfers import RESULT, convert_result, is_whole, remove_leftovers

AS_DELIVERED = PROFILES["as-delivered"]
_KEY = re.compile(r"[0-9a-f]{12}")
_ONTO = ("MATERIAL", "MESH")  # what put_back.py makes of a result for the artist's own object
_IN_USE = ("report", "min", "max", "faces", "objects", "textures")  # of the finished one


def named_profile(given: object, faces: object, base: Path = Path()) -> Profile:
    """The profile that a person has named, with a budget of faces of its own if `faces` is given.

    None names none. An empty text is refused: it comes of a variable that is not set, and would undo what a
    result was finished by. A .toml file is relative to `base`. Raises InputError.
    """
    text = os.fspath(given).strip() if isinstance(given, str | Path) else ""
    if given is not None and not text:
        raise InputError(f"finish: give a profile's name or a .toml file, not {given!r:.60}.")
    budget = faces.strip() if isinstance(faces, str) else faces
    has_budget = budget not in (None, "")
    if not text and has_budget:
        raise InputError("faces: name a profile, too, such as finish game.")
    if not text:
        return AS_DELIVERED
    try:
        is_file = text.lower().endswith(".toml")
        profile = read_profile(base / Path(text).expanduser() if is_file else text)
    except RuntimeError as error:  # there is no such home
        raise InputError(f"finish: {text:.60} cannot be read: {error}.") from None
    except InputError as error:
        raise InputError(f"finish: {error}") from None
    if not has_budget or profile == AS_DELIVERED:  # which has no budget, whatever a column says
        return profile
    is_number = isinstance(budget, str) and budget.isdecimal()
    return override(profile, faces=int(cast("str", budget)) if is_number else budget)


def profile_of(job: JobRecord) -> Profile:
    """The profile that the job's result is to be finished by. Raises InputError where it is none."""
    return from_json(job.profile) if job.profile else AS_DELIVERED


def profile_json(profile: Profile) -> dict[str, JsonValue]:
    """The profile as a job keeps it: {} for what comes as delivered."""
    return {} if profile == AS_DELIVERED else as_json(profile)


def result_blend(store_folder: Path, job_id: str, finished: str = "") -> Path:
    """What a job's delivered files became, in the store of this folder: the file that is appended.

    `finished` is the key of the profile that it was finished by; "" is the untouched one.
    """
    return store_folder / "jobs" / job_id / _file_name(finished)


def finished_key(result: object) -> str:
    """The key of the profile that the result in use was finished by; "": it is as delivered."""
    found = cast("dict[str, object]", result).get("finished") if isinstance(result, dict) else None
    return found if isinstance(found, str) and _KEY.fullmatch(found) else ""


def make_result(
    blenders: BlenderPool, job: JobRecord, folder: Path, *, is_report_later: bool = False
) -> tuple[dict[str, JsonValue], BlenderTask | None]:
    """Have background Blenders make the result of the downloaded files, and finish it; the answer about it.

    One that is there is only finished, anew. Raises and returns as `convert_result` does.
    """
    task = None
    with at_work(folder):
        if job.result.get("objects") and is_whole(folder / RESULT):
            answer = untouched(job.result)
        else:
            is_later = is_report_later and not job.profile
            answer, task = convert_result(blenders, job, folder, is_report_later=is_later)
        return finish_result(blenders, job, folder, answer), task


def finish_result(
    blenders: BlenderPool, job: JobRecord, folder: Path, answer: dict[str, JsonValue]
) -> dict[str, JsonValue]:
    """Have `folder`/result.blend, which the converter's `answer` is about, finished by the job's profile.

    Returns the answer about what is in use then. What goes wrong is told in it, and nothing is raised. The
    caller is alone `at_work` in the folder.
    """
    if not job.profile or not answer.get("objects"):
        return answer
    name = label = str(job.profile.get("name"))[:60]
    try:
        profile = profile_of(job)
        label = profile.label
        if profile.does_nothing:
            return answer
        if _goes_onto_object(answer):
            raise ValueError("it goes onto an object of yours.")
        target = folder / _file_name(profile_key(profile))
        request: dict[str, JsonValue] = {"name": job.name, "profile": as_json(profile)}
        request |= {"source": str((folder / RESULT).resolve()), "target": str(target.resolve())}
        request["frame"] = job.placement.get("frame", 1)
        made = blenders.run("finish", request, folder, "finishing the result")
        if not is_whole(target):
            raise ValueError("Blender wrote no file.")
        return _in_use(answer, made, profile)
    except (ChildError, InputError, OSError, ValueError) as error:
        told = f"It comes as delivered, and not as {label}: {error}"
        return {**answer, "finish": {"profile": name, "error": str(error)}, "messages": _told(answer, told)}
    finally:
        remove_leftovers(folder)


def message_of(answer: dict[str, JsonValue]) -> str:
    """What a person should know of a result: what is not in it, and which files are kept as they came."""
    kept = answer.get("kept")
    words = [each.get("why") for each in (kept if isinstance(kept, list) else ()) if isinstance(each, dict)]
    return " ".join(str(text) for text in [*_told(answer), *words] if text)


def provenance_outside(job: JobRecord) -> dict[str, str | int | float]:
    """How a result was made, as files for elsewhere tell it: less what its profile strips."""
    return provenance_of(job, stripped_of(job))


def provenance_in_scene(job: JobRecord) -> dict[str, str | int | float]:
    """The same for an artist's own scene, where *Swap*, *Finish…* and the list find the object by its job."""
    return provenance_outside(job) | {"job": job.id}


def stripped_of(job: JobRecord) -> tuple[str, ...]:
    """What files for elsewhere do not tell of the job."""
    try:
        return profile_of(job).strip
    except InputError:  # a store of another version: nobody knows what that one strips
        return PROVENANCE


def is_finished_by(job: JobRecord, profile: Profile) -> bool:
    """Whether the job's result is what this profile makes of it."""
    failure = job.result.get("finish")
    has_failed = isinstance(failure, dict) and bool(failure.get("error"))
    return has_profile(job, profile) and not has_failed


def has_profile(job: JobRecord, profile: Profile) -> bool:
    """Whether it is this profile that the job's result is to be finished by."""
    try:
        return profile_of(job) == profile
    except InputError:
        return False


def untouched(result: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The converter's own answer, of a result that may have been finished."""
    answer = result.get("untouched")
    if isinstance(answer, dict):
        return answer
    failure = result.get("finish")
    if not isinstance(failure, dict):
        return result
    rest = {name: value for name, value in result.items() if name != "finish"}
    rest["messages"] = _told(result)[:-1]  # without why it was not finished
    return rest


def _in_use(
    answer: dict[str, JsonValue], made: dict[str, JsonValue], profile: Profile
) -> dict[str, JsonValue]:
    more, facts = made.get("messages"), made.get("finish")
    fitted = answer.get("put_back")
    if isinstance(fitted, dict) and (profile.pivot == "centre" or profile.front):
        fitted = {name: value for name, value in fitted.items() if name != "fit"}  # it is of another space
    result: dict[str, JsonValue] = {**answer, **{name: made[name] for name in _IN_USE if name in made}}
    if fitted is not None:
        result["put_back"] = fitted
    result["messages"] = _told(answer, *(more if isinstance(more, list) else ()))
    result["finish"] = {**(facts if isinstance(facts, dict) else {}), "profile": profile.name}
    result["finished"] = profile_key(profile)
    result["untouched"] = answer
    return result


def _told(answer: dict[str, JsonValue], *more: JsonValue) -> list[JsonValue]:
    before = answer.get("messages")
    return [*(before if isinstance(before, list) else ()), *more]


def _goes_onto_object(answer: dict[str, JsonValue]) -> bool:
    made = answer.get("put_back")
    return isinstance(made, dict) and made.get("result") in _ONTO


def _file_name(finished: str) -> str:
    return f"finished-{finished}.blend" if finished else RESULT
