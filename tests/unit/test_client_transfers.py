# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads and downloads against a server on loopback: breaks, expiry, redirects, full disks, lies."""

import base64
import hashlib
import itertools
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from maquette.client import (
    AnswerError,
    InputError,
    NetworkError,
    NotFoundError,
    ServerError,
    TransferError,
    download,
    transport,
    upload,
)
from maquette.client.elapsed import Timing
from small_files import files_of_at_most

from .fake_api import IMPATIENT, JOB, FakeApi, File, Say, Seen

CONTENT = os.urandom(3 << 20)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CHUNKED = {"Transfer-Encoding": "chunked", "Content-Length": ""}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi() as running:
        yield running


def part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def get(api: FakeApi, target: Path, **options: Any) -> Any:
    return api.client().download(api.asset(f"{api.root}/file"), target, **options)


def test_a_file_arrives_whole_with_its_hash_and_without_the_key(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", File(CONTENT))
    told: list[tuple[int, int | None]] = []
    got = get(api, tmp_path / "a.glb", progress=lambda done, total: told.append((done, total)))
    assert (got.path, got.size_bytes, got.sha256) == (tmp_path / "a.glb", len(CONTENT), SHA256)
    assert (tmp_path / "a.glb").read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["a.glb"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert "Authorization" not in api.seen()[0].headers
    assert api.seen()[0].headers["Accept-Encoding"] == "identity"


def test_a_file_that_cannot_take_its_place_is_told_and_kept_as_a_part(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    api.on("GET", "/file", File(CONTENT))
    with pytest.raises(TransferError, match="cannot be written"):
        get(api, tmp_path / "a")
    assert not list((tmp_path / "a").iterdir())
    assert part(tmp_path / "a").read_bytes() == CONTENT


def test_an_existing_target_is_replaced_only_by_a_whole_file(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    api.on("GET", "/file", Say({"reason": "gone"}, 404))
    with pytest.raises(TransferError, match="404"):
        get(api, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    api.on("GET", "/file", File(CONTENT))
    get(api, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_an_empty_file_is_a_file(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", File(b""))
    assert get(api, tmp_path / "a").size_bytes == 0


def test_a_break_in_the_middle_is_resumed(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", File(CONTENT, cuts=[1 << 20, 1 << 20]))
    assert get(api, tmp_path / "a").sha256 == SHA256
    assert (tmp_path / "a").read_bytes() == CONTENT
    first, *later = api.seen()
    assert "Range" not in first.headers
    assert len(later) == 2
    assert all(seen.headers["Range"].startswith("bytes=") for seen in later)


def test_a_part_kept_from_an_earlier_run_is_continued(api: FakeApi, tmp_path: Path) -> None:
    part(tmp_path / "a").write_bytes(CONTENT[: 2 << 20])
    api.on("GET", "/file", File(CONTENT))
    assert get(api, tmp_path / "a").sha256 == SHA256
    (seen,) = api.seen()
    assert seen.headers["Range"] == f"bytes={(2 << 20) - download.OVERLAP_BYTES}-"


@pytest.mark.skipif(os.name == "nt", reason="there a file that is open is not renamed")
def test_a_worker_that_was_frozen_writes_into_no_file_that_another_has_brought(
    api: FakeApi, tmp_path: Path
) -> None:
    """Its handle outlives the other's download, as after a SIGSTOP in mid-download."""
    target = tmp_path / "a"
    api.on("GET", "/file", File(CONTENT))
    got: list[Any] = []

    def stand_still(done: int, _total: int | None) -> None:
        if not got:
            assert 0 < done < len(CONTENT)
            got.append(get(api, target))
        assert target.read_bytes() == CONTENT

    assert get(api, target, progress=stand_still).sha256 == SHA256
    assert got[0].sha256 == SHA256
    assert target.read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["a"]


def test_a_download_does_not_take_a_file_that_took_its_place_before_the_lock(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a"
    part(target).write_bytes(CONTENT)
    lock = download.try_lock

    def finish_first(file: Any) -> bool:
        if part(target).exists():
            os.replace(part(target), target)  # as another process that has just let its lock go
        return lock(file)

    monkeypatch.setattr(download, "try_lock", finish_first)
    api.on("GET", "/file", Say(CONTENT, cut_after=200_000))
    with pytest.raises(NetworkError):
        get(api, target)
    assert target.read_bytes() == CONTENT


def test_a_part_that_was_whole_already_only_needs_its_end(api: FakeApi, tmp_path: Path) -> None:
    part(tmp_path / "a").write_bytes(CONTENT)
    api.on("GET", "/file", File(CONTENT))
    assert get(api, tmp_path / "a").sha256 == SHA256
    assert len(api.seen()) == 1


@pytest.mark.parametrize("kept", [os.urandom(1 << 20), CONTENT + b"more", b"x", CONTENT[:-1] + b"?"])
def test_a_part_of_another_file_is_thrown_away(api: FakeApi, tmp_path: Path, kept: bytes) -> None:
    part(tmp_path / "a").write_bytes(kept)
    api.on("GET", "/file", File(CONTENT))
    assert get(api, tmp_path / "a").sha256 == SHA256
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_anew(api: FakeApi, tmp_path: Path) -> None:
    other = os.urandom(2 << 20)
    api.on("GET", "/file", File(CONTENT, cuts=[1 << 20]), File(other, etag='"v2"'))
    assert get(api, tmp_path / "a").sha256 == hashlib.sha256(other).hexdigest()


def test_a_server_without_ranges_sends_all_again(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", File(CONTENT, cuts=[1 << 20], has_ranges=False))
    assert get(api, tmp_path / "a").sha256 == SHA256


@pytest.mark.parametrize(
    "place", ["", "bytes 0-9/10", "bytes 5-4/3", "bytes x-y/z", "bytes 1-2/*", "bytes " + "9" * 40 + "-1/2"]
)
def test_a_nonsensical_range_starts_anew_and_ends(api: FakeApi, tmp_path: Path, place: str) -> None:
    part(tmp_path / "a").write_bytes(CONTENT[: 1 << 20])
    api.on("GET", "/file", Say(CONTENT, 206, {"Content-Range": place}), File(CONTENT))
    assert get(api, tmp_path / "a").sha256 == SHA256


def test_a_server_that_always_breaks_is_given_up_and_the_part_kept(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", Say(CONTENT, cut_after=200_000))
    with pytest.raises(NetworkError):
        get(api, tmp_path / "a")
    assert len(api.seen()) <= download.MAX_STALLS + 1
    assert part(tmp_path / "a").exists()
    assert not (tmp_path / "a").exists()


def test_slow_progress_by_many_breaks_is_progress(api: FakeApi, tmp_path: Path) -> None:
    content = os.urandom(30 << 20)
    api.on("GET", "/file", File(content, cuts=[2 * download.READ_BYTES] * 30))
    assert get(api, tmp_path / "a").sha256 == hashlib.sha256(content).hexdigest()
    assert len(api.seen()) > 2 * download.MAX_STALLS


def test_a_server_in_trouble_is_asked_again_and_then_no_more(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", Say(b"", 503), Say(b"", 503), File(CONTENT))
    assert get(api, tmp_path / "a").sha256 == SHA256
    api.on("GET", "/file", Say(b"", 503))
    with pytest.raises(ServerError):
        get(api, tmp_path / "b")


def test_an_expired_address_is_renewed(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/old", Say(b"<Error>Access Denied</Error>", 403))
    api.on("GET", "/new", File(CONTENT))
    api.on(
        "GET",
        "/v1/assets/asset_1",
        Say({"asset": {"id": "asset_1", "url": f"{api.root}/new?Signature=a~b%7e-_%2F"}}),
    )
    scenario = api.client()
    assert scenario.download(api.asset(f"{api.root}/old"), tmp_path / "a").sha256 == SHA256
    assert api.seen("GET", "/new")[0].target.lower() == "/new?signature=a~b%7e-_%2f"
    assert scenario.download(api.asset(""), tmp_path / "b").sha256 == SHA256


def test_an_address_that_stays_forbidden_ends(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", Say(b"", 403))
    api.on("GET", "/v1/assets/asset_1", Say({"asset": {"id": "asset_1", "url": f"{api.root}/file"}}))
    with pytest.raises(ServerError, match="may not be read"):
        get(api, tmp_path / "a")
    assert len(api.seen("GET", "/file")) == download.MAX_REFETCHES + 1


def test_an_asset_that_is_gone_is_not_found(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", Say(b"", 403))
    with pytest.raises(NotFoundError):
        get(api, tmp_path / "a")


def test_a_redirect_to_another_host_is_followed_without_the_key(api: FakeApi, tmp_path: Path) -> None:
    with FakeApi() as other:
        api.on("GET", "/file", Say(b"", 302, {"Location": f"{other.root}/there"}))
        other.on("GET", "/there", Say(b"", 307, {"Location": "here"}))
        other.on("GET", "/here", File(CONTENT))
        assert get(api, tmp_path / "a").sha256 == SHA256
        assert all("Authorization" not in seen.headers for seen in [*api.seen(), *other.seen()])


@pytest.mark.parametrize(
    "location",
    [
        "http://elsewhere.test/a",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "//user@127.0.0.1/",
        "http://[",
        "http://127.0.0.1\\@evil.test/",
    ],
)
def test_a_redirect_to_an_unsafe_address_is_not_followed(api: FakeApi, tmp_path: Path, location: str) -> None:
    api.on("GET", "/file", Say(b"", 302, {"Location": location}))
    with pytest.raises(TransferError, match="address"):
        get(api, tmp_path / "a")
    assert len(api.seen()) == 1


def test_redirects_end(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", Say(b"", 302, {"Location": "/file"}))
    with pytest.raises(TransferError, match="for ever"):
        get(api, tmp_path / "a")
    assert len(api.seen()) == 6


def test_plain_http_is_for_a_service_on_this_machine_alone(api: FakeApi, tmp_path: Path) -> None:
    from maquette.client import Credentials, Scenario

    scenario = Scenario("https://api.test/v1", Credentials("a", "b"))
    with pytest.raises(TransferError, match="https://"):
        scenario.download(api.asset(f"{api.root}/file"), tmp_path / "a")
    assert not api.seen()


def test_a_file_over_the_limit_is_refused_before_and_while_it_comes(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", File(CONTENT))
    with pytest.raises(TransferError, match="over the limit"):
        get(api, tmp_path / "a", max_bytes=1 << 20)
    api.on("GET", "/file", Say(CONTENT, headers={"Content-Length": "", "Connection": "close"}))
    with pytest.raises(TransferError, match="over the limit"):
        get(api, tmp_path / "a", max_bytes=1 << 20)
    assert not list(tmp_path.iterdir())


def test_a_file_of_untold_length_is_measured_against_the_asset(api: FakeApi, tmp_path: Path) -> None:
    class Endless(Say):
        def send(self, handler: Any) -> None:
            super().send(handler)
            handler.close_connection = True

    api.on("GET", "/file", Endless(CONTENT, headers={"Content-Length": "", "Connection": "close"}))
    scenario = api.client()
    whole = api.asset(f"{api.root}/file", properties={"size": len(CONTENT)})
    assert scenario.download(whole, tmp_path / "a").sha256 == SHA256
    with pytest.raises(NetworkError, match="bytes arrived"):
        scenario.download(api.asset(f"{api.root}/file", properties={"size": 5 << 20}), tmp_path / "b")


@pytest.mark.parametrize("length", ["-5", "x", "9" * 30])
def test_a_hostile_length_is_no_way_in(api: FakeApi, tmp_path: Path, length: str) -> None:
    api.on("GET", "/file", Say(b"abc", headers={"Content-Length": length, "Connection": "close"}))
    try:
        assert get(api, tmp_path / "a", max_bytes=1 << 20).size_bytes <= 3
    except (NetworkError, TransferError):
        assert not (tmp_path / "a").exists()


def test_a_packed_file_is_refused(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", Say(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(TransferError, match="packed"):
        get(api, tmp_path / "a")


def test_too_little_room_is_told_before_anything_is_written(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", File(CONTENT))
    with pytest.raises(TransferError, match=r"3\.1 MB more .* 1\.0 MB free"):
        run(api, tmp_path / "a", free_bytes=lambda _: 1 << 20)
    assert part(tmp_path / "a").stat().st_size == 0


def run(api: FakeApi, target: Path, *, size: int | None = None, **options: Any) -> None:
    """A download with a disk or a clock of its own."""
    asset = api.asset(f"{api.root}/file", properties={"size": size})
    with closing(transport.Transport(api.url, None, None, IMPATIENT)) as sender:
        download.Downloader(
            *(sender, asset, target, lambda _id: asset, 1 << 30, None, IMPATIENT.sleep), **options
        ).run()


def test_a_download_without_a_length_leaves_room_on_the_disk(api: FakeApi, tmp_path: Path) -> None:
    """A chunked answer tells no length: the free space is looked at while it comes."""
    api.on("GET", "/file", Say(bytes(4 * download.LOOK_BYTES), headers=CHUNKED))
    disk_bytes = download.SPARE_BYTES + 2 * download.LOOK_BYTES
    kept = part(tmp_path / "a")
    with pytest.raises(TransferError, match="Make room"):
        run(api, tmp_path / "a", free_bytes=lambda _: disk_bytes - kept.stat().st_size)
    assert kept.stat().st_size <= 2 * download.LOOK_BYTES


def test_no_more_is_taken_than_was_announced(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", Say(bytes(50 << 20), headers=CHUNKED))
    with pytest.raises(NetworkError, match="announced"):
        run(api, tmp_path / "a", size=1 << 20)
    assert part(tmp_path / "a").stat().st_size <= 1 << 20


def test_a_file_that_drips_ends_as_a_broken_connection(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", Say(bytes(4000), drip_s=0.001))
    minutes = itertools.count(0.0, 40.0)
    with pytest.raises(NetworkError, match="too slowly"):
        run(api, tmp_path / "a", clock=lambda: next(minutes))


@pytest.mark.parametrize("where", ["asset", "redirect", "part"])
def test_a_service_on_this_machine_names_this_machine_alone(api: FakeApi, tmp_path: Path, where: str) -> None:
    """Blender's online access may be off then. Nothing is resolved and nothing is sent, proxy or not."""
    elsewhere = "https://cdn.elsewhere.test/file"
    api.on("GET", "/file", Say(b"", 302, {"Location": elsewhere}))
    part_of_it = {"number": 1, "url": elsewhere}
    api.on("POST", "/v1/uploads", Say({"upload": {"id": "upload_1", "parts": [part_of_it]}}))
    (tmp_path / "a.ply").write_bytes(b"ply\n")
    url = elsewhere if where == "asset" else f"{api.root}/file"

    def transfer() -> object:
        if where == "part":
            return api.client().upload(tmp_path / "a.ply", kind="3d")
        return api.client().download(api.asset(url), tmp_path / "a")

    with pytest.raises(TransferError, match="this machine alone"):
        transfer()


def test_a_disk_that_fills_up_meanwhile_is_told_and_the_part_kept(api: FakeApi, tmp_path: Path) -> None:
    """It takes part of a piece, and then no more."""
    api.on("GET", "/file", File(CONTENT))
    with files_of_at_most(1 << 20), pytest.raises(TransferError, match="cannot be written: File too large"):
        get(api, tmp_path / "a")
    assert part(tmp_path / "a").read_bytes() == CONTENT[: 1 << 20]
    assert get(api, tmp_path / "a").sha256 == SHA256


def test_a_folder_that_is_not_there_is_told(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/file", File(CONTENT))
    with pytest.raises(TransferError, match="cannot be written"):
        get(api, tmp_path / "none" / "a")


@pytest.mark.parametrize(
    "error", [RuntimeError("stop"), OSError("stop"), ValueError("stop"), KeyboardInterrupt("stop")]
)
def test_progress_may_stop_it_and_the_part_is_kept(
    api: FakeApi, tmp_path: Path, error: BaseException
) -> None:
    api.on("GET", "/file", File(CONTENT))

    def stop(done: int, _: int | None) -> None:
        if done > 1 << 20:
            raise error

    with pytest.raises(type(error), match="stop"):
        get(api, tmp_path / "a", progress=stop)
    assert part(tmp_path / "a").stat().st_size > 1 << 20
    assert get(api, tmp_path / "a").sha256 == SHA256
    assert "Range" in api.seen()[-1].headers


# --- uploads ---


def serve_uploads(api: FakeApi, *statuses: dict[str, Any], part_answers: tuple[Any, ...] = (Say(),)) -> None:
    def create(seen: Seen) -> Say:
        count = seen.json["parts"]
        parts = [
            {"number": n, "url": f"{api.root}/part/{n}?sig=a%2Fb", "expires": "x"}
            for n in range(1, count + 1)
        ]
        for n in range(1, count + 1):
            api.on("PUT", f"/part/{n}", *(part_answers if n == 1 else (Say(),)))
        return Say({"upload": {"id": "upload_1", "status": "pending", "parts": parts}})

    api.on("POST", "/v1/uploads", create)
    api.on("POST", "/v1/uploads/upload_1/action", Say({"upload": {"id": "upload_1", "status": "validating"}}))
    api.on(
        "GET", "/v1/uploads/upload_1", *(Say({"upload": {"id": "upload_1", **status}}) for status in statuses)
    )


IMPORTED = {"status": "imported", "entityId": "asset_9"}


def test_a_small_picture_goes_within_one_request(api: FakeApi, tmp_path: Path) -> None:
    api.on("POST", "/v1/assets", Say({"asset": {"id": "asset_7"}}))
    (tmp_path / "cat.jpg").write_bytes(PNG)
    told: list[tuple[int, int | None]] = []
    asset_id = api.client().upload(tmp_path / "cat.jpg", name="Cat", progress=lambda *p: told.append(p))
    assert asset_id == "asset_7"
    assert api.seen()[0].json == {
        "name": "Cat",
        "image": "data:image/png;base64," + base64.b64encode(PNG).decode(),
    }
    assert told[-1] == (len(PNG), len(PNG))


def test_a_large_file_goes_in_parts_without_the_key(api: FakeApi, tmp_path: Path) -> None:
    content = b"glTF" + os.urandom(2 * upload.PART_BYTES + 500_000)
    (tmp_path / "a.bin").write_bytes(content)
    serve_uploads(api, {"status": "validating"}, {"status": "validated"}, {"status": "complete"}, IMPORTED)
    told: list[tuple[int, int | None]] = []
    assert api.client().upload(tmp_path / "a.bin", kind="3d", progress=lambda *p: told.append(p)) == "asset_9"
    wish = api.seen("POST", "/v1/uploads")[0].json
    assert wish == {
        "fileName": "a.bin",
        "contentType": "model/gltf-binary",
        "fileSize": len(content),
        "kind": "3d",
        "parts": 3,
    }
    puts = api.seen("PUT")
    assert b"".join(seen.body for seen in puts) == content
    assert all("Authorization" not in seen.headers and seen.query == {"sig": "a/b"} for seen in puts)
    assert {seen.headers["Content-Type"] for seen in puts} == {"model/gltf-binary"}
    assert told[-1] == (len(content), len(content))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert api.seen("POST", "/v1/uploads/upload_1/action")[0].json == {"action": "complete"}


def test_a_large_picture_goes_in_parts_too(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG + bytes(upload.SMALL_IMAGE_BYTES))
    serve_uploads(api, IMPORTED)
    assert api.client().upload(tmp_path / "a.png") == "asset_9"
    assert not api.seen("POST", "/v1/assets")


def test_a_part_that_fails_is_sent_again(api: FakeApi, tmp_path: Path) -> None:
    content = b"ply\n" + os.urandom(300_000)
    (tmp_path / "a.ply").write_bytes(content)
    serve_uploads(api, IMPORTED, part_answers=(Say(b"", 503), Say(drop=True), Say()))
    assert api.client().upload(tmp_path / "a.ply", kind="3d") == "asset_9"
    assert [seen.body == content for seen in api.seen("PUT")] == [True] * 3


@pytest.mark.parametrize(
    ("answer", "error", "count"),
    [
        (Say(b"", 503), ServerError, 1 + transport.RETRIES),
        (Say(b"", 403), TransferError, 1),
        (Say(b"", 307, {"Location": "/v1/jobs"}), TransferError, 1),
    ],
)
def test_a_part_that_keeps_failing_ends_the_upload(
    api: FakeApi, tmp_path: Path, answer: Say, error: type[Exception], count: int
) -> None:
    (tmp_path / "a.ply").write_bytes(b"ply\n")
    serve_uploads(api, IMPORTED, part_answers=(answer,))
    with pytest.raises(error):
        api.client().upload(tmp_path / "a.ply", kind="3d")
    assert len(api.seen("PUT")) == count


def test_an_upload_that_is_not_taken_tells_why(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(b"ply\n")
    serve_uploads(api, {"status": "validating"}, {"status": "failed", "errorMessage": "no faces"})
    with pytest.raises(TransferError, match="no faces"):
        api.client().upload(tmp_path / "a.ply", kind="3d")


def test_waiting_for_the_import_ends(api: FakeApi, tmp_path: Path) -> None:
    pauses: list[float] = []
    (tmp_path / "a.ply").write_bytes(b"ply\n")
    serve_uploads(api, {"status": "validating"})
    with pytest.raises(TransferError, match="within"):
        api.client(timing=Timing(sleep=pauses.append)).upload(tmp_path / "a.ply", kind="3d")
    assert sum(pauses) == pytest.approx(upload.IMPORT_DEADLINE_S, abs=5)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"number": 2, "url": "https://x.test/"}],
        [{"number": 1}],
        [{"number": 1.5, "url": "x"}],
        "parts",
        [5],
    ],
)
def test_parts_that_do_not_fit_are_an_answer_error(api: FakeApi, tmp_path: Path, parts: Any) -> None:
    (tmp_path / "a.ply").write_bytes(b"ply\n")
    api.on("POST", "/v1/uploads", Say({"upload": {"id": "upload_1", "parts": parts}}))
    with pytest.raises(AnswerError):
        api.client().upload(tmp_path / "a.ply", kind="3d")


@pytest.mark.parametrize("url", ["http://elsewhere.test/", "file:///tmp/x", "https://user:pw@x.test/"])
def test_a_part_goes_to_no_unsafe_address(api: FakeApi, tmp_path: Path, url: str) -> None:
    (tmp_path / "a.ply").write_bytes(b"ply\n")
    api.on("POST", "/v1/uploads", Say({"upload": {"id": "upload_1", "parts": [{"number": 1, "url": url}]}}))
    with pytest.raises(TransferError, match="does not use"):
        api.client().upload(tmp_path / "a.ply", kind="3d")


@pytest.mark.parametrize("error", [RuntimeError("stop"), ValueError("stop")])
def test_progress_may_stop_an_upload(api: FakeApi, tmp_path: Path, error: Exception) -> None:
    (tmp_path / "a.ply").write_bytes(b"ply\n" + bytes(500_000))
    serve_uploads(api, IMPORTED)

    def stop(_done: int, _total: int | None) -> None:
        raise error

    with pytest.raises(type(error), match="stop"):
        api.client().upload(tmp_path / "a.ply", kind="3d", progress=stop)
    assert not api.seen("POST", "/v1/uploads/upload_1/action")


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("none.png", None, "image", "cannot be read"),
        ("a.png", b"", "image", "is empty"),
        ("a.png", b"I am no picture", "image", "not of the kind 'image'"),
        ("a.obj", b"\0\1\2 binary", "3d", "not of the kind '3d'"),
        ("a.glb", PNG, "3d", "looks like image/png"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_before_it_is_sent(
    api: FakeApi, tmp_path: Path, name: str, content: bytes | None, kind: str, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        api.client().upload(tmp_path / name, kind=kind)
    assert not api.seen()


@pytest.mark.parametrize(
    ("name", "head", "mime"),
    [
        ("x", PNG, "image/png"),
        ("x.png", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("x", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("x", b"\0\0\0\x20ftypavif", "image/avif"),
        ("x", b"II*\0", "image/tiff"),
        ("x", b"glTF\2\0\0\0", "model/gltf-binary"),
        ("x", b"Kaydara FBX Binary  \0\x1a\0", "application/vnd.autodesk.fbx"),
        ("x.FBX", b"; FBX 7.4.0 project file", "application/vnd.autodesk.fbx"),
        ("x.obj", b"v 0 0 0\n", "model/obj"),
        ("x.stl", b"\0" * 84, "model/stl"),
        ("x.gltf", b"{}", "model/gltf+json"),
        ("x", b"v 0 0 0\n", None),
        ("x.exe", b"MZ\0\0", None),
    ],
)
def test_what_a_file_is_is_told_by_its_content(
    tmp_path: Path, name: str, head: bytes, mime: str | None
) -> None:
    from maquette.client.content import content_type

    (tmp_path / name).write_bytes(head)
    assert content_type(tmp_path / name) == mime


def test_a_stale_connection_does_not_end_a_download(api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/v1/jobs/job_1", Say({"job": JOB}))
    api.on("GET", "/file", Say(drop=True), File(CONTENT))
    assert get(api, tmp_path / "a").sha256 == SHA256
