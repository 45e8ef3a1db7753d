# SPDX-License-Identifier: GPL-3.0-or-later
"""An empty folder in which a batch's rows were paid for is no new batch."""

import os
from pathlib import Path
from typing import Any

import pytest
from maquette.batches import Claims, PaidFolders
from maquette.client import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out" / ".maquette").mkdir(parents=True)
    return tmp_path / "out"


@pytest.fixture
def paid_folders(tmp_path: Path) -> PaidFolders:
    return PaidFolders(tmp_path / "home" / "batches")


def test_a_folder_in_which_nothing_was_paid_for_may_be_empty(folder: Path, paid_folders: PaidFolders) -> None:
    paid_folders.check(folder)
    paid_folders.check(folder / "not made yet")


@pytest.mark.parametrize("has_sandbox_run", [False, True])
def test_an_empty_folder_in_which_rows_were_paid_for_is_refused_with_what_to_do(
    folder: Path, paid_folders: PaidFolders, has_sandbox_run: bool
) -> None:
    paid_folders.remember(folder)
    paid_folders.remember(folder)  # by another run
    paid_folders.check(folder)
    folder.rename(folder.with_name("drive"))
    if has_sandbox_run:  # in the empty folder
        assert Claims(folder / ".maquette", "main").acquire("job", 1.0)
    with pytest.raises(InputError, match="Is a drive not mounted") as refused:
        paid_folders.check(folder)
    paid_folders.check(folder.with_name("another"))
    Path(str(refused.value).rpartition("delete ")[2]).unlink()
    paid_folders.check(folder)


def test_a_host_does_not_rely_on_what_another_has_made_on_the_share(
    folder: Path, paid_folders: PaidFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid_folders.remember(folder)
    monkeypatch.setattr("platform.node", lambda: "another host, with the same home")
    folder.rename(folder.with_name("not seen yet"))
    paid_folders.check(folder)


def test_without_a_folder_of_the_users_own_nothing_is_written_elsewhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="no folder"):
        PaidFolders(Path() / "batches").remember(folder)
    assert not (tmp_path / "batches").exists()


def test_a_folder_that_does_not_answer_is_no_empty_one(
    folder: Path, paid_folders: PaidFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid_folders.remember(folder)
    stat = Path.stat

    def stale(path: Path, **how: Any) -> os.stat_result:
        if path.name == "paid":
            raise OSError(116, "Stale file handle", str(path))
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", stale)
    with pytest.raises(OSError, match="Stale"):
        paid_folders.check(folder)
