# SPDX-License-Identifier: GPL-3.0-or-later
"""The use cases without a window: what the package offers to scripts, and what the command is made of."""

from ..batches import Problem
from .batch import batch
from .batch_options import BatchOptions, read_count, take_options
from .batch_reporter import BatchReporter, summary
from .errors import EXPECTED, Exit, MaquetteError, code_of, error_text, exit_for_job
from .export import FORMATS, export, export_jobs, read_form
from .finish import check_finishable, finish
from .generate import generate
from .library import open_library, publish_library
from .make_batch import Batch
from .outputs import add_to_library, deliver, output_folder, wait_for, wanted_outputs, write_outputs
from .place import place
from .request import GenerateRequest, check_cost, get_model, read_request, start
from .results import BatchResult, BatchRow, Progress, Result
from .resume import Resumable, find_resumable, left_elsewhere, resume_jobs, stop_unpaid
from .session import Session, Where, blender_binary

__all__ = [
    "EXPECTED",
    "FORMATS",
    "Batch",
    "BatchOptions",
    "BatchReporter",
    "BatchResult",
    "BatchRow",
    "Exit",
    "GenerateRequest",
    "MaquetteError",
    "Problem",
    "Progress",
    "Result",
    "Resumable",
    "Session",
    "Where",
    "add_to_library",
    "batch",
    "blender_binary",
    "check_cost",
    "check_finishable",
    "code_of",
    "deliver",
    "error_text",
    "exit_for_job",
    "export",
    "export_jobs",
    "find_resumable",
    "finish",
    "generate",
    "get_model",
    "left_elsewhere",
    "open_library",
    "output_folder",
    "place",
    "publish_library",
    "read_count",
    "read_form",
    "read_request",
    "resume_jobs",
    "start",
    "stop_unpaid",
    "summary",
    "take_options",
    "wait_for",
    "wanted_outputs",
    "write_outputs",
]
