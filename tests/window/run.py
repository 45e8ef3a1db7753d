# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a scenario in a window: blender --python run.py -- SCENARIO FOLDER PART LANGUAGE SCALE

An empty LANGUAGE leaves Blender its own; SCALE is that of the interface.
"""

import faulthandler
import os
import sys
import traceback
from pathlib import Path

import bpy

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
sys.dont_write_bytecode = True
faulthandler.enable()  # a crash tells which Python it was in
scenario, folder, part, language, scale = sys.argv[sys.argv.index("--") + 1 :]
try:
    import driver
    import recorder

    view = bpy.context.preferences.view
    view.show_splash = False
    view.ui_scale = float(scale)
    view.filebrowser_display_type = "SCREEN"  # all in the one window
    bpy.context.preferences.use_preferences_save = False
    if language:  # as a person sets it: all of Blender in it, the names of new objects, too
        view.language = language
        view.use_translate_interface = view.use_translate_tooltips = view.use_translate_new_dataname = True
    run = driver.Run(scenario, Path(folder), int(part))
    recorder.start()
    bpy.app.timers.register(run.tick, first_interval=1.0, persistent=True)
except BaseException:
    traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(3)
