# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a job and the one table of the moves between them; any other move raises."""

from enum import StrEnum


class State(StrEnum):
    PREPARED = "prepared"  # written down, nothing sent
    UPLOADING = "uploading"  # inputs on their way, or waiting for a better moment to submit
    SUBMITTING = "submitting"  # the one POST that spends may be under way
    UNCERTAIN = "uncertain"  # that POST's outcome is unknown: look it up, never repeat it
    QUEUED = "queued"
    RUNNING = "running"
    DOWNLOADING = "downloading"
    CONVERTING = "converting"
    READY = "ready"  # result.blend waits for being placed
    PLACED = "placed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"  # the service no longer has the result


_S = State

MOVES: dict[State, frozenset[State]] = {
    _S.PREPARED: frozenset({_S.UPLOADING, _S.FAILED, _S.CANCELED}),
    _S.UPLOADING: frozenset({_S.SUBMITTING, _S.FAILED, _S.CANCELED}),
    # Back to uploading only when the service said that it refused for now, or was never reached.
    _S.SUBMITTING: frozenset({_S.QUEUED, _S.UNCERTAIN, _S.UPLOADING, _S.FAILED}),
    # To prepared only by a person's resume, after the service's lists have shown no job that may be it.
    _S.UNCERTAIN: frozenset({_S.QUEUED, _S.PREPARED, _S.CANCELED}),
    _S.QUEUED: frozenset({_S.RUNNING, _S.DOWNLOADING, _S.FAILED, _S.CANCELED, _S.EXPIRED}),
    _S.RUNNING: frozenset({_S.QUEUED, _S.DOWNLOADING, _S.FAILED, _S.CANCELED, _S.EXPIRED}),
    # Back to running where the service says that it is not done after all.
    _S.DOWNLOADING: frozenset({_S.CONVERTING, _S.RUNNING, _S.FAILED, _S.EXPIRED}),
    _S.CONVERTING: frozenset({_S.READY, _S.FAILED, _S.DOWNLOADING}),
    # Back by a person's resume where the result's files are gone, which the service still has; or to finish
    # the result by another profile. Neither is paid for.
    _S.READY: frozenset({_S.PLACED, _S.DOWNLOADING, _S.CONVERTING}),
    _S.PLACED: frozenset({_S.DOWNLOADING, _S.CONVERTING}),
    # By a person's resume: to where no money is spent twice (the row's resume_state says where).
    _S.FAILED: frozenset({_S.PREPARED, _S.QUEUED, _S.DOWNLOADING, _S.CONVERTING}),
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset({_S.QUEUED, _S.READY}),  # ready where its files are there after all
}

# What a worker has to do something about.
WORKING = frozenset(
    {
        _S.PREPARED,
        _S.UPLOADING,
        _S.SUBMITTING,
        _S.UNCERTAIN,
        _S.QUEUED,
        _S.RUNNING,
        _S.DOWNLOADING,
        _S.CONVERTING,
    }
)
# Nothing was paid for these, and nothing is before the move to submitting.
UNPAID = frozenset({_S.PREPARED, _S.UPLOADING})
REMOTE = frozenset({_S.QUEUED, _S.RUNNING})
DONE = frozenset({_S.READY, _S.PLACED})


class IllegalMoveError(Exception):
    """A move that the table does not have: a bug of the caller, nothing was written."""


def check_move(old: State, new: State) -> None:
    if new not in MOVES[old]:
        raise IllegalMoveError(f"a job cannot go from {old} to {new}")
