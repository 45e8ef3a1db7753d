# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between here and the service, in words for the person who has to act.

Every text says what happened and what to do next. None holds a secret: redaction.py took it out of what came.
The service has two error bodies ({reason, trace_id, name} and {status, code, message}) and its gateways have
theirs ({message}, or a page of HTML): all are read, and none is trusted.
"""

import html
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import cast

PLAN_NAMES = {0: "Free", 25: "Starter", 50: "Pro", 75: "Max", 100: "Enterprise"}
MAX_REASON_CHARS = 400
_NO_CREDITS = re.compile(
    r"(insufficient|not enough|too few|out of|no more|exceed\w*)\b.{0,40}\b(credits?|creative units?|CU)\b"
    r"|\b(credits?|creative units?|CU)\b.{0,40}\b(insufficient|exhausted|exceeded|not enough|used up)",
    re.IGNORECASE,
)


class ScenarioError(Exception):
    """Something that the service or the way to it refused.

    `may_have_arrived` is true when the service may have carried the request out although no good answer came:
    such a request must be looked for, not repeated. `retry_after_s`: for how long the service wants no more
    requests, if it said so. `problems` pairs names of inputs with what is wrong with them.
    """

    def __init__(
        self,
        message: str,
        *,
        may_have_arrived: bool = False,
        retry_after_s: float | None = None,
        problems: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.may_have_arrived, self.retry_after_s = may_have_arrived, retry_after_s
        self.problems = list(problems)


class SignInError(ScenarioError):
    """No key, or one that the service does not accept (401)."""


class NotAllowedError(ScenarioError):
    """The key is right but may not do this, or the model needs a higher plan (403)."""


class CreditsError(ScenarioError):
    """The account has too few creative units left."""


class RateLimitedError(ScenarioError):
    """Too many requests (429)."""


class InputError(ScenarioError):
    """What the caller gave cannot be meant: an input, a file, the API's address."""


class NotFoundError(ScenarioError):
    """The service does not know this id, or no longer (404)."""


class CancelRefusedError(ScenarioError):
    """The service does not cancel this job: it goes on, and is paid for."""


class NetworkError(ScenarioError):
    """No usable answer came; `kind` is dns, refused, timeout, proxy, tls or broken."""

    def __init__(self, message: str, *, kind: str = "broken", may_have_arrived: bool = False) -> None:
        super().__init__(message, may_have_arrived=may_have_arrived)
        self.kind = kind


class ServerError(ScenarioError):
    """The service has trouble of its own (5xx)."""


class AnswerError(ScenarioError):
    """An answer that is not what the service's documents promise."""


class TransferError(ScenarioError):
    """An upload or a download failed for good, or the disk does not take it."""


_REFUSALS: dict[int, tuple[type[ScenarioError], str]] = {
    401: (SignInError, "The service does not accept the API key and secret. Check both."),
    403: (NotAllowedError, "The API key may not do this. Use one with more rights, or another project."),
    404: (NotFoundError, "The service does not know this (or no longer)."),
    410: (NotFoundError, "The service does not know this (or no longer)."),
}


def error_from_answer(
    status: int,
    headers: Mapping[str, str],
    fields: Mapping[str, object],
    text: str,
    *,
    has_effect: bool,
    has_inputs: bool = True,
) -> ScenarioError:
    """The error for an HTTP `status` outside 2xx; the body is `text`, with `fields` if it is a JSON object.

    `has_effect`: could the request have changed anything? `has_inputs`: was anything sent that a person
    could correct?
    """
    text = readable(_first_text(fields, "reason", "message", "error", "detail") or text)
    number = re.sub(r"[^\w.:-]", "", _first_text(fields, "trace_id", "traceId", "requestId"))[:80]
    is_open, wait_s = False, None
    if not 400 <= status < 600:
        # A 307 was not carried out, a 303 was: without following it there is no telling.
        what, is_open = "a redirect" if status < 400 else "an unknown status", has_effect
        kind, advice = AnswerError, f"The address answers with {what} ({status}). Check the API address."
    elif status >= 500 or status == 408:
        kind, advice = ServerError, f"The service has trouble ({status}). Try again later."
        is_open = has_effect
    elif _first_text(fields, "name", "code") == "ModelAccessRestrictedError":
        kind, advice = NotAllowedError, _plan_text(fields)
    elif status == 402 or (status in (400, 403, 429) and _NO_CREDITS.search(text)):
        kind = CreditsError
        advice = "The account has too few creative units. Add some, or ask for less."
    elif status == 429:
        wait_s = retry_after_s(headers, fields)
        kind = RateLimitedError
        advice = f"Too many requests for this account. Try again {_when(wait_s)}."
    else:
        mend = "Correct the inputs and try again." if has_inputs else "Try again later."
        usual = (InputError, f"The service refuses the request. {mend}")
        kind, advice = _REFUSALS.get(status, usual)
    said = f" The service says: {text}" if text else ""
    trace = f" (trace id {number})" if number else ""
    return kind(advice + said + trace, may_have_arrived=is_open, retry_after_s=wait_s)


def retry_after_s(headers: Mapping[str, str], fields: Mapping[str, object] | None = None) -> float | None:
    """How many seconds the service asks to be left alone, from the headers or the body, or None."""
    said = (fields or {}).get("remainingSeconds")
    header = str(round(said, 3)) if isinstance(said, int | float) else headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,7}(\.\d{1,6})?", header):
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):  # neither seconds nor a date
        return None


def readable(text: str) -> str:
    """Text from the network as one short line: without markup and control characters."""
    text = text[: 64 * 1024]
    if re.search(r"<(!doctype|html|head|body|title|h1|p|Error)\b", text, re.IGNORECASE):
        text = re.sub(r"<(script|style)\b[^>]*>.*?(</\1>|$)", " ", text, flags=re.IGNORECASE | re.DOTALL)
        text = html.unescape(re.sub(r"<[^<>]*>", " ", text))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= MAX_REASON_CHARS else text[: MAX_REASON_CHARS - 1] + "…"


def plan_name(level: float) -> str:
    """The plan's name for a level of `accessRestrictions` (the lowest plan that reaches it)."""
    return next((name for least, name in PLAN_NAMES.items() if level <= least), PLAN_NAMES[100])


def _when(wait_s: float | None) -> str:
    if wait_s is None:
        return "a little later"
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + wait_s))
    return f"after {at} (in {wait_s:.0f} s)" if wait_s < 120 else f"after {at} (in {wait_s / 60:.0f} min)"


def _layers(fields: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The object itself and those one level down, where some answers have what counts."""
    return [fields, *(cast(dict[str, object], value) for value in fields.values() if isinstance(value, dict))]


def _first_text(fields: Mapping[str, object], *names: str) -> str:
    """The first of these fields that holds a text; else an empty one."""
    found = (table.get(name) for table in _layers(fields) for name in names)
    return next((text for text in found if isinstance(text, str) and text.strip()), "")


def _plan_text(fields: Mapping[str, object]) -> str:
    found = (table.get("requiredPlan") for table in _layers(fields))
    level = next((value for value in found if isinstance(value, int | float)), None)
    needed = "a higher plan" if level is None else f"the plan {plan_name(level)}"
    return f"This model needs {needed}. Change the plan or choose another model."
