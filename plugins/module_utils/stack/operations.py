# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules stack_preflight and stack_config do, each as one call."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import DOCKER_IMPORT_ERROR, connect
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, Engine, ImageConfig
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused, StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Finding, Severity, errors_of, sentence
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import drift, host, layout, rules, transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.database import HAS_PSYCOPG2
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.observe import observe
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.parameters import PreflightParameters
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.preflight import judge
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.rules import YAML_IMPORT_ERROR
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secret_sources import (
    EngineSources,
    from_files,
    read_kept,
    with_engine,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import SecretEvidence
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secrets import judge as judge_secret
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.snapshot import EngineState, HostSnapshot

_NOT_PULLED = ImageConfig("", ("<entrypoint of the image, which is not pulled yet>",), ())


def missing_libraries() -> Tuple[str, ...]:
    """Names by which Python imports what is missing."""
    present = {
        "docker": DOCKER_IMPORT_ERROR is None,
        "psycopg2": HAS_PSYCOPG2,
        "yaml": YAML_IMPORT_ERROR is None,
    }
    return tuple(name for name, there in present.items() if not there)


# On a bare host check mode goes on, to say what would come once these are there.
_INSTALLABLE = ("engine-unreachable", "compose-missing")


def preflight(wanted: PreflightParameters, check_mode: bool) -> Outcome:
    """Observe and judge. Raises Refused with every finding that stops the run."""
    libraries = missing_libraries()
    if libraries:
        return Outcome(False, _payload(libraries, None, ()))
    seen = observe(wanted)
    findings = judge(wanted, seen)
    if check_mode:
        findings = tuple(_as_warning(finding) if finding.code in _INSTALLABLE else finding for finding in findings)
    stopping = errors_of(findings)
    if stopping:
        raise Refused(stopping)
    files_differ = _files_differ(wanted, seen)
    return Outcome(
        False,
        {
            **_payload((), seen.engine, tuple(finding.as_dict() for finding in findings)),
            "files_differ": files_differ,
            "services_differ": files_differ or _services_differ(wanted, seen),
            "half_made": _half_made(seen, wanted.stack.project),
        },
        warnings=tuple(sentence(finding) for finding in findings),
    )


def _as_warning(finding: Finding) -> Finding:
    evidence = f"{finding.evidence} A real run stops here."
    return replace(finding, severity=Severity.WARNING, evidence=evidence)


def _payload(
    libraries: Tuple[str, ...], engine: Optional[EngineState], findings: Tuple[Dict[str, str], ...]
) -> Dict[str, Any]:
    image = engine.postiz_image if engine else None
    start = {} if image is None else {"entrypoint": list(image.entrypoint), "command": list(image.command)}
    return {
        **({"postiz_image": start} if start else {}),
        "missing_libraries": list(libraries),
        "files_differ": True,
        "services_differ": True,
        "half_made": [],
        "missing_images": list(engine.missing_images) if engine else [],
        "findings": list(findings),
    }


def _files_differ(wanted: PreflightParameters, seen: HostSnapshot) -> bool:
    """Whether `configure` would change a file; True if that cannot be told."""
    image = seen.engine.postiz_image if seen.engine else None
    if wanted.compose is None or wanted.dynamic_config is None or image is None:
        return True
    directory = wanted.stack.directory
    wished = layout.LayoutParameters(wanted.stack, wanted.compose, wanted.dynamic_config, wanted.boot_guard_files)
    files = layout.wanted_files(wished, read_kept(directory), seen.secrets, image)
    return bool(transaction.changes(directory, files)) or transaction.interrupted(directory)


def _half_made(seen: HostSnapshot, project: str) -> List[str]:
    return [] if seen.engine is None else [item.name for item in drift.half_made(_present(seen.engine, project))]


def _present(engine: EngineState, project: str) -> List[Container]:
    return [item for item in engine.containers if item.project == project and not item.one_off]


def _services_differ(wanted: PreflightParameters, seen: HostSnapshot) -> bool:
    if seen.engine is None:
        return True
    stack = wanted.stack
    present = _present(seen.engine, stack.project)
    hashes = drift.parse_hashes(host.compose_hashes(stack.project, stack.directory))
    text = layout.compose_text(wanted.compose or "", seen.engine.postiz_image)
    networks = drift.expected_networks(rules.parsed(text), stack.project)
    return drift.services_differ(hashes, present, seen.engine.image_identifiers, networks)


def configure(wanted: layout.LayoutParameters, image: Optional[ImageConfig], check_mode: bool) -> Outcome:
    """Lay out the stack's files. `image` is read from the engine when it is not given and the marks need it.

    For a frontend's mount it is read in any case: since the preflight looked, its name may have been given to another image.
    """
    stack = wanted.stack
    kept = read_kept(stack.directory)
    if kept.problem is not None:
        raise StackError(f"{stack.directory}/.env cannot be used: {kept.problem}.", "repair it or restore it.")
    evidence = from_files(stack, kept)
    image_needed = bool(layout.frontend_bundle(wanted.compose)) or (
        image is None and layout.ENTRYPOINT_MARK in wanted.compose
    )
    if image_needed or not all(item.settled for item in evidence):
        engine = _engine(check_mode)
        if engine is not None:
            evidence = _judged(engine, evidence, stack.project, stack.accept_new_jwt_secret)
        if image_needed:
            image = _image(engine, stack.postiz_image, check_mode)
    files = layout.wanted_files(wanted, kept, evidence, image)
    changes = transaction.changes(stack.directory, files)
    changed = bool(changes) or transaction.interrupted(stack.directory)
    if changed and not check_mode:
        layout.place(stack.directory, changes, layout.validator(stack.directory))
    payload = {
        "files": [os.path.join(stack.directory, change.wanted.path) for change in changes],
        "generated": [item.kind.option for item in evidence if item.candidate is None],
    }
    return Outcome(changed, payload, diff=layout.differences(changes))


def _engine(check_mode: bool) -> Optional[Engine]:
    """A bare host has no engine yet: check mode goes on without one."""
    try:
        return connect()
    except StackError:
        if check_mode:
            return None
        raise


def _judged(
    engine: Engine, evidence: Tuple[SecretEvidence, ...], project: str, accept_new_jwt_secret: bool
) -> Tuple[SecretEvidence, ...]:
    """Complete the evidence and judge it once more: this module also runs without the preflight."""
    completed = with_engine(evidence, project, EngineSources(engine, engine.containers(), engine.volumes()))
    findings = tuple(filter(None, (judge_secret(item, accept_new_jwt_secret) for item in completed)))
    if findings:
        raise Refused(findings)
    return completed


def _image(engine: Optional[Engine], name: str, check_mode: bool) -> ImageConfig:
    found = engine.image(name) if engine is not None else None
    if found is not None:
        return found
    if check_mode:
        return _NOT_PULLED
    raise StackError(f"The image {name} is not on the host.", "pull it first; the role selfhost.postiz.stack does.")
