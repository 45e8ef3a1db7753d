# SPDX-License-Identifier: GPL-3.0-or-later
"""The Scenario API as typed Python: no Blender, no state on disk, every byte from the network distrusted."""

from .address import address_problem, is_loopback
from .api import DEFAULT_API_URL, UNNAMED, Scenario
from .content import content_type
from .elapsed import elapsed_s
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
from .fields import Fields, JsonValue, has_reserved_name, without_controls
from .file_lock import try_lock
from .model_tasks import Task, makes_splats, tasks_of
from .models import ASSET_ID, CAPABILITIES, Input, Model
from .picture_damage import damage_of_picture, problem_of_picture
from .pictures import UPRIGHT, colour_profile, orientation_of, with_profile
from .records import Asset, Balance, Cost, Credentials, Download, Job, JobStatus, Progress, Submission
from .schema import check_inputs, describe_input, parse_value

__all__ = [
    "ASSET_ID",
    "CAPABILITIES",
    "DEFAULT_API_URL",
    "UNNAMED",
    "UPRIGHT",
    "AnswerError",
    "Asset",
    "Balance",
    "CancelRefusedError",
    "Cost",
    "Credentials",
    "CreditsError",
    "Download",
    "Fields",
    "Input",
    "InputError",
    "Job",
    "JobStatus",
    "JsonValue",
    "Model",
    "NetworkError",
    "NotAllowedError",
    "NotFoundError",
    "Progress",
    "RateLimitedError",
    "Scenario",
    "ScenarioError",
    "ServerError",
    "SignInError",
    "Submission",
    "Task",
    "TransferError",
    "address_problem",
    "check_inputs",
    "colour_profile",
    "content_type",
    "damage_of_picture",
    "describe_input",
    "elapsed_s",
    "has_reserved_name",
    "is_loopback",
    "makes_splats",
    "orientation_of",
    "parse_value",
    "problem_of_picture",
    "tasks_of",
    "try_lock",
    "with_profile",
    "without_controls",
]
