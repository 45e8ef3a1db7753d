# SPDX-License-Identifier: GPL-3.0-or-later
"""The Scenario API as typed Python: no Blender, no state on disk, every byte from the network distrusted."""

from .api import DEFAULT_API_URL, Scenario
from .errors import (
    AnswerError,
    CancelRefusedError,
    CreditsError,
    InputError,
    NetworkError,
    NotAllowedError,
    NotFoundError,
    RateLimitedError,
    ScenarioError,
    ServerError,
    SignInError,
    TransferError,
)
from .fields import JsonValue, without_controls
from .models import CAPABILITIES, Input, Model, Required
from .records import Asset, Balance, Cost, Credentials, Download, Job, JobStatus, Progress, Submission
from .schema import check_inputs, describe_input, parse_value

__all__ = [
    "CAPABILITIES", "DEFAULT_API_URL", "AnswerError", "Asset", "Balance", "CancelRefusedError", "Cost",
    "Credentials", "CreditsError", "Download", "Input", "InputError", "Job", "JobStatus", "JsonValue",
    "Model", "NetworkError", "NotAllowedError", "NotFoundError", "Progress", "RateLimitedError", "Required",
    "Scenario", "ScenarioError", "ServerError", "SignInError", "Submission", "TransferError", "check_inputs",
    "describe_input", "parse_value", "without_controls",
]  # fmt: skip
