# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a window with the bpy module of the Python that runs it: for tests on Linux.

The module has the window's code, but turns to background mode and factory settings while it is imported. This
imports a copy of it in which those two stores write 0, carries out the arguments, and enters Blender's main
loop. It is not an official way: a module whose code differs from what is expected here is refused.

    DISPLAY=:1 VENV/bin/python tools/bpy_window.py [FILE.blend] [--python FILE] [--python-expr CODE] [-- ARGS]
"""

import ctypes
import importlib.util
import struct
import sys
from pathlib import Path
from typing import NamedTuple

import bpy_blender

SYMBOL_TABLE, NO_BITS = 2, 8  # section types of ELF
# Each function by its C++ names: up to 4.5, since 5.0.
FUNCTIONS = {
    "enter": ("_Z17main_python_enteriPPKc", "_ZN7blender17main_python_enterEiPPKc", "main_python_enter"),
    "context": ("_Z15BPY_context_getv", "_ZN7blender15BPY_context_getEv", "BPY_context_get"),
    "loop": ("_Z7WM_mainP8bContext", "_ZN7blender7WM_mainEPNS_8bContextE", "WM_main"),
}


class Section(NamedTuple):
    """A section header of a 64-bit ELF file."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


def read_sections(data: bytes | bytearray) -> list[Section]:
    start, entry_size, count = (*struct.unpack_from("<Q", data, 0x28), *struct.unpack_from("<HH", data, 0x3A))
    return [Section(*struct.unpack_from("<IIQQQQIIQQ", data, start + i * entry_size)) for i in range(count)]


def find_functions(data: bytes | bytearray, sections: list[Section]) -> dict[str, tuple[int, int]]:
    """The address and size of each of FUNCTIONS."""
    wanted = {name.encode(): key for key, names in FUNCTIONS.items() for name in names}
    found: dict[str, tuple[int, int]] = {}
    for table in (section for section in sections if section.kind == SYMBOL_TABLE):
        names = sections[table.link].offset
        # The table has a million entries: look for the names first, then for the entries that point to them.
        area = data[names : names + sections[table.link].size]
        at = {area.find(b"\0" + name + b"\0") + 1: key for name, key in wanted.items()}
        at.pop(0, None)
        symbols = memoryview(data)[table.offset : table.offset + table.size]
        for name, _info, _other, _section, address, size in struct.iter_unpack("<IBBHQQ", symbols):
            if name in at:
                found[at[name]] = (address, size)
    missing = set(FUNCTIONS) - set(found)
    if missing:
        sys.exit(f"bpy_window: this bpy has no symbol for {', '.join(sorted(missing))}")
    return found


def patch(data: bytearray, sections: list[Section], address: int, size: int) -> None:
    """Turns `G.factory_startup = true` and `G.background = true` in main_python_enter into `= false`.

    Both are `movb $1, offset(register)`: C6 80+register, four bytes of offset, 01. No other stores lie within
    G at such offsets.
    """
    section = next(
        section
        for section in sections
        if section.kind != NO_BITS and section.address <= address < section.address + section.size
    )
    start = address - section.address + section.offset
    stores = [
        i
        for i in range(start, start + size - 6)
        if data[i] == 0xC6
        and 0x80 <= data[i + 1] <= 0x87
        and data[i + 1] != 0x84  # another instruction form
        and data[i + 6] == 1
        and 0x700 < struct.unpack_from("<I", data, i + 2)[0] < 0x1000
    ]
    if len(stores) != 2:
        sys.exit(f"bpy_window: {len(stores)} stores in main_python_enter look like the two to change")
    for store in stores:
        data[store + 6] = 0


def make_copy(folder: Path) -> tuple[Path, dict[str, tuple[int, int]]]:
    """Makes a package `bpy` in `folder`; returns its changed module and that module's functions."""
    spec = importlib.util.find_spec("bpy")
    assert spec and spec.origin
    original, copy = Path(spec.origin), folder / "bpy"
    data = bytearray(original.read_bytes())
    sections = read_sections(data)
    functions = find_functions(data, sections)
    target = copy / original.name
    if not target.exists() or target.stat().st_mtime < original.stat().st_mtime:
        patch(data, sections, *functions["enter"])
        copy.mkdir(parents=True, exist_ok=True)
        for entry in original.parent.iterdir():
            link = copy / entry.name
            if entry != original and not link.is_symlink():
                link.symlink_to(entry)
        part = target.with_suffix(".part")
        part.write_bytes(data)
        part.rename(target)
    return target.resolve(), functions


def call(address: int, result: type | None, *arguments: int) -> int:
    """Calls a C++ function."""
    return ctypes.CFUNCTYPE(result, *[ctypes.c_void_p] * len(arguments))(address)(*arguments)


def main(argv: list[str]) -> None:
    folder = Path(sys.prefix) / "window"
    module, functions = make_copy(folder)
    sys.path.insert(0, str(folder))
    import bpy

    bpy.app.binary_path = str(bpy_blender.LAUNCHER)  # code starts background Blenders by it
    with open("/proc/self/maps", encoding="utf-8") as maps:
        base = next(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(str(module)))
    sys.argv = ["blender", *argv]
    bpy_blender.carry_out(argv[: argv.index("--")] if "--" in argv else argv)
    bpy_blender.flush()
    context = call(base + functions["context"][0], ctypes.c_void_p)
    call(base + functions["loop"][0], None, context)


if __name__ == "__main__":
    main(sys.argv[1:])
