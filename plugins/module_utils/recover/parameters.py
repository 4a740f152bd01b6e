# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of the two modules; those of the look are the look's own. Raises BadInput."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import parameters as look
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import Request as Diagnosis
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import BadInput
from ansible_collections.selfhost.postiz.plugins.module_utils.posts.database import Overrides
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Limits, Rung, Step
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.notices import WAYS

_OF_THE_LOOK = tuple(name for name in look.ARGUMENT_SPEC if name != "fail_on_unhealthy")

SPEC: Dict[str, Any] = {
    **{name: look.ARGUMENT_SPEC[name] for name in _OF_THE_LOOK},
    "timeout": {"type": "float", "default": 0.0},
    "directory": {"type": "path", "default": "/opt/postiz"},
    "state_directory": {"type": "path"},
    "run": {"type": "str"},
    "lifted": {"type": "bool", "default": False},
    "attempts": {"type": "int", "default": 4},
    "window": {"type": "float", "default": 3600.0},
    "cooldown": {"type": "float", "default": 60.0},
    "min_free_bytes": {"type": "int", "default": 256 << 20},
}
ACT_SPEC: Dict[str, Any] = {
    **SPEC,
    "state": {"type": "str", "choices": ["begun", "finished", "noted", "lifted", "told"], "required": True},
    "ways": {"type": "list", "elements": "str", "choices": list(WAYS), "default": []},
    "step": {"type": "dict", "default": {}},
    "number": {"type": "int", "default": 0},
    "booted_at": {"type": "float", "default": 0.0},
    "spread": {"type": "bool", "default": False},
    "failure": {"type": "str"},
    "unspread": {"type": "bool", "default": False},
    "service_timeout": {"type": "float", "default": 180.0},
    "burst_guard": {"type": "bool", "default": True},
    "burst_threshold": {"type": "int", "default": 5},
    "burst_ahead": {"type": "float", "default": 300.0},
    "keep_evidence": {"type": "int", "default": 10},
    "database_host": {"type": "str"},
    "database_port": {"type": "int"},
    "database_tls_mode": {"type": "str"},
    "database_tls_ca_path": {"type": "path"},
}

_ACTS = ("begun", "finished")
_NOT_NEGATIVE = ("window", "cooldown", "timeout", "settle_seconds", "min_free_bytes")
_NOT_NEGATIVE_ACTING = ("service_timeout", "burst_threshold", "burst_ahead")
_RUN_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")


@dataclass(frozen=True)
class Request:
    """`state_directory` is empty where the stack itself shall tell it; `run` where this is a new run.

    `lifted` is True for a look as it would be without a quarantine and without what was tried.
    """

    diagnosis: Diagnosis
    directory: str
    state_directory: str
    run: str
    lifted: bool
    limits: Limits
    least_free: int
    timeout_seconds: float


@dataclass(frozen=True)
class ActRequest:
    """`number` and `booted_at` are what the look told: a step is taken only if they still hold."""

    look: Request
    state: str
    ways: Tuple[str, ...]
    step: Step
    number: int
    booted_at: float
    spread: bool
    failure: str
    unspread: bool
    service_seconds: float
    burst_guard: bool
    burst_threshold: int
    burst_ahead: float
    keep_evidence: int
    database: Overrides


def parse(params: Mapping[str, Any]) -> Request:
    """Raises BadInput with the parameter's name."""
    _not_negative(params, _NOT_NEGATIVE)
    if params["attempts"] < 1:
        raise BadInput(f"attempts is {params['attempts']}, which is less than 1.", "give at least 1.")
    run = params["run"] or ""
    if not set(run) <= _RUN_CHARACTERS or run.startswith("."):
        raise BadInput(f"run is {run!r}, and no name that a run was given.", "give what the look before has returned.")
    return Request(
        diagnosis=look.parse({**params, "timeout": 0.0, "fail_on_unhealthy": False}),
        directory=params["directory"],
        state_directory=params["state_directory"] or "",
        run=run,
        lifted=params["lifted"],
        limits=Limits(params["attempts"], params["window"], params["cooldown"], params["settle_seconds"]),
        least_free=params["min_free_bytes"],
        timeout_seconds=params["timeout"],
    )


def parse_act(params: Mapping[str, Any]) -> ActRequest:
    """Likewise."""
    _not_negative(params, _NOT_NEGATIVE_ACTING)
    if params["keep_evidence"] < 1:
        raise BadInput(f"keep_evidence is {params['keep_evidence']}, which is less than 1.", "give at least 1.")
    return ActRequest(
        look=parse(params),
        state=params["state"],
        ways=tuple(params["ways"]),
        step=_step(params["step"], params["state"]),
        number=params["number"],
        booted_at=params["booted_at"],
        spread=params["spread"],
        failure=params["failure"] or "",
        unspread=params["unspread"],
        service_seconds=params["service_timeout"],
        burst_guard=params["burst_guard"],
        burst_threshold=params["burst_threshold"],
        burst_ahead=params["burst_ahead"],
        keep_evidence=params["keep_evidence"],
        database=Overrides(
            params["database_host"] or "",
            params["database_port"] or 0,
            params["database_tls_mode"] or "",
            params["database_tls_ca_path"] or "",
        ),
    )


def _not_negative(params: Mapping[str, Any], names: Any) -> None:
    for name in names:
        if params[name] < 0:
            raise BadInput(f"{name} is {params[name]:g}, which is less than 0.", f"give {name} from 0.")


def _step(given: Mapping[str, Any], state: str) -> Step:
    try:
        if not given and state not in _ACTS:
            given = {"rung": Rung.WAIT.value}
        step = Step(
            rung=Rung(given["rung"]),
            service=str(given.get("service", "")),
            app=str(given.get("app", "")),
            code=str(given.get("code", "")),
            cause=str(given.get("cause", "")),
            reason=str(given.get("reason", "")),
            resumes=int(given.get("resumes", 0)),
            also=tuple(str(name) for name in given.get("also", ())),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise BadInput("step is none that a look has returned.", "give its result's step.") from problem
    if state in _ACTS and not step.rung.acts:
        raise BadInput(f"step is {step.rung.value}, which is no act.", "give the step of a look that decided to act.")
    return step
