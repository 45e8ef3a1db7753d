# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in and out with mouse and keyboard: where the key goes and never goes, and what errors say."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import bpy
import expected
import recorder
from driver import BUSY, ScenarioError, Steps, Window
from leaks import descendants, find_in_files, find_in_processes

NOWHERE = "http://127.0.0.1:9"
WRONG = "not-the-secret-that-was-handed-out"


class Preferences(Window):
    """The window with Blender's preferences, which `press` and `find` then look into."""

    def __init__(self, main: Window) -> None:
        super().__init__(main.folder)
        self.checks, self.columns = main.checks, (0.6, 0.85)

    @property
    def window(self) -> bpy.types.Window:
        for window in bpy.context.window_manager.windows:
            if window.screen.areas[0].type == "PREFERENCES":
                return window
        raise ScenarioError("there is no window with the preferences")

    def area(self, kind: str = "PREFERENCES") -> bpy.types.Area:
        return self.window.screen.areas[0]

    def region(self, kind: str = "WINDOW", area: str = "PREFERENCES") -> bpy.types.Region:
        return next(region for region in self.area().regions if region.type == "WINDOW")

    def view_point(self, x: float = 0.99, y: float = 0.02) -> tuple[int, int]:
        region = self.region()
        return region.x + int(region.width * x), region.y + int(region.height * y)


def steps(w: Window) -> Steps:
    state = expected.part(w, "session_state").state
    _sandbox, api, account = expected.part(w, "jobs").open_sandbox(w.folder / "service", bpy.app.binary_path)
    recorder.opened.clear()  # what was just done is no work of the window
    recorder.holds.clear()
    os.environ["MAQUETTE_API_URL"] = api

    # Signed out: a way in.
    yield from w.open_sidebar()
    yield from w.until(lambda: state.account == "signed_out", 20, "the two ways in are offered")
    yield 1.0
    w.picture("signed-out", w.region("UI"))
    yield from w.press("maquette.open_preferences")
    yield 1.5
    p = Preferences(w)
    yield from enlarge(p)
    shown = bpy.context.preferences.active_section, bpy.context.window_manager.addon_search
    w.check(shown == ("ADDONS", "Maquette"), "the preferences open at Maquette's entry", shown)
    yield from both_scales(p, "preferences-signed-out")

    # Signing in.
    yield from sign_in(p, account.key, account.secret)
    yield from w.until(lambda: state.account == "key", 10, "the key is taken")
    yield from w.until(
        lambda: expected.backend(w).catalogue.balance_cu, 30, "the service is asked for the balance"
    )
    yield 1.0
    yield from both_scales(p, "preferences-signed-in")
    file = expected.part(w, "preferences").user_folder() / "account.json"
    mode = stat.S_IMODE(file.stat().st_mode)
    w.check(mode == 0o600, "the key is kept in a file for its owner alone", oct(mode))
    w.check(account.secret in file.read_text(), "the secret is in it")
    bpy.ops.wm.save_userpref()
    blend = w.folder / "account.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=False)
    secrets = [word.encode() for word in (account.key, account.secret)]
    yield from made_with(w, secrets)
    users = Path(bpy.utils.user_resource("CONFIG"))
    state_folder = expected.part(w, "preferences").state_folder()
    folders = [users.parent, state_folder, Path(bpy.app.tempdir)]
    leaks = {path for folder in folders for path in find_in_files(folder, secrets)} - {file}
    if any(secret in blend.read_bytes() for secret in secrets):
        leaks.add(blend)
    is_looked_at = (users / "userpref.blend").exists() and (state_folder / "maquette.db").exists()
    w.check(is_looked_at and not leaks, "it is in no .blend, preferences, job store or log", leaks)
    past = [str(dict(each.properties)) for each in bpy.context.window_manager.operators]
    w.check(account.secret not in " ".join(past), "Blender's history of actions does not hold it")

    # What errors say.
    yield from sign_out(p)
    yield from w.until(lambda: state.account == "signed_out", 10, "signed out, to enter another key")
    yield from sign_in(p, account.key, WRONG)
    yield from told(p, "wrong-key", lambda: "key" in problem(w).lower())
    os.environ["MAQUETTE_API_URL"] = NOWHERE
    state.account = "unknown"
    yield from w.until(lambda: state.account == "key", 10, "another address is used")
    yield from p.press("maquette.check_account")
    yield from told(p, "wrong-address", lambda: "Nothing answers at" in problem(w))
    w.check(WRONG not in problem(w), "no error tells the secret")

    # Blender's own switch.
    del os.environ["MAQUETTE_API_URL"]
    state.account = "unknown"
    yield from w.until(lambda: state.account == "key" and not state.online, 10, "online access is off")
    yield from both_scales(p, "preferences-offline")
    yield from w.move(w.view_point())
    yield 1.0
    w.picture("offline", w.region("UI"))
    yield from w.press("maquette.allow_online")
    yield 1.0
    w.check(bpy.context.preferences.active_section == "SYSTEM", "its button opens Blender's own setting")
    w.check(not bpy.app.online_access, "and does not change it")
    p.picture("allow-online")
    bpy.ops.preferences.addon_show(module=w.package)
    yield 1.0

    # Signing out.
    yield from sign_out(p)
    yield from w.until(lambda: state.account == "signed_out", 10, "signed out")
    w.check(not file.exists(), "signing out erases the file")
    expected.check_opens(w)


def made_with(w: Window, secrets: list[bytes]) -> Steps:
    """Generates a model, and looks into the processes that serve it until it stands there."""
    inputs = yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
    expected.choose_horse(inputs)
    yield from w.until(lambda: expected.price(w), 30, "the price is on the button")
    yield from expected.in_view(w, lambda: cast("Any", bpy.ops).maquette.generate("INVOKE_DEFAULT"))
    told: set[tuple[int, str]] = set()
    seen: set[int] = set()
    ends_at = time.monotonic() + 120 * BUSY
    while not expected.is_placed("horse") and time.monotonic() < ends_at:
        told |= set(find_in_processes(os.getpid(), secrets, is_environment_of_root_checked=True))
        seen |= set(descendants(os.getpid()))
        yield 0.02
    w.check(expected.is_placed("horse"), "a model is made with the account")
    w.check(len(seen) >= 2 and not told, "no process has it in its arguments or environment", (seen, told))


def enlarge(p: Preferences) -> Steps:
    """Makes the window high enough for all at interface scale 2."""
    yield from p.do("xdotool", "getactivewindow", "windowmove", "20", "40", "windowsize", "1100", "830")
    yield 1.0


def both_scales(p: Preferences, name: str) -> Steps:
    view = bpy.context.preferences.view
    for scale in (2.0, 1.0):
        view.ui_scale = scale
        yield 1.5
        p.picture(f"{name}-{scale:.0f}x")


def sign_in(p: Preferences, key: str, secret: str) -> Steps:
    """Types both into the dialog, which opens with its first field under the pointer."""
    yield from p.press("maquette.sign_in")
    yield 0.7
    yield from p.do("xdotool", "click", "1")  # before 4.5, it does not wait for text by itself
    yield from p.type(key)
    yield from p.key("Tab")
    yield from p.type(secret)
    p.picture(f"dialog-{len(p.checks)}")
    yield from p.key("Return")
    yield 0.3
    yield from p.key("Return")
    yield 0.5


def sign_out(p: Preferences) -> Steps:
    file = expected.part(p, "preferences").user_folder() / "account.json"
    yield from p.press("maquette.sign_out")
    yield 0.7
    p.picture("sign-out")
    p.check(file.exists(), "nothing is erased before the question is answered")
    yield from p.key("Return")


def problem(w: Window) -> str:
    backend, state = expected.backend(w), expected.part(w, "session_state").state
    return state.problem or (backend and (backend.catalogue.last_error or backend.trouble)) or ""


def told(p: Preferences, name: str, is_told: Callable[[], bool]) -> Steps:
    """Waits until the problem is told, and shows how."""
    end = time.monotonic() + 40 * BUSY
    while not is_told() and time.monotonic() < end:
        yield 0.1
    p.check(is_told(), f"{name} is told", problem(p))
    yield from both_scales(p, name)
