# SPDX-License-Identifier: GPL-3.0-or-later
"""A planted secret is found nowhere but in the requests to the API itself: not in files, arguments,
environments of children, output or logs, and at no other host.
"""

import base64
import json
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from faults.proxy import FAULTS, Exchange, Fault, status_fault
from faults.rig import SECRET, SERVICE, Rig
from leaks import descendants, find_in_files, find_in_processes
from maquette.client import Credentials, ScenarioError
from maquette.jobs import State, Store, WorkerSettings, start_worker
from service import fake_blender

pytestmark = pytest.mark.slow
ANSWER = {"ok": True, "faces": 12, "objects": 1}


@pytest.fixture
def planted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """The service's secret is the planted one, which the environment has, too, as users have it."""
    monkeypatch.setattr(rig.sandbox.api, "secret", SECRET)
    monkeypatch.setenv("SCENARIO_SDK_API_SECRET", SECRET)
    rig.key = Credentials(rig.key.key, SECRET)
    return rig


def forms() -> list[bytes]:
    """The secret as it is, and as it goes over the wire."""
    return [SECRET.encode(), base64.b64encode(SECRET.encode()).rstrip(b"=")[:-2]]


def test_the_key_goes_to_the_api_alone_also_where_a_redirect_leads_elsewhere(planted: Rig) -> None:
    strangers: list[dict[str, str]] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            strangers.append(dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base calls it so
            return

    server = HTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        there = f"http://127.0.0.1:{server.server_port}/there"

        def elsewhere(exchange: Exchange) -> None:
            exchange.send(307, b"", {"Location": there})

        planted.cdn_proxy.arm("GET /", elsewhere, 2)
        planted.api_proxy.arm(r"GET /v1/jobs\?", elsewhere, 1)
        planted.add()
        planted.run(for_s=600)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert any("Authorization" in seen.headers for seen in planted.api_proxy.seen)
    assert strangers, "nothing was redirected"
    for headers in [*strangers, *(seen.headers for seen in planted.cdn_proxy.seen)]:
        assert "Authorization" not in headers
        assert not any(form.decode() in str(headers) for form in forms())
    for seen in planted.api_proxy.seen:
        assert not any(form in seen.line.encode() or form in seen.body for form in forms())


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("huge JSON",)])
def test_no_error_holds_the_secret_even_where_the_service_sends_it_back(
    fault: str, planted: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    from faults.proxy import NEVER_ANSWERED

    if fault in NEVER_ANSWERED:
        planted.answer_timeout_s = 0.1
    caplog.set_level(logging.DEBUG)

    def echo(exchange: Exchange) -> None:
        exchange.send(400, json.dumps({"reason": f"bad: {exchange.headers.get('Authorization')}"}).encode())

    def in_words(exchange: Exchange) -> None:
        failed = {"jobId": "job_x", "status": "failure", "metadata": {"error": SECRET, "hint": SECRET}}
        exchange.send(200, json.dumps({"job": failed}).encode())

    def misplaced(exchange: Exchange) -> None:
        exchange.send(200, json.dumps({"job": {"jobId": [SECRET]}, "jobs": SECRET}).encode())

    spoils = (FAULTS[fault], echo, status_fault(401, f"no such secret: {SECRET}"), in_words, misplaced)
    for spoil in spoils:
        planted.api_proxy.arm("GET /v1/jobs/", spoil, 3)
        try:
            shown = repr(planted.api().get_job("job_x"))
        except ScenarioError as error:
            shown = f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
        assert not any(form.decode() in shown for form in forms()), shown
        planted.lift()
    assert not any(form.decode() in caplog.text for form in forms())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("end", ["done", "killed"])
def test_a_worker_and_its_children_keep_it_to_themselves(
    end: str, planted: Rig, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Looked through while a child converts, then ended; an error that has it leaves nothing either."""
    planted.clock.time = time.time()
    planted.store.close()
    planted.store = Store(tmp_path / "real")
    blender = fake_blender(tmp_path, ANSWER)
    gate = tmp_path / "go-on"
    script = Path(blender)
    wait = f"    import time\n    while not os.path.exists({str(gate)!r}): time.sleep(0.02)\n"
    script.write_text(script.read_text().replace("    if answer is None", wait + "    if answer is None"))
    planted.api_proxy.arm(r"GET /v1/jobs\?", status_fault(500, f"the secret {SECRET} is wrong"), 1)
    planted.api_proxy.arm(r"GET /v1/jobs\?", said({"jobs": f"the secret {SECRET} is wrong"}), 1)
    planted.add()
    settings = WorkerSettings(
        service=SERVICE, blender=blender, api_url=planted.api_proxy.url, credentials=planted.key
    )
    process = start_worker(planted.store.folder, settings)
    try:
        wait_for(planted, State.CONVERTING)
        time_limit = time.monotonic() + 30
        while not (children := descendants(process.pid)) and time.monotonic() < time_limit:
            time.sleep(0.02)
        found = find_in_processes(process.pid, forms(), is_environment_of_root_checked=False)
        assert not found, found
        if end == "killed":
            process.send_signal(signal.SIGABRT)
            process.wait(30)
        gate.touch()
        if end == "done":
            wait_for(planted, State.READY)
        else:
            wait_for_end(children)  # until then it writes and renames what is looked through below
    finally:
        gate.touch()
        process.kill()
        process.wait(10)
        assert process.stdin is not None
        process.stdin.close()
    assert not find_in_files(planted.store.folder, forms())
    output = capfd.readouterr()
    assert not any(form.decode() in output.out + output.err for form in forms())


def said(answer: object) -> Fault:
    return lambda exchange: exchange.send(200, json.dumps(answer).encode())


def test_a_reason_that_has_the_secret_reaches_neither_the_store_nor_the_log(
    planted: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    planted.add()
    worker = planted.worker()
    planted.run(worker, until=lambda: planted.job().state is State.QUEUED)
    reason = {"error": f"bad credentials: {SECRET}", "hint": f"not {SECRET}"}
    failed = {"jobId": planted.job().remote_id, "status": "failure", "metadata": reason}
    planted.api_proxy.arm(r"GET /v1/jobs", said({"jobs": [failed], "job": failed}))
    planted.run(worker, for_s=60)
    assert planted.job().message == "bad credentials: ***. not ***"
    assert not find_in_files(planted.folder, forms())
    assert not any(form.decode() in caplog.text for form in forms())


def wait_for(rig: Rig, state: State) -> None:
    ends_at = time.monotonic() + 60
    while rig.job().state is not state:
        assert time.monotonic() < ends_at, rig.job()
        rig.clock.time = time.time()
        rig.sandbox.lifecycle.tick()
        time.sleep(0.02)


def wait_for_end(pids: list[int]) -> None:
    ends_at = time.monotonic() + 60
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended, and was collected
            while ") Z " not in Path(f"/proc/{pid}/stat").read_text():
                assert time.monotonic() < ends_at
                time.sleep(0.02)


def test_what_looks_for_the_secret_finds_it(tmp_path: Path) -> None:
    """The test of the tests: in a file, in a child's arguments, in its environment."""
    import subprocess

    (tmp_path / "log").write_bytes(b"x" * 100_000 + SECRET.encode())
    assert find_in_files(tmp_path, forms()) == [tmp_path / "log"]
    words = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", SECRET]
    env = {**os.environ, "A_SECRET": SECRET}
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        found = find_in_processes(os.getpid(), forms(), is_environment_of_root_checked=False)
        assert {what for pid, what in found if pid == child.pid} == {"cmdline", "environ"}
    finally:
        child.kill()
        child.communicate()
