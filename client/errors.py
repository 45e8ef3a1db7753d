# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between here and the service, in words for the person who has to act.

Every text says what happened and what to do next, and never holds a secret.
"""

from collections.abc import Sequence


class ScenarioError(Exception):
    """Something that the service or the way to it refused.

    `may_have_arrived` is true when the service may have carried the request out although no good answer came:
    such a request must be looked for, not repeated. `trace_id` is the service's own number, for its support.
    """

    def __init__(self, message: str, *, trace_id: str | None = None, may_have_arrived: bool = False) -> None:
        super().__init__(message + (f" (trace id {trace_id})" if trace_id else ""))
        self.trace_id = trace_id
        self.may_have_arrived = may_have_arrived


class UsageError(ScenarioError):
    """The caller asked for something that cannot be meant, such as an address without HTTPS."""


class SignInError(ScenarioError):
    """No key, or one that the service does not accept (401)."""


class NotAllowedError(ScenarioError):
    """The key is right but may not do this (403)."""


class PlanError(NotAllowedError):
    """The model needs a higher plan; `required_plan` is that plan's name where the service told it."""

    def __init__(
        self, message: str, *, required_plan: str | None, model_id: str | None, trace_id: str | None = None
    ) -> None:
        super().__init__(message, trace_id=trace_id)
        self.required_plan = required_plan
        self.model_id = model_id


class CreditsError(ScenarioError):
    """The account has too few creative units left."""


class RateLimitedError(ScenarioError):
    """Too many requests (429); `retry_after_s` is for how long the service wants no more, if it said so."""

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, trace_id: str | None = None
    ) -> None:
        super().__init__(message, trace_id=trace_id)
        self.retry_after_s = retry_after_s


class InputError(ScenarioError):
    """An input is wrong; `problems` pairs each input's name with what is wrong with it."""

    def __init__(
        self, message: str, *, problems: Sequence[tuple[str, str]] = (), trace_id: str | None = None
    ) -> None:
        super().__init__(message, trace_id=trace_id)
        self.problems = list(problems)


class NotFoundError(ScenarioError):
    """The service does not know this id, or no longer (404)."""


class CancelRefusedError(ScenarioError):
    """The service does not cancel this job: it goes on, and is paid for."""


class NetworkError(ScenarioError):
    """No usable answer came; `kind` is dns, refused, timeout, proxy, tls or broken."""

    def __init__(self, message: str, *, kind: str, may_have_arrived: bool = False) -> None:
        super().__init__(message, may_have_arrived=may_have_arrived)
        self.kind = kind


class ServerError(ScenarioError):
    """The service has trouble of its own (5xx)."""


class AnswerError(ScenarioError):
    """An answer that is not what the service's documents promise."""


class TransferError(ScenarioError):
    """An upload or a download failed for good."""


class DiskFullError(TransferError):
    """There is no room for the file on the disk it is meant for."""
