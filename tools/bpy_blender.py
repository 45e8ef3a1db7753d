# SPDX-License-Identifier: GPL-3.0-or-later
"""A `blender` command on the bpy module of the Python that runs it, for machines without Blender.

Background only: timers, modal operators and drawing never run. Arguments are carried out from left to right
and mean what they mean to Blender; one that is not listed here is refused, not ignored.

    --background, -b            needed, unless a command is given
    FILE.blend                  open the file
    --python, -P FILE           run a script; its arguments are those after `--`, in sys.argv
    --python-expr CODE          run code
    --python-exit-code N        leave with N when a script raises (0, the default: go on)
    --addons A,B                enable add-ons
    --online-mode, --offline-mode
    --factory-startup           without the saved preferences and the installed extensions
    --command, -c NAME ARGS...  run a command of Blender (`extension`) or of an add-on
    --version, -v   --help, -h
    --install                   write the `blender` command beside this Python
"""

import contextlib
import ctypes
import importlib.util
import os
import shlex
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

FLAGS = {"-b", "--background", "--factory-startup", "--python-use-system-env", "-noaudio", "-q", "--quiet"}
IGNORED_WITH_VALUE = {"--gpu-backend", "--log", "--log-file", "--log-level", "-t", "--threads"}
LAUNCHER = Path(sys.executable).with_name("blender.cmd" if os.name == "nt" else "blender")

commands: dict[str, tuple[object, Callable[[list[str]], int]]] = {}
at_end: list[Callable[[], object]] = []


def flush() -> None:
    """Empties Python's and C's output buffers, as os._exit and a redirection of stdout do not."""
    sys.stdout.flush()
    sys.stderr.flush()
    (ctypes.cdll.ucrtbase if os.name == "nt" else ctypes.CDLL(None)).fflush(None)


def measure() -> None:
    """For our own tests: notes which lines of headless/ run here, where coverage is told a file for it."""
    if os.environ.get("COVERAGE_FILE"):
        import coverage

        noted = coverage.Coverage(config_file=False, data_suffix=True, include=["*/maquette/headless/*"])
        noted.start()
        at_end.extend((noted.stop, noted.save))


def leave(code: object) -> NoReturn:
    """Ends the process at once: bpy 4.2 crashes, and 4.5 may hang, in the destructors of a usual exit."""
    if not (code is None or isinstance(code, int)):
        print(code, file=sys.stderr)
    for last in at_end:
        last()
    if "bpy" in sys.modules:
        shutil.rmtree(sys.modules["bpy"].app.tempdir, ignore_errors=True)  # the usual exit's other task
    flush()
    os._exit(code & 0xFF if isinstance(code, int) else code is not None)


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Bpy 5 logs to stdout while it starts; stdout belongs to what the caller asked for."""
    flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        flush()
        os.dup2(kept, 1)
        os.close(kept)


def install() -> None:
    """Writes LAUNCHER, so that this stand-in is called `blender`."""
    here = str(Path(__file__).resolve())
    if os.name == "nt":
        LAUNCHER.write_text(f'@"{sys.executable}" "{here}" %*\n', encoding="utf-8")
    else:
        part = LAUNCHER.with_suffix(f".{os.getpid()}")
        part.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(here)} "$@"\n')
        part.chmod(0o755)
        part.replace(LAUNCHER)  # another task may be starting it just now


def catch_commands() -> None:
    """Blender runs the commands that add-ons register by itself; a module has to keep the list."""
    import bpy

    register, unregister = bpy.utils.register_cli_command, bpy.utils.unregister_cli_command

    def register_cli_command(name: str, call: Callable[[list[str]], int]) -> object:
        handle = register(name, call)
        commands[name] = (handle, call)
        return handle

    def unregister_cli_command(handle: object) -> None:
        unregister(handle)
        for name in [name for name, (kept, _) in commands.items() if kept is handle]:
            del commands[name]

    bpy.utils.register_cli_command = register_cli_command
    bpy.utils.unregister_cli_command = unregister_cli_command


def load_preferences() -> None:
    """What Blender does at its start and a module does not: the saved preferences, the enabled extensions."""
    import bpy

    if not os.path.exists(os.path.join(bpy.utils.user_resource("CONFIG"), "userpref.blend")):
        return
    if bpy.app.version >= (4, 3):
        bpy.ops.wm.read_userpref()
        return
    # Reading them crashes bpy 4.2 (it loads GPU icons without a GPU): enable what is installed.
    for repository in bpy.context.preferences.extensions.repos:
        for manifest in sorted(Path(repository.directory).glob("*/blender_manifest.toml")):
            try:
                bpy.ops.preferences.addon_enable(module=f"bl_ext.{repository.module}.{manifest.parent.name}")
            except RuntimeError:  # as Blender does: an add-on that fails stops nothing
                traceback.print_exc()


def run_command(name: str, args: list[str]) -> object:
    """Runs a command of Blender's or of an add-on and returns its exit code."""
    if name == "extension":
        from bl_pkg import bl_extension_cli  # pyright: ignore[reportMissingImports]  # ships in bpy

        return bl_extension_cli.cli_extension_handler(args)
    if name == "asset_listing" and importlib.util.find_spec("_bpy_internal.assets"):
        from _bpy_internal.assets import remote_library  # pyright: ignore[reportMissingImports]

        return remote_library.asset_listing_main(args)
    if name not in commands:
        print(
            f"blender: no command {name!r}; there are: {', '.join(['extension', *commands])}", file=sys.stderr
        )
        return 1
    return commands[name][1](args)


def run_code(source: str | bytes, name: str) -> None:
    """Runs a script as the main module, as Blender does."""
    exec(compile(source, name, "exec"), {"__name__": "__main__", "__file__": name})


def carry_out(args: list[str]) -> None:
    """Carries out the arguments from left to right; a script's exception ends only itself, as in Blender."""
    import bpy

    error_code = 0
    rest = iter(args)

    def value() -> str:
        found = next(rest, None)
        return leave(f"blender: {arg} needs a value") if found is None else found

    for arg in rest:
        try:
            if arg in FLAGS:
                continue
            if arg in IGNORED_WITH_VALUE:
                value()
            elif arg in ("--online-mode", "--offline-mode"):
                bpy.context.preferences.system.use_online_access = arg == "--online-mode"
            elif arg == "--addons":
                for module in value().split(","):
                    bpy.ops.preferences.addon_enable(module=module)
            elif arg == "--python-exit-code":
                error_code = int(value())
            elif arg == "--python-expr":
                run_code(value(), "<expression>")
            elif arg in ("-P", "--python"):
                path = Path(value()).absolute()
                run_code(path.read_bytes(), str(path))
            elif arg in ("-c", "--command"):
                leave(run_command(value(), list(rest)))
            elif arg.startswith("-"):
                leave(f"blender: {arg} is unknown to this stand-in; --help lists what it knows")
            else:
                open_file(arg)
        except Exception:  # whatever a script raises: as in Blender, it is told and the next argument follows
            traceback.print_exc()
            if arg in ("-c", "--command"):
                leave(1)
            if error_code:
                leave(error_code)


def open_file(path: str) -> None:
    """Opens a .blend file, or leaves with 1."""
    import bpy

    try:
        bpy.ops.wm.open_mainfile(filepath=os.path.abspath(path))
    except RuntimeError as error:
        leave(str(error))


def main(argv: list[str]) -> None:
    """Starts bpy and carries out `argv`; ends the process."""
    at_command = next((i for i, arg in enumerate(argv) if arg in ("-c", "--command", "--")), len(argv))
    options = argv[:at_command]
    has_command = argv[at_command : at_command + 1] not in ([], ["--"])
    if {"-h", "--help"} & set(options):
        print(__doc__)
        leave(0)
    if {"-v", "--version"} & set(options):
        from importlib.metadata import version

        print("Blender " + version("bpy"))
        leave(0)
    if "--install" in options:
        install()
        leave(0)
    if not has_command and not {"-b", "--background"} & set(options):
        leave("blender: this stand-in on the bpy module has no window; add --background")
    is_interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else the shell's `&`
    # An exception in the middle of bpy's start would crash it, or be printed and ignored.
    if is_interruptible:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    with stdout_to_stderr():
        import bpy

        if LAUNCHER.exists():
            bpy.app.binary_path = str(LAUNCHER)  # code starts further Blenders by it
        sys.argv = [bpy.app.binary_path or "blender", *argv]
        catch_commands()
        if "--factory-startup" not in options:
            load_preferences()
    if is_interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    carry_out(argv if has_command else options)
    leave(0)


if __name__ == "__main__":
    try:
        measure()
        main(sys.argv[1:])
    except KeyboardInterrupt:
        leave(130)
    except SystemExit as end:  # a script's own, with its code
        leave(end.code)
