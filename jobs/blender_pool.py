# SPDX-License-Identifier: GPL-3.0-or-later
"""Background Blenders that do tasks (see scene/background_main.py): a line of JSON in, a file of JSON out.

One that has started takes milliseconds for the next task instead of a second, so it is kept for a while, and
started before a task that is expected.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..client import JsonValue, without_controls
from .environment import environment_without

TIMEOUT_S = 1800.0
TASKS_MAX = 50  # then a background Blender is replaced, to bound what it may leak
IDLE_S = 20.0  # one that has had nothing to do for so long is ended
_NO_START_S = 60.0  # none is started ahead for so long after one that ended before its first task
_CONTINUED = "is_to_be_continued"  # in an answer: more will follow
_LOOK_S = 0.02
_END_S = 5.0
_CHILD = Path(__file__).resolve().parent.parent / "scene" / "background_main.py"
_ARGUMENTS = ("--background", "--factory-startup", "--python-exit-code", "3", "--python")


class ChildError(RuntimeError):
    """The background Blender could not do it; the text says why, for a person.

    `is_unreadable`: the files that it was given are damaged or are no models, or it ended over them.
    """

    def __init__(self, message: str, *, is_unreadable: bool = False) -> None:
        super().__init__(message)
        self.is_unreadable = is_unreadable


class BlenderPool:
    """As many background Blenders as there are tasks at a time. May be used by several threads at once.

    A task may take `timeout_s`; a Blender that has done `tasks_max` is replaced, and one that has been idle
    for `idle_s` is ended by `tidy`.
    """

    def __init__(
        self,
        blender: str,
        script: Path = _CHILD,
        *,
        timeout_s: float = TIMEOUT_S,
        tasks_max: int = TASKS_MAX,
        idle_s: float = IDLE_S,
    ) -> None:
        self.timeout_s = timeout_s
        self._idle_s = idle_s
        self._blender, self._script = blender, script
        self._tasks_max = tasks_max
        self._idle: deque[_Child] = deque()  # the one used last comes last; each operation on it is atomic
        self._busy: set[_Child] = set()  # as atomic
        self._no_start_until = 0.0

    def another(self, *, timeout_s: float) -> "BlenderPool":
        """A pool with Blenders of its own, so that its tasks take none of these."""
        options: dict[str, Any] = {"tasks_max": self._tasks_max, "idle_s": self._idle_s}
        return BlenderPool(self._blender, self._script, timeout_s=timeout_s, **options)

    def run(
        self, command: str, request: Mapping[str, JsonValue], folder: Path, purpose: str
    ) -> dict[str, JsonValue]:
        """As `begin`, and waits for the answer."""
        return self.begin(command, request, folder, purpose).wait()

    def begin(
        self, command: str, request: Mapping[str, JsonValue], folder: Path, purpose: str
    ) -> "BlenderTask":
        """Start the task `command`; its log in `folder` is named after it. `purpose` is for error texts.

        Raises ChildError if Blender cannot be started.
        """
        return BlenderTask(self, command, request, folder, purpose)

    def expect(self, tasks: int, command: str) -> None:
        """Start Blenders until there is one for each of `tasks`, busy ones included; each loads what
        `command` needs. `tidy(keep=…)` has to spare as many.
        """
        now = time.monotonic()
        for child in list(self._idle):
            if child.process.poll() is not None and self._take(child):
                self._no_start_until = self._no_start_until if child.tasks else now + _NO_START_S
                child.end()
        if now < self._no_start_until:  # the task itself will tell what is wrong
            return
        while len(self._idle) + len(self._busy) < tasks:
            try:
                child = _Child(self._blender, self._script, Path(os.devnull), command)
            except ChildError:
                self._no_start_until = now + _NO_START_S
                return
            self._idle.appendleft(child)

    def _take(self, child: "_Child") -> bool:
        """Whether the idle one was there to be taken: another thread may have."""
        try:
            self._idle.remove(child)
        except ValueError:
            return False
        return True

    def acquire(self, log: Path, *, is_fresh: bool) -> "_Child":
        child = None if is_fresh else self._idle_or_none()
        child = child or _Child(self._blender, self._script, log)
        self._busy.add(child)
        return child

    def _idle_or_none(self) -> "_Child | None":
        while self._idle:
            try:
                child = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if child.process.poll() is None:
                return child
            child.end()
        return None

    def release(self, child: "_Child") -> None:
        self._busy.discard(child)
        if child.tasks >= self._tasks_max:
            child.end()
        else:
            child.idle_since = time.monotonic()
            self._idle.append(child)

    def discard(self, child: "_Child") -> None:
        """End one that has crashed or took too long."""
        self._busy.discard(child)
        child.end()

    def tidy(self, *, keep: int = 0) -> None:
        """End those that have been idle for long, but for as many as there are tasks expected."""
        self._end_idle(self._idle_s, keep)

    def end(self, *, keep: int = 0) -> None:
        """End all that have no task, but for `keep` of them."""
        self._end_idle(0.0, keep)

    def _end_idle(self, idle_s: float, keep: int) -> None:
        for child in list(self._idle):
            is_spare = len(self._idle) + len(self._busy) > keep
            if is_spare and time.monotonic() - child.idle_since >= idle_s and self._take(child):
                child.end()


class _Child:
    """`expected` is the task that it makes itself ready for, if it is started ahead of one."""

    def __init__(self, blender: str, script: Path, log: Path, expected: str = "") -> None:
        self.tasks = 0
        self.idle_since = time.monotonic()
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            flags |= subprocess.BELOW_NORMAL_PRIORITY_CLASS  # elsewhere, the child sees to that
        with log.open("ab") as output:
            try:
                self.process = subprocess.Popen(
                    [blender, *_ARGUMENTS, str(script), *(["--", expected] if expected else [])],
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # Without secrets: the child that parses strangers' files needs none.
                    env=environment_without("MAQUETTE_", "_PROXY"),
                    creationflags=flags,
                    start_new_session=sys.platform != "win32",  # the terminal's Ctrl-C is not for it
                )
            except OSError as error:
                text = f"The background Blender could not be started ({blender}): {error.strerror}."
                raise ChildError(text) from error

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.tasks += 1
        try:
            self.process.stdin.write(line)
        except OSError:  # it has ended: whoever waits for the answer sees that
            self.process.poll()

    def end(self) -> None:
        """One that waits for a task ends at once when its stdin does; one that is starting, once it has."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _readable(value: Any) -> Any:
    """An answer names what is in a stranger's file: without what a terminal would obey."""
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_readable(item) for item in cast(list[Any], value)]
    return without_controls(value) if isinstance(value, str) else value


class BlenderTask:
    """One task under way."""

    def __init__(
        self,
        blenders: BlenderPool,
        command: str,
        request: Mapping[str, JsonValue],
        folder: Path,
        purpose: str,
    ) -> None:
        folder = folder.resolve()
        self._blenders, self._purpose = blenders, purpose
        # One that outlives a parent that was killed answers to nobody, under a name of its own.
        self._log, self._answer = (
            folder / f"{command}.log",
            folder / f".{command}-{secrets.token_hex(4)}.json",
        )
        self._log.unlink(missing_ok=True)
        self.to_be_continued = False
        self._is_begun = False  # the child has answered once
        line = {**request, "command": command, "log": str(self._log), "answer": str(self._answer)}
        self._line = json.dumps(line).encode() + b"\n"
        self._start(is_fresh=False)

    def _start(self, *, is_fresh: bool) -> None:
        self._child = self._blenders.acquire(self._log, is_fresh=is_fresh)
        self._child.send(self._line)
        self._deadline = time.monotonic() + self._blenders.timeout_s

    def abandon(self) -> None:
        """End the Blender that is at it: no answer is wanted any more."""
        self._child.process.kill()
        self._blenders.discard(self._child)

    def wait(self) -> dict[str, JsonValue]:
        """As `poll`, when it is there."""
        while (answer := self.poll()) is None:
            time.sleep(_LOOK_S)
        return answer

    def poll(self) -> dict[str, JsonValue] | None:
        """The answer, once it is there. Raises ChildError: in the script's words, or if Blender crashed.

        Of a task that is `to_be_continued` then, what else it has to say comes the same way.
        """
        code = self._child.process.poll()
        if self._answer.exists():
            answer: dict[str, Any] = _readable(json.loads(self._answer.read_text(encoding="utf-8")))
            self._answer.unlink()
            self.to_be_continued = answer.pop(_CONTINUED, False) is True
            if self.to_be_continued:
                self._answer = self._answer.with_name(f"{self._answer.name}.more")
                self._is_begun = True
            else:
                self._blenders.release(self._child)
            if answer.get("ok") is not True:
                text = str(answer.get("error") or f"Blender failed at {self._purpose}.")
                raise ChildError(text, is_unreadable=answer.get("is_unreadable") is True)
            return answer
        if code is not None:
            self._blenders.discard(self._child)
            is_ours = self._child.tasks == 1 or self._is_begun
            if is_ours and self._log.exists():  # else it had ended before it read the task
                text = f"Blender crashed while {self._purpose} (exit code {code}): a file may be damaged, "
                text += f"or need more memory than a conversion may take. Details are in {self._log}."
                raise ChildError(text, is_unreadable=True)
            self._start(is_fresh=True)  # an earlier task may be to blame
        elif time.monotonic() > self._deadline:
            self._child.process.kill()
            self._blenders.discard(self._child)
            minutes = f"{self._blenders.timeout_s / 60:.0f} minutes"
            text = f"Blender, {self._purpose}, took over {minutes} and was stopped."
            raise ChildError(text, is_unreadable=True)
        return None
