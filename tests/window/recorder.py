# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures how long the extension's own code holds Blender's main thread, and which files it opens there.

Every function of the extension gets a new code object that times the call. So it does not matter how Blender
reaches it: as a class's method, a timer, a handler, a property's callback. Only the outermost call counts.
What Blender itself does within such a call counts too; redraws do not.
"""

import gc
import inspect
import statistics
import sys
import time
import types
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

BEAT_S = 0.01
LONG_S = 0.0167  # a hold that is told in the log: a picture of a screen of 60 Hz is late
NESTED_ENOUGH = 50  # calls from the extension's own code, after which a function is left alone
OPENING = ("open", "socket.", "sqlite3.connect", "subprocess.Popen", "os.listdir", "os.scandir")

holds: dict[str, list[float]] = defaultdict(list)  # entry point -> the seconds of each call
opened: dict[str, Counter[str]] = defaultdict(Counter)  # entry point -> "open /path", "socket.connect ..."
beats: dict[str, list[float]] = defaultdict(list)  # phase -> seconds between two ticks of a timer of BEAT_S
own_s = 0.0  # what the tests themselves held the thread for since the last beat


def phase() -> str:
    """What goes on now; others put theirs in its place."""
    return "other"


_entry = ""
_last_beat = 0.0
_last_phase = ""
_watched: dict[str, tuple[types.FunctionType, types.FunctionType]] = {}  # key -> function, as it was
_ids: set[int] = set()  # of both
_stand_ins: dict[str, types.CodeType] = {}  # key -> the function's code while it is watched
_nested: Counter[str] = Counter()


def _timed(key: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    global _entry
    function, original = _watched[key]
    if _entry:
        _nested[key] += 1
        if _nested[key] == NESTED_ENOUGH and key not in holds:
            function.__code__ = original.__code__
        return original(*arguments, **named)
    _entry = key
    start = time.perf_counter()
    try:
        return original(*arguments, **named)
    finally:
        took_s = time.perf_counter() - start
        holds[key].append(took_s)
        if took_s > LONG_S:
            print(f"held for {took_s * 1000:.1f} ms by {key}", flush=True)
        _entry = ""


def _watch(function: types.FunctionType) -> None:
    """Gives the function a code object that calls `_timed` with the function as it was."""
    code = function.__code__
    key = f"{function.__module__.partition('.maquette.')[2]}.{function.__qualname__}"
    while key in _watched:
        key += "'"
    defaults = function.__defaults__
    original = types.FunctionType(
        code, function.__globals__, function.__name__, defaults, function.__closure__
    )
    original.__kwdefaults__ = function.__kwdefaults__
    _watched[key] = function, original
    _ids.update((id(function), id(original)))
    space: dict[str, Callable[..., Any]] = {}
    # The key has to be a constant: a code object with the old closure has none of its own.
    exec(_source(code, key), space)
    names = {"co_freevars": code.co_freevars, "co_name": code.co_name, "co_qualname": code.co_qualname}
    function.__code__ = _stand_ins[key] = space["stand_in"].__code__.replace(**names)


def _source(code: types.CodeType, key: str) -> str:
    """The stand-in for a function, with the same parameters: Blender counts those of some callbacks."""
    names, count = list(code.co_varnames), code.co_argcount
    keywords = names[count : count + code.co_kwonlyargcount]
    rest = names[count + len(keywords) :]
    parameters, arguments, named = names[:count], names[:count], [f"{name}={name}" for name in keywords]
    if code.co_flags & inspect.CO_VARARGS:
        parameters, arguments = [*parameters, "*" + rest[0]], [*arguments, "*" + rest.pop(0)]
    elif keywords:
        parameters = [*parameters, "*"]
    parameters += keywords
    if code.co_flags & inspect.CO_VARKEYWORDS:
        parameters, named = [*parameters, "**" + rest[0]], [*named, "**" + rest[0]]
    values = f"({''.join(name + ', ' for name in arguments)}), dict({', '.join(named)})"
    return (
        f"def stand_in({', '.join(parameters)}):\n return __import__({__name__!r})._timed({key!r}, {values})"
    )


def watch_extension(package: str) -> None:
    """Watches every function of the extension that there is by now; to be called again for later ones."""
    for item in gc.get_objects():
        if (
            type(item) is types.FunctionType  # isinstance() asks Blender's objects, and some are gone
            and (item.__module__ or "").startswith(package)
            and id(item) not in _ids
            and not item.__code__.co_flags & inspect.CO_GENERATOR
        ):
            _watch(item)


def watch_alone(*keys: str) -> None:
    """From here on, these functions alone are watched: what the stand-ins of others cost is not counted."""
    for name, (function, original) in _watched.items():
        if name not in keys:
            function.__code__ = original.__code__


def watch_all() -> None:
    """After `watch_alone`."""
    for name, (function, _) in _watched.items():
        function.__code__ = _stand_ins[name]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _entry and event.startswith(OPENING):
        frame = sys._getframe()  # noqa: SLF001  # inspect's own way to it takes time that is measured here
        while frame := frame.f_back:
            if "importlib" in frame.f_code.co_filename:  # a module's first use
                return
        opened[_entry][f"{event} {arguments[0] if arguments else ''}"] += 1


def _beat() -> float:
    global _last_beat, _last_phase, own_s
    now, name = time.perf_counter(), phase()
    beats[name if name == _last_phase else "between"].append(now - _last_beat - own_s)
    _last_beat, _last_phase, own_s = now, name, 0.0
    return BEAT_S


def start() -> None:
    import bpy

    global _last_beat
    sys.addaudithook(_audit)
    _last_beat = time.perf_counter()
    bpy.app.timers.register(_beat, persistent=True)


def summary(seconds: list[float]) -> dict[str, float]:
    """Count, and milliseconds."""
    ordered = sorted(seconds)
    numbers = {
        "p50_ms": statistics.median(ordered),
        "p99_ms": ordered[int(len(ordered) * 0.99)],
        "max_ms": ordered[-1],
    }
    return {"count": len(ordered), **{key: round(number * 1000, 3) for key, number in numbers.items()}}


def report() -> dict[str, Any]:
    """All that was measured, the longest hold first."""
    longest = sorted(holds, key=lambda key: -max(holds[key]))
    return {
        "holds": {key: summary(holds[key]) for key in longest},
        "beats": {name: summary(gaps) for name, gaps in beats.items()},
        "opened": opened,
    }
