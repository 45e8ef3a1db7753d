# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts and ends the sandbox: two servers on loopback, the lifecycle thread, and Blender for the geometry.

Standard output carries one JSON line when it is ready; everything meant for people goes to standard error.
"""

import argparse
import json
import os
import sys
import threading  # the sandbox is a process of its own, never inside Blender
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from .api import Api, ApiHandler
from .assets import Assets
from .builder import BlenderBuilder
from .cdn import CdnHandler
from .lifecycle import Builder, Lifecycle
from .state import State
from .web import LoopbackServer

WELCOME = (
    "This is Maquette's sandbox, a stand-in for Scenario on this computer. It is not a generative model:"
    " it builds simple geometry with Blender from what it is sent. Prices are made up; nothing is charged."
)


class Sandbox:
    """The whole sandbox in one object: running once made, until `close`.

    `build` turns a request into a file (see `lifecycle.Builder`); `clock` returns Unix seconds.
    """

    def __init__(
        self,
        folder: Path,
        build: Builder,
        *,
        port: int = 0,
        delay_s: float = 2.0,
        price: float | None = None,
        credits_cu: float = 10_000.0,
        url_lifetime_s: float = 3600.0,
        clock: Callable[[], float] = time.time,
        is_ticking: bool = True,
    ) -> None:
        self.state = State(folder, clock)
        assets = Assets(self.state, url_lifetime_s)
        self.lifecycle = Lifecycle(assets, build, delay_s)
        self.api = Api(assets, self.lifecycle, credits_cu=credits_cu, fixed_price=price)
        cdn = LoopbackServer(0, CdnHandler, assets=assets, auth_headers=self.api.auth_headers)
        assets.base = cdn.url
        self._servers = [LoopbackServer(port, ApiHandler, api=self.api), cdn]
        self.url = f"{self._servers[0].url}/v1"
        serve = [partial(server.serve_forever, 0.05) for server in self._servers]  # s until it sees its end
        work = [*serve, *([self.lifecycle.run] if is_ticking else [])]
        self._threads = [threading.Thread(target=target, daemon=True) for target in work]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop serving and ticking; jobs under way begin again when the folder is next used."""
        self.lifecycle.stop()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join(5)
        self.state.close()


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description=WELCOME)
    add = parser.add_argument
    add("--blender", required=True, help="Blender executable that builds the geometry")
    add("--result", type=Path, metavar="FILE", help="what every job delivers (default: what Blender builds)")
    add("--kind", default="3d", help="what such a result is called: 3d (the default), document, …")
    add("--data", required=True, type=Path, help="folder for jobs and files")
    add("--exit-with-stdin", action="store_true", help="end when standard input ends")
    add = partial(add, type=float, default=argparse.SUPPRESS)
    add("--port", type=int, help="port of the API on 127.0.0.1 (default: a free one)")
    add("--delay", dest="delay_s", metavar="S", help="seconds that a job takes at least")
    add("--price", metavar="CU", help="one price for every job (default: made up)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Run the sandbox; return the exit code: 0, or 5 if port or folder can't be used."""
    options = vars(_arguments(argv))
    data = options.pop("data").resolve()
    builder = BlenderBuilder(
        options.pop("blender"), data / "built", options.pop("result"), options.pop("kind")
    )
    is_on_leash = options.pop("exit_with_stdin")
    try:
        sandbox = Sandbox(data, builder, **options)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        print(f"The sandbox could not start: {why}. Try another --port or --data.", file=sys.stderr)
        return 5
    print(f"{WELCOME}\n{len(sandbox.api.models)} models at {sandbox.url}", file=sys.stderr)
    ready = {"api": sandbox.url, "key": sandbox.api.key, "secret": sandbox.api.secret}
    print(json.dumps(ready), flush=True)
    while not is_on_leash or os.read(0, 4096):
        time.sleep(0.2)
    sandbox.close()
    builder.stop()  # after the lifecycle thread, to which an ended build would be a failure
    return 0
