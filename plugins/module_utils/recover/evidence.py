# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is seen before the first step, kept on the host: a restart destroys it. Redacted, bounded, the newest few."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any, Dict, List, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis import gate
from ansible_collections.selfhost.postiz.plugins.module_utils.diagnosis.model import Request as Diagnosis
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Container, ContainerDetail, Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone, EngineFailed
from ansible_collections.selfhost.postiz.plugins.module_utils.recover.observe import Sight
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import PLACEHOLDER, Redactor, is_secret_name

FOLDER = "evidence"
# Of each log; a stack of nine services then takes at most some MiB.
LOG_LINES = 500
LOG_BYTES = 256 << 10
APP_LOG_BYTES = 4 << 20


def save(
    engine: Engine, diagnosis: Diagnosis, sight: Sight, folder: str, name: str, keep: int, redactor: Redactor
) -> str:
    """The path of the new folder. Raises OSError; what a single container does not tell is noted in its place."""
    home = os.path.join(folder, FOLDER)
    final = os.path.join(home, name)
    if os.path.isdir(final):
        return final
    draft = f"{final}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    os.makedirs(home, mode=0o700, exist_ok=True)
    os.mkdir(draft, mode=0o700)
    told = gate.result(sight.layers, diagnosis, 0.0)
    _write(draft, "health.json", json.dumps(redactor.value(told.payload()), indent=1))
    _write(draft, "health.txt", redactor.text(told.report))
    containers = engine.project_containers(diagnosis.project)
    for item in containers:
        _container(engine, item, draft, redactor, item.service == diagnosis.service)
    # The name is the run's, so a run that was killed here begins again.
    os.replace(draft, final)
    _forget(home, keep)
    return final


def _container(engine: Engine, item: Container, draft: str, redactor: Redactor, postiz: bool) -> None:
    name = item.name.replace("/", "_")
    try:
        detail = engine.detail(item.identifier)
        _write(draft, f"{name}.inspect.json", json.dumps(redactor.value(_inspected(item, detail)), indent=1))
        log = engine.log_tail(item.identifier, LOG_LINES)
    except (ContainerGone, EngineFailed) as problem:
        log = f"(no log: {problem.message})"
    _write(draft, f"{name}.log", _end(redactor.text(log), LOG_BYTES))
    if postiz:
        _app_logs(engine, item, detail_home(engine, item), draft, name, redactor)


def detail_home(engine: Engine, item: Container) -> str:
    """Where PM2 keeps its logs in a container."""
    try:
        environment = engine.detail(item.identifier).environment
    except ContainerGone:
        environment = {}
    return environment.get("PM2_HOME") or f"{environment.get('HOME') or '/root'}/.pm2"


def _app_logs(engine: Engine, item: Container, home: str, draft: str, name: str, redactor: Redactor) -> None:
    """PM2's own and its apps': they are in the container's own layer, and gone once it is recreated."""
    try:
        found = engine.files(item.identifier, f"{home}/logs", APP_LOG_BYTES)
    except EngineFailed as problem:
        _write(draft, f"{name}.pm2.log", f"(not kept: {problem.message})")
        return
    for path, content in sorted(found.items()):
        text = redactor.text(content.decode("utf-8", "replace"))
        _write(draft, f"{name}.{path.partition('/')[2].replace('/', '_') or path}", _end(text, LOG_BYTES))


def _inspected(item: Container, detail: ContainerDetail) -> Dict[str, Any]:
    shown = {key: PLACEHOLDER if is_secret_name(key) else value for key, value in sorted(detail.environment.items())}
    return {
        "name": item.name,
        "service": item.service,
        "image": item.image,
        "image_identifier": item.image_identifier,
        "identifier": item.identifier,
        "state": detail.state,
        "health": detail.health,
        "exit_code": detail.exit_code,
        "restarts": detail.restarts,
        "oom_killed": detail.oom_killed,
        "error": detail.error,
        "started_at": detail.started_at,
        "finished_at": detail.finished_at,
        "restart_policy": detail.restart_policy,
        "mounts": [f"{mount.kind} {mount.name or mount.source} {mount.destination}" for mount in item.mounts],
        "networks": list(item.networks),
        "environment": shown,
        "health_checks": [
            {"ended_at": probe.ended_at, "exit_code": probe.exit_code, "output": probe.output}
            for probe in detail.probes
        ],
    }


def _end(text: str, most: int) -> str:
    return text if len(text) <= most else f"(the beginning is left out)\n{text[-most:]}"


def _write(folder: str, name: str, text: str) -> None:
    descriptor = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
        stream.write(text)


def _forget(home: str, keep: int) -> None:
    names: List[str] = sorted(entry for entry in os.listdir(home) if not entry.endswith(".draft"))
    for name in names[: max(len(names) - keep, 0)]:
        shutil.rmtree(os.path.join(home, name), ignore_errors=True)


def secrets_of(engine: Engine, containers: Tuple[Container, ...]) -> Dict[str, str]:
    """Every environment of the project in one, for a redactor."""
    found: Dict[str, str] = {}
    for item in containers:
        try:
            for key, value in engine.detail(item.identifier).environment.items():
                found[f"{item.service} {key}"] = value
        except ContainerGone:
            continue
    return found
