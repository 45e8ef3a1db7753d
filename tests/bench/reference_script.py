# SPDX-License-Identifier: GPL-3.0-or-later
"""What bench_latency compares Maquette with: the short script that add-ons of other services have in them.

    blender --background --factory-startup --python reference_script.py -- API KEY SECRET MODEL JOBS PHASE

It submits, asks for each job every 2 s, downloads what is there and imports it by Blender's own importer, all
on Blender's main thread. The first question comes PHASE seconds after the submission. Prints a line of JSON
for each job: when the service was done, when the import was, how long that took, and how many requests.
"""

import base64
import json
import os
import sys
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

import bpy

PAUSE_S = 2.0


def main(api: str, key: str, secret: str, model: str, jobs: str, phase: str) -> None:
    requests = 0
    token = base64.b64encode(f"{key}:{secret}".encode()).decode()

    def ask(method: str, path: str, body: object = None) -> Any:
        nonlocal requests
        requests += 1
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{api}/{path}", data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    names = [f"a bench {number}" for number in range(int(jobs))]
    waiting = [ask("POST", f"generate/custom/{model}", {"prompt": name})["job"]["jobId"] for name in names]
    time.sleep(float(phase))
    with tempfile.TemporaryDirectory() as folder:
        while waiting:
            for job_id in list(waiting):
                job = ask("GET", f"jobs/{job_id}")["job"]
                if job["status"] != "success":
                    continue
                asset = ask("GET", f"assets/{job['metadata']['assetIds'][0]}")["asset"]
                path = Path(folder, f"{job_id}.glb")
                urllib.request.urlretrieve(asset["url"], path)
                came_at = time.time()
                bpy.ops.import_scene.gltf(filepath=str(path))
                now = time.time()
                waiting.remove(job_id)
                done_at = next(one["date"] for one in job["statusHistory"] if one["status"] == "success")
                done_s = datetime.fromisoformat(done_at).timestamp()
                found = {"success_at": done_s, "imported_at": now, "import_s": now - came_at}
                print(json.dumps({**found, "requests": requests}), flush=True)
            time.sleep(PAUSE_S)
    os._exit(0)


main(*sys.argv[sys.argv.index("--") + 1 :])
