# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a job whose submission's answer was lost: it is found, or is not there, or a person says.

That the service does not have it is believed when a list says so that was asked for `grace_s` after the last
moment at which the job can have come to be, by the service's clock and by this machine's.
"""

from collections.abc import Callable

from ..client import Job as RemoteJob
from .candidates import NOT_LISTED, doubt_text, without_others
from .database import RemoteTakenError
from .leased_store import LeasedStore, log
from .matching import WINDOW_S, Likeness, likeness
from .record import JobRecord
from .remote_claims import claim_remote
from .remote_list import Look, settled_at
from .service import Service
from .states import State
from .store import ASKED_AGAIN

LOOKING = "Looking up whether the service got the request"


class LostJobs:
    """Settles them one by one; `apply` brings one that was found to where the service says it is."""

    def __init__(
        self, leased: LeasedStore, api: Service, grace_s: float, apply: Callable[[JobRecord, RemoteJob], None]
    ) -> None:
        self._leased = leased
        self._api = api
        self._grace_s = grace_s
        self._apply = apply
        self._since: dict[str, float] = {}  # our clock, by job id

    def reconcile(self, job: JobRecord, seen: Look) -> None:
        """Find the service's job that the submission made, or say that there is none, or ask a person."""
        if job.error_kind:
            job = self._leased.update(job, message=LOOKING, error_kind="")
        alike = seen.alike(job, self._leased.store.remote_ids(job.service))
        alike = without_others(self._leased.store, job, alike)
        for remote in alike:
            if likeness(job, remote) is Likeness.SAME and self._adopt(job, remote):
                return
        if job.lost_at is None:
            if seen.answered_at is not None:
                self._since[job.id] = self._leased.clock()
                lost_at = max(seen.answered_at, job.submitted_at or 0.0)
                self._leased.update(job, lost_at=lost_at, lost_here_at=self._leased.store.clock())
            return
        if self._lost_for_s(job) <= WINDOW_S + self._grace_s:
            return
        settled = settled_at(job, self._grace_s)
        if seen.asked_at is None or seen.asked_at <= settled or not seen.was_each_asked(alike, settled):
            return
        if alike:
            self._ask_a_person(job, alike)
        elif job.cancel:
            self._leased.end(job, State.CANCELED, message="The service does not list it: nothing was paid.")
        elif job.attempts == ASKED_AGAIN:
            self._leased.move(job, State.PREPARED, attempts=0)
        else:
            self._leased.update(job, message=NOT_LISTED, error_kind="", resume_state=State.PREPARED)

    def _lost_for_s(self, job: JobRecord) -> float:
        """How long it is looked for by this machine's clocks: a host of the service's may have a wrong one.

        By the clock for intervals, which nobody sets; what an earlier worker waited, the dates' clock says.
        """
        now = self._leased.clock()
        if job.id not in self._since:
            today = self._leased.store.clock()
            waited_s = 0.0 if job.lost_here_at is None else max(0.0, today - job.lost_here_at)
            self._since[job.id] = now - waited_s
        return now - self._since[job.id]

    def _adopt(self, job: JobRecord, remote: RemoteJob) -> bool:
        if job.claims and not claim_remote(job.claims, remote.id, job.id):
            return False
        try:
            known = {"remote_id": remote.id, "cost_cu": remote.cost_cu, "attempts": 0}
            found = self._leased.move(job, State.QUEUED, **known)
        except RemoteTakenError:  # since the list was read
            return False
        self._apply(found, remote)
        return True

    def _ask_a_person(self, job: JobRecord, alike: list[RemoteJob]) -> None:
        doubts = [
            {"id": remote.id, "url": self._api.job_url(remote.id), "created_at": remote.created_at}
            for remote in alike
        ]
        refused = [entry for entry in job.candidates if entry not in job.doubts]
        text = doubt_text(job.id, doubts)
        log.warning("job %s: %s", job.id, text)
        self._leased.update(
            job,
            candidates=[*refused, *doubts],
            message=text,
            error_kind="",
            resume_state=State.PREPARED,
            cancel="",
        )
