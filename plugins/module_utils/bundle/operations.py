# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What frontend_bundle does: present, verified, absent."""

from __future__ import annotations

from typing import Callable, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.boundary import Outcome
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import (
    going_back,
    mounts,
    origins,
    prove,
    refusals,
    report,
    verify,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.bridge import named
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.extracting import Recipe, of_release, recipe
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.lock import held
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import Request
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.present import is_served, present
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.store import Store
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import NotHealthy
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import (
    Finding,
    Severity,
    error,
    errors_of,
    sentence,
)


def run(engine: Engine, wanted: Request, clock: Clock, step: Callable[[str], None]) -> Outcome:
    """`step` is told each step that changes something, and every few members. Raises StackError."""
    store = Store(wanted.dest)
    if wanted.state in ("verified", "proven"):
        return _verified(engine, wanted, store, clock)
    if wanted.state == "absent":
        return _absent(engine, wanted, store, clock)
    return present(engine, wanted, store, clock, step, _how(engine, wanted, store))


def _how(engine: Engine, wanted: Request, store: Store) -> Recipe:
    if not wanted.release:
        return recipe(engine, wanted)
    if not wanted.image:
        return of_release(going_back.target(engine, wanted, store))
    known = going_back.of_image(store, origins.image_facts(engine, wanted.image).identifier)
    # Patches of by now may be made for another release: what the image has of its own always fits it.
    return of_release(known) if known is not None else recipe(engine, wanted)


def _verified(engine: Engine, wanted: Request, store: Store, clock: Clock) -> Outcome:
    current = named(store, store.current())
    findings: Tuple[Finding, ...] = ()
    damage = verify.Damage()
    if current is None:
        evidence = f"{store.current_path} leads to no release."
        findings = (error("bundle-missing", wanted.dest, evidence, "extract one with state present."),)
    else:
        try:
            entries = store.entries(current)
        except ValueError as problem:
            found = verify.damage_finding(current, None, str(problem))
        else:
            bridged = tuple(item.entry for item in store.records.bridge(current.name).items)
            with file_errors(wanted.dest, "read"):
                damage = verify.compare((*entries, *bridged), store.path(current.name), current.manifest.origin.exclude)
            found = verify.damage_finding(current, damage, "")
        findings = (found,) if found is not None else ()
    if wanted.project:
        findings += verify.served_findings(engine, wanted, store, current)
    proves = wanted.state == "proven"
    if (proves or wanted.page_seconds) and not errors_of(findings):
        findings += prove.served(engine, wanted, clock)
    text = report.found_text(current.name if current is not None else wanted.dest, findings)
    name = current.name if current is not None else ""
    newly = proves and not findings and not store.records.proven(name)
    if newly and not wanted.check_mode:
        with held(wanted.dest, wanted.lock_seconds, clock):
            store.records.mark_proven(name)
    served = is_served(engine, wanted, store)
    payload = report.payload(store, current, name, findings=findings, damage=damage, text=text, served=served)
    if (errors_of(findings) and wanted.fail_on_mismatch) or (proves and any(_disproves(item) for item in findings)):
        raise NotHealthy(text, payload)
    return Outcome(newly, payload, warnings=tuple(sentence(item) for item in findings))


def _disproves(finding: Finding) -> bool:
    """What cannot be told is no reason to go back, and none to call a release proven."""
    return finding.severity is Severity.ERROR or finding.code != "bundle-image-mismatch"


def _absent(engine: Engine, wanted: Request, store: Store, clock: Clock) -> Outcome:
    previous = store.current()
    gone = tuple(item.name for item in store.releases())
    if not store.exists():
        return Outcome(False, report.payload(store, None, text=f"There is no bundle at {wanted.dest}."))
    _refuse_mounted(engine, store)
    if not wanted.check_mode:
        with held(wanted.dest, wanted.lock_seconds, clock):
            _refuse_mounted(engine, store)
            origins.remove_orphans(engine, wanted.dest)
            store.remove_all()
    payload = report.payload(store, None, previous, pruned=gone, text=f"{wanted.dest} is removed.", releases=())
    diff = {"before": "".join(f"{name}\n" for name in gone), "after": ""}
    return Outcome(True, payload, diff)


def _refuse_mounted(engine: Engine, store: Store) -> None:
    holders = mounts.look(engine, store).holders
    if holders:
        raise refusals.mounted(", ".join(holders), store.folder)
