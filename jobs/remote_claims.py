# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machine has which of the service's jobs: small files in a folder that the machines of a batch share.

Without them two machines whose requests are equal could take each other's job for their own, and one that has
lost its store could not tell what it may have paid for.
"""

from pathlib import Path
from urllib.parse import quote

from .files import take_folder, write_whole

_FOLDER = "remotes"
_SUBMITTED = "submitted"


def claim_remote(claims: str, remote_id: str, job_id: str) -> bool:
    """Mark the service's job `remote_id` as that of our `job_id`; False: it is another's. Raises OSError."""
    target = _path(claims, remote_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    if take_folder(target, {"job": job_id}, place=target.parent):
        return True
    return (target / "job").read_text(encoding="utf-8") == job_id  # not "no file, so nobody's": it is there


def is_anothers(claims: str, remote_id: str, job_id: str) -> bool:
    """Whether the service's job is that of another job than `job_id`. Raises OSError."""
    try:
        return (_path(claims, remote_id) / "job").read_text(encoding="utf-8") != job_id
    except FileNotFoundError:
        return False


def note_submission(claims: str, job_id: str) -> None:
    """Mark that our job may be paid for from now on; nothing where no `claims` are shared. Raises OSError."""
    if claims:
        target = Path(claims) / _SUBMITTED / job_id
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, b"")


def was_submitted(claims: str, job_id: str) -> bool:
    """Whether our job may have been paid for, whatever the store knows of it. Raises OSError."""
    try:
        (Path(claims) / _SUBMITTED / job_id).stat()
    except FileNotFoundError:
        return False
    return True


def _path(claims: str, remote_id: str) -> Path:
    return Path(claims) / _FOLDER / quote(remote_id, safe="")
