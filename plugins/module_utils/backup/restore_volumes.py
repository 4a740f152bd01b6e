# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step that makes volumes anew and fills them."""

from __future__ import annotations

import os
from typing import List

from ansible_collections.selfhost.postiz.plugins.module_utils.backup import restore_judge, restore_report, volumes
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.model import SavedVolume
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_parameters import VOLUMES
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_run import Run, gate
from ansible_collections.selfhost.postiz.plugins.module_utils.backup.writing import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError


def fill(run: Run) -> Outcome:
    """Raises Refused, StackError."""
    findings = gate(run)
    journal = run.begun()
    if VOLUMES in journal.done:
        return restore_report.step(run.backup, VOLUMES, journal, findings, False, "The volumes are there already.")
    request, manifest, engine = run.request, run.manifest, run.tools.engine
    if run.scene.containers and request.fresh:
        names = ", ".join(sorted({item.service for item in run.scene.containers}))
        raise StackError(
            f"Containers of {request.project} still exist ({names}), and hold the volumes that shall be made anew.",
            "remove them first (compose down; the role restore does), then run this step again.",
        )
    told: List[str] = []
    if request.fresh:
        for server in restore_judge.wanted_servers(manifest, request.parts):
            volume = run.scene.volumes.get(server.volume)
            if volume is not None:
                engine.lifecycle().remove_volume(volume.name)
                if not volume.project:
                    engine.lifecycle().create_volume(volume.name, volume.driver, volume.options, volume.labels)
                told.append(f"{volume.name} (empty)")
                run.tools.step(f"volume {server.volume}")
    left: List[str] = []
    for item in manifest.volumes:
        if item.part not in request.parts:
            continue
        if not item.name and not item.bind:
            left.append(item.key)
            continue
        told.append(_volume(run, item))
        run.tools.step(f"volume {item.key}")
    journal = run.ended(journal, VOLUMES)
    text = f"Made anew: {', '.join(told) or 'nothing'}."
    if left:
        text += f" Anonymous volumes are not restored: {', '.join(left)}; their archives are in {run.backup.path}."
    return restore_report.step(run.backup, VOLUMES, journal, findings, bool(told), text)


def _volume(run: Run, item: SavedVolume) -> str:
    request, engine = run.request, run.tools.engine
    path = os.path.join(run.backup.path, item.saved.file)
    image = _image(run, item.service)
    if item.bind:
        with file_errors(item.bind):
            if request.fresh and os.path.isdir(item.bind) and os.listdir(item.bind):
                os.rename(item.bind, f"{item.bind}.before-restore-{int(run.tools.clock.now())}")
            os.makedirs(item.bind, exist_ok=True)
    else:
        there = run.scene.volumes.get(item.key)
        if there is not None and request.fresh:
            engine.lifecycle().remove_volume(there.name)
        if there is None or request.fresh:
            labels = there.labels if there is not None else item.labels
            engine.lifecycle().create_volume(item.name, item.driver, item.options, labels)
    volumes.put(engine, image, item.bind or item.name, bool(item.bind), request.project, path, request.timeout_seconds)
    return item.bind or item.name


def _image(run: Run, service: str) -> str:
    """Any image of the stack that is on the host: its container is never started."""
    engine = run.tools.engine
    for item in sorted(run.manifest.services, key=lambda item: item.service != service):
        for name in (item.image_id, item.image):
            if engine.image(name) is not None:
                return name
    raise StackError(
        "No image of the stack is on this host.", "pull them first (docker compose pull), then run this again."
    )
