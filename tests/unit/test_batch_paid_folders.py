# SPDX-License-Identifier: GPL-3.0-or-later
"""An empty folder in which a batch's rows were paid for is no new batch."""

from pathlib import Path

import pytest
from maquette.batches import Claims, PaidFolders
from maquette.client import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def paid_folders(tmp_path: Path) -> PaidFolders:
    return PaidFolders(tmp_path / "home" / "batches")


def test_a_folder_in_which_nothing_was_paid_for_may_be_empty(folder: Path, paid_folders: PaidFolders) -> None:
    paid_folders.check(folder)
    paid_folders.check(folder / "not made yet")


@pytest.mark.parametrize("left", ["", ".maquette", ".maquette/claims"])
def test_an_empty_folder_in_which_rows_were_paid_for_is_refused_with_what_to_do(
    folder: Path, paid_folders: PaidFolders, left: str
) -> None:
    paid_folders.remember(folder)
    paid_folders.remember(folder)  # by another run
    (folder / left).mkdir(parents=True, exist_ok=True)
    with pytest.raises(InputError, match="Is a drive not mounted") as refused:
        paid_folders.check(folder)
    paid_folders.check(folder.with_name("another"))
    Path(str(refused.value).rpartition("delete ")[2]).unlink()
    paid_folders.check(folder)


def test_a_folder_that_has_its_claims_goes_on(folder: Path, paid_folders: PaidFolders) -> None:
    paid_folders.remember(folder)
    assert Claims(folder / ".maquette", "main").acquire("job", 1.0)
    paid_folders.check(folder)


def test_a_folder_that_does_not_answer_is_no_empty_one(
    folder: Path, paid_folders: PaidFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid_folders.remember(folder)

    def stale(path: Path) -> list[str]:
        raise OSError(116, "Stale file handle", str(path))

    monkeypatch.setattr("os.listdir", stale)
    with pytest.raises(OSError, match="Stale"):
        paid_folders.check(folder)
