# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns an answer that is not a success into the error that says what to do.

The service has two error bodies ({reason, trace_id, name} and {status, code, message}) and its gateways have
theirs ({message}, or a page of HTML): all are read, and none is trusted.
"""

import html
import json
import re
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import cast

from .errors import (
    AnswerError,
    CreditsError,
    InputError,
    NotAllowedError,
    NotFoundError,
    PlanError,
    RateLimitedError,
    ScenarioError,
    ServerError,
    SignInError,
)

PLAN_NAMES = {0: "Free", 25: "Starter", 50: "Pro", 75: "Max", 100: "Enterprise"}
MAX_TEXT = 400
_NO_CREDITS = re.compile(
    r"(insufficient|not enough|too few|out of|no more|exceed\w*)\b.{0,40}\b(credits?|creative units?|CU)\b"
    r"|\b(credits?|creative units?|CU)\b.{0,40}\b(insufficient|exhausted|exceeded|not enough|used up)",
    re.IGNORECASE,
)


def error_from_answer(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    has_effect: bool,
    secrets: Iterable[str] = (),
) -> ScenarioError:
    """The error for an HTTP `status` outside 2xx; `has_effect`: could the request have changed anything?"""
    fields = _fields(body)
    text = readable(_reason(fields, body), secrets)
    trace = _first_text(fields, "trace_id", "traceId", "requestId")
    trace = re.sub(r"[^\w.:-]", "", trace)[:80] if trace else None
    name = _first_text(fields, "name", "code") or ""
    if not 400 <= status < 600:
        # A 307 was not carried out, a 303 was: without following it there is no telling.
        what = "a redirect" if status < 400 else "an unknown status"
        return AnswerError(
            f"The service's address answers with {what} ({status}). Check the API address.",
            trace_id=trace,
            may_have_arrived=has_effect,
        )
    if status >= 500 or status == 408:
        return ServerError(
            f"The service has trouble ({status}{': ' + text if text else ''}). Try again later.",
            trace_id=trace,
            may_have_arrived=has_effect,
        )
    said = f" The service says: {text}" if text else ""
    if status == 401:
        return SignInError(
            f"The service does not accept the API key and secret. Check both.{said}", trace_id=trace
        )
    if name == "ModelAccessRestrictedError":
        return _plan_error(fields, said, trace)
    if status == 402 or (status in (400, 403, 429) and _NO_CREDITS.search(text)):
        return CreditsError(
            f"The account has too few creative units. Add some, or ask for less.{said}", trace_id=trace
        )
    if status == 403:
        return NotAllowedError(
            f"The API key may not do this. Use one with more rights, or another project.{said}",
            trace_id=trace,
        )
    if status in (404, 410):
        return NotFoundError(f"The service does not know this (or no longer).{said}", trace_id=trace)
    if status == 429:
        wait_s = retry_after_s(headers, fields)
        until = "a little later" if wait_s is None else f"after {_clock(wait_s)}"
        return RateLimitedError(
            f"Too many requests for this account. Try again {until}.{said}",
            retry_after_s=wait_s,
            trace_id=trace,
        )
    return InputError(
        f"The service refuses the request: {text or status}"
        + ("." if text and text[-1] not in ".!?" else "")
        + " Correct the inputs and try again.",
        trace_id=trace,
    )


def retry_after_s(headers: Mapping[str, str], fields: Mapping[str, object] | None = None) -> float | None:
    """How many seconds the service asks to be left alone, from the headers or the body, or None."""
    said = (fields or {}).get("remainingSeconds")
    if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said < 1e7:
        return float(said)
    header = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,7}(\.\d{1,6})?", header):
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):  # neither seconds nor a date
        return None


def readable(text: str, secrets: Iterable[str] = ()) -> str:
    """Text from the network as one short line: without markup, control characters and our own secrets."""
    text = text[: 64 * 1024]
    for secret in secrets:
        text = text.replace(secret, "***")
    if re.search(r"<(!doctype|html|head|body|title|h1|p|Error)\b", text, re.IGNORECASE):
        text = re.sub(r"<(script|style)\b[^>]*>.*?(</\1>|$)", " ", text, flags=re.IGNORECASE | re.DOTALL)
        text = html.unescape(re.sub(r"<[^<>]*>", " ", text))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _clock(wait_s: float) -> str:
    at = time.strftime(
        "%H:%M:%S" if wait_s < 12 * 3600 else "%Y-%m-%d %H:%M", time.localtime(time.time() + wait_s)
    )
    return f"{at} (in {wait_s:.0f} s)" if wait_s < 120 else f"{at} (in {wait_s / 60:.0f} min)"


def _fields(body: bytes) -> Mapping[str, object]:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):  # not JSON: the raw text is shown instead
        return {}
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def _first_text(fields: Mapping[str, object], *names: str) -> str | None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            return value
    return None


def _reason(fields: Mapping[str, object], body: bytes) -> str:
    names = ("reason", "message", "error", "detail")
    text = _first_text(fields, *names)
    for name in names if text is None else ():
        nested = fields.get(name)
        if isinstance(nested, dict):
            text = text or _first_text(cast(dict[str, object], nested), *names)
    return text or body[: 64 * 1024].decode("utf-8", "replace")


def _plan_error(fields: Mapping[str, object], said: str, trace: str | None) -> PlanError:
    details = fields.get("details")
    both = {**(cast(dict[str, object], details) if isinstance(details, dict) else {}), **fields}
    plan, model = both.get("requiredPlan"), both.get("modelId")
    name = (
        plan_name(int(plan))
        if isinstance(plan, int | float)
        else readable(plan)
        if isinstance(plan, str)
        else None
    )
    model_id = readable(model) if isinstance(model, str) else None
    return PlanError(
        f"{model_id or 'This model'} needs {f'the plan {name}' if name else 'a higher plan'}. Change the plan"
        f" or choose another model.{said}",
        required_plan=name,
        model_id=model_id,
        trace_id=trace,
    )


def plan_name(level: int) -> str:
    """The plan's name for a level of `accessRestrictions` (the lowest plan that reaches it)."""
    return next((name for least, name in PLAN_NAMES.items() if level <= least), PLAN_NAMES[100])
