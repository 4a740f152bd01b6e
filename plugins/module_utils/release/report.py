# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stack_release returns, always in the same shape, and what a person reads."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.backup.restore_report import left_behind
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Severity, sentence
from ansible_collections.selfhost.postiz.plugins.module_utils.release.model import (
    Owner,
    Release,
    ServiceImage,
    Transaction,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.observe import Seen
from ansible_collections.selfhost.postiz.plugins.module_utils.release.parameters import Parameters
from ansible_collections.selfhost.postiz.plugins.module_utils.release.plan import (
    CONTINUE,
    NOTHING,
    PREVIOUS,
    RETURN,
    ROLLBACK,
    Change,
    Plan,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.release.running import Running

_SHORT = 12
_SHOWN = 10


def empty() -> Dict[str, Any]:
    """Every key, with nothing in it."""
    return {
        "decision": "",
        "changes": [],
        "target": [],
        "target_image": "",
        "pull": [],
        "version_from": "",
        "version_to": "",
        "compose_changes": [],
        "workflows": [],
        "releases": [],
        "findings": [],
        "run": "",
        "owner": {},
        "direction": "",
        "back_to": 0,
        "back_to_backup": "",
        "back_to_image": "",
        "unmet": "",
        "data_touched": False,
        "requested": False,
        "begun": [],
        "done": [],
        "info": {},
        "cause": "",
        "result": "",
        "release": 0,
        "dropped": [],
        "seconds": 0.0,
        "down_seconds": -1.0,
        "posts": {"carried": [], "held": [], "unsent": [], "left": []},
        "report": "",
    }


def planned(wanted: Parameters, seen: Seen, found: Plan, workflows: Optional[Running] = None) -> Dict[str, Any]:
    """A plan, and the journal that it found."""
    opened = progress(seen.transaction) if seen.transaction is not None else {}
    release = next((item for item in seen.records if item.number == found.back_to), None)
    return {
        **empty(),
        "decision": found.decision,
        "changes": [asdict(change) for change in found.changes],
        "target": [{"service": i.service, "image": i.reference, "digest": i.digest} for i in found.target],
        "target_image": _known_as(wanted, found),
        "pull": [image.pinned or image.reference for image in found.pull],
        "version_from": seen.version,
        "version_to": found.version,
        "compose_changes": list(_compose_changes(seen, found)),
        "workflows": [{"type": name, "running": count} for name, count in (workflows or Running()).types],
        "releases": [_release(item) for item in seen.records],
        "findings": [finding.as_dict() for finding in found.findings],
        **opened,
        "back_to": found.back_to,
        "unmet": found.unmet,
        "back_to_backup": release.backup if release is not None else "",
        "report": "\n".join([*_lines(wanted, seen, found), *_compose(seen, found), *_workflows(workflows)]),
    }


def _compose(seen: Seen, found: Plan) -> List[str]:
    changes = _compose_changes(seen, found)
    if found.decision == NOTHING or not changes:
        return []
    return ["", "Changes in the compose file:", *(f"  {line}" for line in changes)]


def _compose_changes(seen: Seen, found: Plan) -> Tuple[str, ...]:
    """On the way back, the recorded file takes the place of the one that is there."""
    return (
        seen.recorded_changes.get(found.back_to, ()) if found.decision in (ROLLBACK, RETURN) else seen.compose_changes
    )


def _known_as(wanted: Parameters, found: Plan) -> str:
    """What names the image of `service` on this host before its tag does."""
    image = next((item for item in found.target if item.service == wanted.service), None)
    return (image.identifier or image.pinned or image.reference) if image is not None else ""


def _workflows(found: Optional[Running]) -> List[str]:
    """What the new workers take over."""
    if found is None or found == Running():
        return []
    told = ", ".join(f"{count} {name}" for name, count in found.types)
    return ["", f"Workflows that run: {told or 'cannot be told'}" + (f" ({found.problem})" if found.problem else "")]


def progress(found: Transaction) -> Dict[str, Any]:
    """How far the journal is."""
    return {
        "run": found.run,
        "owner": asdict(Owner.parse(found.owner)),
        "direction": found.direction,
        "back_to": found.back_to,
        "data_touched": found.data_touched,
        "requested": found.requested,
        "begun": sorted(found.begun),
        "done": sorted(found.done),
        "info": dict(found.info),
        "cause": found.cause,
    }


def _release(release: Release) -> Dict[str, Any]:
    found = asdict(release)
    return {name: found[name] for name in ("number", "at", "version", "backup")}


def warnings(found: Plan) -> Tuple[str, ...]:
    """Findings that do not stop a run."""
    return tuple(sentence(finding) for finding in found.findings if finding.severity is Severity.WARNING)


def owner(text: str) -> str:
    """Who that is."""
    return str(Owner.parse(text))


def _lines(wanted: Parameters, seen: Seen, found: Plan) -> List[str]:
    versions = f"{seen.version or 'an unknown version'} -> {found.version or 'a version known once it is pulled'}"
    if found.decision == NOTHING and wanted.to_release is not None:
        brought = (
            ": a rollback brought it back, and none before it is recorded" if wanted.to_release == PREVIOUS else ""
        )
        known = found.version or "version unknown"
        return [f"{wanted.project}: nothing to do, release {found.back_to} ({known}) runs already{brought}."]
    if found.decision == NOTHING:
        return [
            f"{wanted.project}: nothing to do, every image is the wanted one ({seen.version or 'version unknown'})."
        ]
    headings = {
        CONTINUE: f"{wanted.project}: an interrupted upgrade is carried on: {versions}",
        RETURN: f"{wanted.project}: an interrupted run is undone: back to release {found.back_to}.",
        ROLLBACK: f"{wanted.project}: back to release {found.back_to}: {versions}, its database with it.",
    }
    heading = headings.get(found.decision, f"{wanted.project}: upgrade {versions}")
    width = max(len(name) for name in ("SERVICE", *(change.service for change in found.changes)))
    others = [f"Unless it still runs: {item.evidence}" for item in found.findings if item.code == "upgrade-under-way"]
    pull = [f"To be pulled: {', '.join(image.pinned or image.reference for image in found.pull)}"] if found.pull else []
    table = [f"{'SERVICE':{width}}  IMAGE", *(_line(change, width) for change in found.changes)]
    unmet = [f"It ends there. Asked for is {found.unmet}: run it again for that."] if found.unmet else []
    return [heading, *unmet, *others, "", *(table if found.changes else ("No image changes.",)), *pull]


def _line(change: Change, width: int) -> str:
    before = change.before.identifier.partition(":")[2][:_SHORT] or "nothing"
    after = change.after.identifier.partition(":")[2][:_SHORT]
    after = after or f"digest {change.after.digest.partition(':')[2][:_SHORT] or 'not known yet'}"
    return f"{change.service:{width}}  {before} -> {after}  {change.after.reference}"


def closed(
    found: Transaction,
    result: str,
    number: int,
    dropped: Tuple[int, ...],
    seconds: float,
    down: Optional[float],
    posts: Mapping[str, Any],
) -> Dict[str, Any]:
    """The end of a transaction."""
    down_text = "was not measured" if down is None else f"was {down:.1f} s"
    if result == "committed":
        heading = f"Release {number} runs: {found.info.get('version_left')} -> {found.info.get('version')}."
    else:
        heading = f"Release {number} runs again, as it was recorded."
    lines = [heading, f"It took {seconds:.0f} s; the time without an answer of the API {down_text}."]
    if found.info.get("backup"):
        lines.append(f"Backup of before: {found.info['backup']}")
    if found.info.get("back-backup"):
        lines.append(f"Backup of what was left: {found.info['back-backup']}")
    if found.info.get("evidence"):
        lines.append(f"Evidence of the failed release: {found.info['evidence']}")
    lines += _posts(found, posts)
    if dropped:
        lines.append(f"Forgotten releases: {', '.join(str(item) for item in dropped)}")
    return {
        **empty(),
        **progress(found),
        "result": result,
        "release": number,
        "dropped": list(dropped),
        "seconds": round(seconds, 1),
        "down_seconds": -1.0 if down is None else down,
        "posts": {name: list(posts.get(name, ())) for name in ("carried", "held", "unsent", "left")},
        "report": "\n".join(lines),
    }


def inventory(image: ServiceImage) -> str:
    """A rollback leaves the variables of the role stack as they are."""
    return f"Put {image.reference} into the inventory (stack_postiz_image), or the next run goes forward again."


def kept(image: ServiceImage) -> str:
    """An image that was given on the command line alone is in no inventory."""
    return (
        f"Keep {image.reference} in the inventory (stack_postiz_image): provision would start the image that stands there, "
        "and an older one drops columns. The way back is the playbook rollback."
    )


def _posts(found: Transaction, posts: Mapping[str, Any]) -> List[str]:
    told = (
        ("carried", "Posts whose outcome in the release that was left is kept"),
        ("unsent", "Posts that fell due and had not gone out; they go out now"),
        ("held", "Posts that may have gone out, held with 'Could not confirm the post status'; look at their channels"),
    )
    lines = [f"{text}: {len(posts[name])} ({_names(posts[name])})." for name, text in told if posts.get(name)]
    return lines + left_behind(posts.get("left", ()), str(found.info.get("back-backup", "")))


def _names(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")
