# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a result in the list of jobs: the service's own, else one that previews.py has made."""

import re

from .record import JobRecord
from .states import DONE

PREVIEW = "preview.png"  # in a job's folder, of 384 pixels each way
HAS_PREVIEW = "has_preview"  # in a job's `result`: whether it could be rendered, once that was tried
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
# Names of pictures of a result, not of its textures.
_NAME = re.compile("preview|thumb|render")


def picture_of(job: JobRecord) -> str:
    """The picture of what came, as a path in the job's folder; "" if there is none (yet)."""
    for entry in job.files:
        name = entry["name"].lower()
        # The end first, which is quick: it is asked for each row in each redraw.
        if name.endswith(_PICTURES) and _NAME.search(name):
            return entry["path"]
    return PREVIEW if job.state in DONE and job.result.get(HAS_PREVIEW) is True else ""


def lacks_picture(job: JobRecord) -> bool:
    """Whether a picture of its result is still to be made."""
    return job.has_model and HAS_PREVIEW not in job.result and not picture_of(job)
