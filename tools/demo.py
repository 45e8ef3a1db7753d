# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: five models through the extension's own command line and its sandbox, as a user would make them.

    python tools/demo.py BLENDER ZIP        fills out/; started by `make demo`

Blender gets preferences and a job store of the demo's own, in out/.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import blenders
from steps import ROOT, TaskError, fail, say, step

OUT = ROOT / "out"
EXAMPLES = ROOT / "examples"
VIEWS = [
    f"--param={view}Image={EXAMPLES / 'views' / view}.png" for view in ("front", "left", "back", "right")
]
REQUESTS = {  # in the order in which they stand in the scene
    "horse": [str(EXAMPLES / "horse.png")],
    "coffee": [str(EXAMPLES / "coffee.png")],
    "cat": [str(EXAMPLES / "cat.png")],
    "views": ["--model", "model_tripo-v3-0-multiview-to-3d", *VIEWS],
    "text": ["--prompt", "MAQUETTE"],
}
TIMEOUT_S = 600


def call(env: dict[str, str], command: list[str]) -> str:
    """Runs the command; returns its stdout."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        fail(f"`{' '.join(command)}` ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def sandbox(blender: str, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """A sandbox for the time of the block; gives the environment that leads the extension to it."""
    command = [blender, "--background", "--command", "maquette", "sandbox"]
    with (OUT / "sandbox.log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout
        line = next((line for line in process.stdout if line.startswith("{")), None)
        if line is None:
            fail(f"the sandbox did not start:\n{(OUT / 'sandbox.log').read_text()}")
        account = json.loads(line)
        yield {
            **env,
            "MAQUETTE_API_URL": account["api"],
            "SCENARIO_SDK_API_KEY": account["key"],
            "SCENARIO_SDK_API_SECRET": account["secret"],
        }
    finally:
        process.terminate()
        process.wait(20)


def generate(blender: str, env: dict[str, str], name: str) -> tuple[Path, float]:
    """Makes one model; returns its converted .blend and the seconds that it took."""
    start = time.monotonic()
    words = ["generate", *REQUESTS[name], "--name", name, "--json", "-o", str(OUT / f"{name}.glb")]
    answer = call(env, [blender, "--background", "--command", "maquette", *words])
    return Path(json.loads(answer.strip().splitlines()[-1])["jobs"][0]["blend"]), time.monotonic() - start


def main(blender: str, zip_file: str) -> None:
    start = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    env = {
        **blenders.clean_environment(),
        "BLENDER_USER_RESOURCES": str(OUT / ".blender"),
        "MAQUETTE_STATE": str(OUT / "state"),
    }
    with step("installing the zip into a Blender with settings of its own"):
        (OUT / ".blender").mkdir()
        install = ["extension", "install-file", "-r", "user_default", "--enable", zip_file]
        call(env, [blender, "--command", *install])
    results: dict[str, Path] = {}
    with contextlib.ExitStack() as stack:
        with step("starting the sandbox: a stand-in for the service, on this machine"):
            account = stack.enter_context(sandbox(blender, env))
        with step(f"generating {len(REQUESTS)} models, two at a time"), ThreadPoolExecutor(2) as pool:
            runs = {pool.submit(generate, blender, account, name): name for name in REQUESTS}
            for run in as_completed(runs):
                results[runs[run]], seconds = run.result()
                say(f"    {runs[run]}: {seconds:.1f} s")
    with step("placing them in one scene and rendering it"):
        request_file = OUT / "scene.json"
        request = {"package": blenders.PACKAGE, "results": {name: str(results[name]) for name in REQUESTS}}
        request |= {"blend": str(OUT / "demo.blend"), "picture": str(OUT / "demo.png")}
        request_file.write_text(json.dumps(request), encoding="utf-8")
        script = ["--python-exit-code", "1", "--python", str(ROOT / "tools" / "demo_scene.py")]
        call(env, [blender, "--background", *script, "--", str(request_file)])
        request_file.unlink()
    say("\nMade:")
    for path in [OUT / "demo.png", OUT / "demo.blend", *(OUT / f"{name}.glb" for name in REQUESTS)]:
        say(f"  {path.relative_to(ROOT)}  ({path.stat().st_size / 1000:,.0f} kB)")
    say(f"in {time.monotonic() - start:.1f} s, by the sandbox: a stand-in, not a generative model.")


if __name__ == "__main__":
    os.chdir(ROOT)
    try:
        main(*sys.argv[1:3])
    except TaskError as failure:
        sys.exit(f"demo: {failure}")
    except subprocess.TimeoutExpired as slow:
        sys.exit(f"demo: no end after {slow.timeout:.0f} s of {' '.join(map(str, slow.cmd))}")
