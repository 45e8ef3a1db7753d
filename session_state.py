# SPDX-License-Identifier: GPL-3.0-or-later
"""State of this Blender session: the open backend, if any, and the account status that panels show."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from .jobs import Backend, Catalogue, JobCache, Price, WorkerSettings, end_at_once, let_go

Account = Literal["unknown", "signed_out", "environment", "key", "sandbox"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person has to know, with what mends it: advice in words, and an operator, if there are any."""

    text: str
    is_blocking: bool = False  # nothing can be generated until it is mended
    advice: str = ""
    operator: str = ""
    action: str = ""  # the operator's words here; "": its own
    is_error: bool = False  # something is wrong, not merely missing

    @property
    def icon(self) -> str:
        return "INFO" if self.is_blocking and not self.is_error else "ERROR"

    @property
    def button(self) -> dict[str, str]:
        """What `UILayout.operator` is given beside the operator."""
        return {"text": self.action} if self.action else {}


OFFLINE = Notice(
    "Blender's online access is off",
    is_blocking=True,
    advice="It is switched on under System › Network.",
    operator="maquette.allow_online",
)


@dataclass
class SessionState:
    """What a session knows; `account` says whose account is used, and where its key is.

    `problem` says why there is no backend; with one, why the timer's last tick failed.

    `opened_with` has the settings that the backend was last opened with.
    `drawn_at` is when a panel was last drawn (time.monotonic()): the timer opens the backend after that.
    `price_keys` has, by `wanted.price_name`, the key of `Catalogue.price` for what is set now; none
    while a change awaits its lookup, "" while it is incomplete. `placeholders` has the job of each object
    that waits for a result, by the object's name.
    """

    backend: Backend | None = None
    opened_with: WorkerSettings | None = None
    account: Account = "unknown"
    problem: str = ""
    drawn_at: float = float("-inf")
    online: bool = True
    price_keys: dict[str, str] = field(default_factory=dict[str, str])
    placeholders: dict[str, str] = field(default_factory=dict[str, str])
    # The object of each job in the window's scene, and the names of those that a collection hides.
    in_scene: dict[str, str] = field(default_factory=dict[str, str])
    hidden: tuple[str, ...] = ()
    clicked_job: str = ""  # in the list, for the timer to select; and the area that the list is in
    clicked_area: int = 0
    # The jobs in the list, as it was drawn last, whose results have no picture.
    without_picture: dict[str, None] = field(default_factory=dict[str, None])
    listed_group: str = ""  # what the list shows while it shows what was made of one input
    compared: str = ""  # the group whose results have labels in the 3D view
    clicked_model: str = ""  # twice, in the list of models
    # Workers of backends that were closed, with their service.
    leaving: list[tuple[str, subprocess.Popen[bytes]]] = field(
        default_factory=list[tuple[str, subprocess.Popen[bytes]]]
    )

    @property
    def jobs(self) -> JobCache | None:
        return self.backend.jobs if self.backend else None

    @property
    def catalogue(self) -> Catalogue | None:
        return self.backend.catalogue if self.backend else None

    def price(self, name: str) -> Price | None:
        """What one result costs, by its name in `price_keys`; None while that is not known."""
        catalogue = self.catalogue
        return catalogue.price(self.price_keys.get(name, "")) if catalogue else None

    def account_notice(self) -> Notice | None:
        """What is wrong with account, store, worker or the last answer: what is to be mended first."""
        text = self.problem
        if self.backend and not self.online:
            return OFFLINE
        if self.backend:
            text = text or self.backend.catalogue.last_error or self.backend.trouble
        return Notice(text) if text else None

    def close_backend(self) -> None:
        """Close the backend, if there is one; its worker finishes what it transfers."""
        backend = self.backend
        self.backend = None
        if backend is None:
            return
        worker = backend.close()
        if worker is not None:
            self.leaving.append((backend.service, worker))

    def end_offline(self, is_online: Callable[[str], bool]) -> None:
        """End the workers of closed backends at once whose service may not be talked to any more."""
        for entry in list(self.leaving):
            service, worker = entry
            is_over = worker.poll() is not None
            if not is_over and not is_online(service):
                end_at_once(worker)
                is_over = True
            if is_over:
                self.leaving.remove(entry)
                let_go(worker)

    def let_go_of_workers(self) -> None:
        """Leave the workers of closed backends to themselves: they finish their transfers and end."""
        while self.leaving:
            let_go(self.leaving.pop()[1])


state = SessionState()
