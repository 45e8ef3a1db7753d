# SPDX-License-Identifier: GPL-3.0-or-later
"""The Scenario API as typed Python: no Blender, no state on disk, every byte from the network distrusted."""

from .api import DEFAULT_API_URL, Scenario
from .errors import (
    AnswerError,
    CancelRefusedError,
    CreditsError,
    DiskFullError,
    InputError,
    NetworkError,
    NotAllowedError,
    NotFoundError,
    PlanError,
    RateLimitedError,
    ScenarioError,
    ServerError,
    SignInError,
    TransferError,
    UsageError,
)
from .fields import JsonValue
from .models import CAPABILITIES, Input, Model, Required
from .records import Asset, Balance, Cost, Credentials, Download, Job, JobStatus, Progress, Submission
from .schema import check_inputs, describe_input, parse_value

__all__ = [
    "CAPABILITIES",
    "DEFAULT_API_URL",
    "AnswerError",
    "Asset",
    "Balance",
    "CancelRefusedError",
    "Cost",
    "Credentials",
    "CreditsError",
    "DiskFullError",
    "Download",
    "Input",
    "InputError",
    "Job",
    "JobStatus",
    "JsonValue",
    "Model",
    "NetworkError",
    "NotAllowedError",
    "NotFoundError",
    "PlanError",
    "Progress",
    "RateLimitedError",
    "Required",
    "Scenario",
    "ScenarioError",
    "ServerError",
    "SignInError",
    "Submission",
    "TransferError",
    "UsageError",
    "check_inputs",
    "describe_input",
    "parse_value",
]
