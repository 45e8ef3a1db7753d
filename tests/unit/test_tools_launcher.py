# SPDX-License-Identifier: GPL-3.0-or-later
"""The `blender` stand-in, started as a process on a bpy of the test's own: what becomes of its arguments."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parents[2] / "tools" / "bpy_blender.py"
BPY = """
import os, sys, tempfile
from types import SimpleNamespace as N
print("noise on stdout at the start")
if os.environ.get("FAKE_SLOW"):
    import time
    print("ready", file=sys.stderr, flush=True)
    try:
        for _ in range(600): time.sleep(0.1)  # one long one misses a signal that comes just before it
    except BaseException: os.abort()  # as bpy does that an exception meets in its start
def say(*words): print(*words, file=sys.stderr, flush=True)
def open_mainfile(filepath):
    if not os.path.exists(filepath): raise RuntimeError("Cannot read file " + filepath)
    say("opened", os.path.basename(filepath))
here = os.environ["FAKE_HOME"]
version = (5, 2, 3) if os.environ.get("FAKE_NEW") else (4, 2, 0)
app = N(version=version, binary_path="", tempdir=tempfile.mkdtemp(dir=here))
def addon_enable(module):
    say("enabled", module)
    if module.endswith("hello"):
        utils.register_cli_command("hello", lambda args: print("hello", args) or len(args))
    if module.endswith("broken"): raise RuntimeError("broken add-on")
ops = N(preferences=N(addon_enable=addon_enable),
        wm=N(read_userpref=lambda: say("read preferences"), open_mainfile=open_mainfile))
repo = N(module="user_default", directory=os.path.join(here, "extensions"))
context = N(preferences=N(extensions=N(repos=[repo]), system=N(use_online_access=False)))
utils = N(user_resource=lambda kind: here, register_cli_command=lambda name, call: object(),
          unregister_cli_command=lambda handle: None)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a bpy module, saved preferences and two installed extensions, of which one is broken."""
    (tmp_path / "bpy.py").write_text(BPY, encoding="utf-8")
    (tmp_path / "userpref.blend").touch()
    for name in ("broken", "hello"):
        folder = tmp_path / "extensions" / name
        folder.mkdir(parents=True)
        (folder / "blender_manifest.toml").touch()
    (tmp_path / "a.blend").touch()
    return tmp_path


def blender(home: Path, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    variables = {**os.environ, "PYTHONPATH": str(home), "FAKE_HOME": str(home), **env}
    command = [sys.executable, str(LAUNCHER), *args]
    return subprocess.run(command, cwd=home, env=variables, capture_output=True, text=True, timeout=60)


def test_arguments_are_carried_out_from_left_to_right(home: Path) -> None:
    script = home / "script.py"
    script.write_text("import sys; print('script', __name__, __file__, sys.argv[-2:])", encoding="utf-8")
    done = blender(
        home, "-b", "--python-expr", "print('first')", "a.blend", "-P", "script.py", "--", "--x", "y"
    )
    assert (done.stdout, done.returncode) == (f"first\nscript __main__ {script} ['--x', 'y']\n", 0)
    assert "opened a.blend" in done.stderr


def test_what_bpy_prints_at_its_start_stays_off_stdout(home: Path) -> None:
    done = blender(home, "-b", "--python-expr", "print('mine')")
    assert done.stdout == "mine\n"
    assert "noise on stdout" in done.stderr


def test_a_scripts_exception_ends_blender_only_with_an_exit_code(home: Path) -> None:
    done = blender(home, "-b", "--python-expr", "1/0", "--python-expr", "print('still here')")
    assert (done.stdout, done.returncode) == ("still here\n", 0)
    assert "ZeroDivisionError" in done.stderr
    done = blender(
        home, "-b", "--python-exit-code", "3", "--python-expr", "1/0", "--python-expr", "print('no')"
    )
    assert (done.stdout, done.returncode) == ("", 3)


@pytest.mark.parametrize(("call", "code"), [("sys.exit()", 0), ("sys.exit(7)", 7), ("sys.exit('why')", 1)])
def test_a_scripts_own_exit_code_is_kept(home: Path, call: str, code: int) -> None:
    done = blender(home, "-b", "--python-expr", f"import sys; {call}")
    assert done.returncode == code
    assert ("why" in done.stderr) == (code == 1)


def test_a_command_gets_all_arguments_after_its_name(home: Path) -> None:
    done = blender(home, "--offline-mode", "--command", "hello", "--help", "-b", "--", "x")
    assert (done.stdout, done.returncode) == ("hello ['--help', '-b', '--', 'x']\n", 4)


def test_a_broken_extension_does_not_keep_the_others_from_working(home: Path) -> None:
    done = blender(home, "-c", "hello")
    assert "RuntimeError: broken add-on" in done.stderr
    assert (done.stdout, done.returncode) == ("hello []\n", 0)


def test_preferences_are_read_where_bpy_can_and_left_out_with_factory_startup(home: Path) -> None:
    assert "read preferences" in blender(home, "-b", FAKE_NEW="1").stderr
    factory = blender(home, "-b", "--factory-startup", FAKE_NEW="1")
    assert "read preferences" not in factory.stderr
    unknown = blender(home, "--factory-startup", "-c", "hello")
    assert unknown.returncode == 1
    assert "no command 'hello'; there are: extension" in unknown.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "add --background"),
        (["-b", "--render-frame", "1"], "--render-frame is unknown"),
        (["-b", "--python"], "--python needs a value"),
        (["-b", "missing.blend"], "Cannot read file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(home: Path, args: list[str], message: str) -> None:
    done = blender(home, "--factory-startup", *args)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]


def test_the_temporary_folder_is_removed(home: Path) -> None:
    before = set(home.iterdir())
    blender(home, "-b")
    assert {path for path in home.iterdir() if path.name != "__pycache__"} == before


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a whole console, not to a process")
def test_ctrl_c_ends_with_130_and_no_traceback(home: Path) -> None:
    variables = {**os.environ, "PYTHONPATH": str(home), "FAKE_HOME": str(home)}
    code = (
        "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler);"  # ignored under `&`
        "print('ready', flush=True); [time.sleep(0.1) for _ in range(600)]"
    )
    command = [sys.executable, str(LAUNCHER), "-b", "--factory-startup", "--python-expr", code]
    with subprocess.Popen(command, env=variables, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a whole console, not to a process")
def test_ctrl_c_before_bpy_is_there_ends_with_130_and_no_crash(home: Path) -> None:
    variables = {**os.environ, "PYTHONPATH": str(home), "FAKE_HOME": str(home), "FAKE_SLOW": "1"}
    listen = "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    run = f"sys.argv = ['blender', '-b']; runpy.run_path({str(LAUNCHER)!r}, run_name='__main__')"
    command = [sys.executable, "-c", listen + run]  # it is ignored under `&`
    with subprocess.Popen(command, env=variables, stdout=-1, stderr=-1, text=True) as process:
        assert process.stderr
        # Noise on stdout comes before it, or after it where that is held back.
        assert "ready\n" in iter(process.stderr.readline, "")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
