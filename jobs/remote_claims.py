# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machine has which of the service's jobs: small files in a folder that the machines of a batch share.

Without them two machines whose requests are equal could take each other's job for their own.
"""

from pathlib import Path
from urllib.parse import quote

from .files import take_folder

_FOLDER = "remotes"


def claim_remote(claims: str, remote_id: str, job_id: str) -> bool:
    """Mark the service's job `remote_id` as that of our `job_id`; False: it is another's. Raises OSError."""
    target = _path(claims, remote_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    take_folder(target, {"job": job_id}, place=target.parent)
    return not is_anothers(claims, remote_id, job_id)


def is_anothers(claims: str, remote_id: str, job_id: str) -> bool:
    """Whether the service's job is that of another job than `job_id`. Raises OSError."""
    try:
        return (_path(claims, remote_id) / "job").read_text(encoding="utf-8") != job_id
    except FileNotFoundError:
        return False


def _path(claims: str, remote_id: str) -> Path:
    return Path(claims) / _FOLDER / quote(remote_id, safe="")
