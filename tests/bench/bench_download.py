# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast `Scenario.download` is beside curl from the same loopback server, and what memory it takes.

    python tests/bench/bench_download.py [--size MB] [--rounds N] [--folder DIR]

Both write a file; ours also hashes it. Wanted: a ratio of 0.9 or more, and the same memory whatever the size.
A DIR in memory (/dev/shm) shows the network alone. A table is printed, whatever comes out.
"""

import argparse
import multiprocessing
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import conftest  # noqa: F401 - makes the repository importable as `maquette`
from maquette.client import Asset, Scenario


class Sparse(BaseHTTPRequestHandler):
    """`/<bytes>` is a file of that many bytes, sent by the kernel, so that the server costs little."""

    protocol_version = "HTTP/1.1"
    folder: str

    def do_GET(self) -> None:
        size = int(re.sub(r"\D", "", self.path))
        path = Path(self.folder) / f"source-{size}"
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        with path.open("rb") as file:
            self.connection.sendfile(file)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base calls it so
        pass


def serve(folder: str, port: "multiprocessing.Queue[int]") -> None:
    Sparse.folder = folder
    with ThreadingHTTPServer(("127.0.0.1", 0), Sparse) as server:
        port.put(server.server_address[1])
        server.serve_forever()


def ours(port: int, size: int, target: Path) -> float:
    asset = Asset.from_json({"id": "asset_1", "url": f"http://127.0.0.1:{port}/{size}"})
    with Scenario(f"http://127.0.0.1:{port}") as scenario:
        began = time.perf_counter()
        got = scenario.download(asset, target, progress=lambda _done, _total: None)
        took = time.perf_counter() - began
    assert got.size_bytes == target.stat().st_size == size
    return took


def curl(port: int, size: int, target: Path) -> float:
    """Seconds until curl ends."""
    began = time.perf_counter()
    subprocess.run(["curl", "-sS", "-o", target, f"http://127.0.0.1:{port}/{size}"], check=True)
    took = time.perf_counter() - began
    assert target.stat().st_size == size
    return took


def peak_mb(port: int, size: int, target: Path) -> float:
    """Peak memory of a process of its own that downloads `size` bytes."""
    code = (
        "import sys, resource, pathlib; sys.argv = ['bench']; "
        f"sys.path.insert(0, {str(Path(__file__).parent)!r}); import bench_download as bench; "
        f"bench.ours({port}, {size}, pathlib.Path({str(target)!r})); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return int(out) / (1024 if sys.platform != "darwin" else 1 << 20)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares downloads with curl's.")
    parser.add_argument("--size", type=int, default=1024, help="in MB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where to write (default: the temporary folder)")
    options = parser.parse_args()
    if not shutil.which("curl"):
        print("skipped: curl is not installed")
        return
    size = options.size << 20
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for one in (size, size // 16):
            with (Path(folder) / f"source-{one}").open("wb") as file:
                file.truncate(one)
        port_told: multiprocessing.Queue[int] = multiprocessing.Queue()
        server = multiprocessing.Process(target=serve, args=(folder, port_told), daemon=True)
        server.start()
        try:
            measure(port_told.get(timeout=30), size, options.rounds, Path(folder) / "target")
        finally:
            server.terminate()
            server.join()


def measure(port: int, size: int, rounds: int, target: Path) -> None:
    curl(port, size, target)  # warms the page cache for both
    print(f"{size >> 20} MB from loopback into {target.parent.parent}, {os.cpu_count()} cores; MB/s")
    print(f"{'round':>7} {'curl':>8} {'maquette':>9}")
    times: list[tuple[float, float]] = []
    for number in range(1, rounds + 1):
        fresh(target)
        theirs = curl(port, size, target)
        fresh(target)
        times.append((theirs, ours(port, size, target)))
        show(str(number), size, times[-1])
    for name, pick in (("fastest", min), ("median", statistics.median)):
        theirs, own = (pick(column) for column in zip(*times, strict=True))
        show(name, size, (theirs, own))
        print(f"        ratio to curl {theirs / own:.2f} (wanted: 0.90)")
    small, large = peak_mb(port, size // 16, target), peak_mb(port, size, target)
    print(f"peak memory: {small:.1f} MB for {size >> 24} MB, {large:.1f} MB for {size >> 20} MB")


def fresh(target: Path) -> None:
    target.unlink(missing_ok=True)
    os.sync()


def show(name: str, size: int, times: tuple[float, float]) -> None:
    theirs, own = ((size >> 20) / seconds for seconds in times)
    print(f"{name:>7} {theirs:>8.0f} {own:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
