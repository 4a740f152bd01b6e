# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a bundle is refused, as findings. Nothing was changed when one is raised."""

from __future__ import annotations

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import Refused
from ansible_collections.selfhost.postiz.plugins.module_utils.findings import error


def hostile(name: str, why: str) -> Refused:
    """`why` continues a sentence about the member."""
    shown = ascii(name if len(name) <= 120 else f"{name[:80]}…{name[-30:]}")
    remedy = "do not use this image or bundle before you know where it comes from."
    return Refused((error("bundle-hostile", "archive", f"{shown} {why}.", remedy),))


def foreign_link(name: str, target: str) -> Refused:
    """A link that leads out of the tree."""
    evidence = f"the link {name[:120]!a} leads out of the bundle, to {target[:120]!a}."
    remedy = "if you trust the image, set foreign_links to keep: a link is only written, nothing follows it."
    return Refused((error("bundle-hostile", "archive", evidence, remedy),))


def too_large(limit: int, what: str, option: str) -> Refused:
    """More than `limit` of `what`."""
    remedy = f"raise {option} if the build really is that large."
    return Refused((error("bundle-too-large", "archive", f"it has more than {limit} {what}.", remedy),))


def no_space(folder: str, evidence: str) -> Refused:
    """Nothing more fits below `folder`."""
    remedy = "free space, keep fewer releases, or use another file system."
    return Refused((error("bundle-no-space", folder, evidence, remedy),))


def not_built(component: str, evidence: str) -> Refused:
    """The source has no build."""
    return Refused((error("bundle-not-built", component, evidence, "name the image or the path that has one."),))


def asset_conflict(name: str, source: str, target: str) -> Refused:
    """Two releases have another content under one name."""
    evidence = f"{source} and {target} have different contents of {name[:120]!a}."
    remedy = "serve fewer releases' assets (bridge: 0 for none); browsers with an open page then load it anew."
    return Refused((error("bundle-asset-conflict", target, evidence, remedy),))


def no_previous(folder: str, evidence: str) -> Refused:
    """Nothing to go back to."""
    return Refused(
        (error("bundle-no-previous", folder, evidence, "name a release, or take the image's own frontend."),)
    )


def build_failed(image: str, evidence: str, log: str) -> Refused:
    """The build ended with an error."""
    return _of_build("frontend-build-failed", image, evidence, log, "correct the patch")


def build_out_of_memory(image: str, limit: int, log: str) -> Refused:
    """The build was killed, or gave up, for want of memory."""
    evidence = f"it needs more than {limit >> 20} MiB of memory" if limit else "it needs more memory than there is"
    return _of_build(
        "frontend-build-out-of-memory", image, evidence, log, "raise memory, or build elsewhere (prebuilt)"
    )


def build_timed_out(image: str, seconds: float, log: str) -> Refused:
    """The build did not end."""
    remedy = "raise timeout or cpus, or look at what it waits for"
    return _of_build("frontend-build-timed-out", image, f"it did not end within {seconds:g} s", log, remedy)


def not_starting(component: str, evidence: str, log: str) -> Refused:
    """What was built does not serve."""
    return _of_build("frontend-not-starting", component, evidence, log, "correct the patch")


def _of_build(code: str, component: str, evidence: str, log: str, remedy: str) -> Refused:
    lines = "".join(f"\n    | {line}" for line in log.splitlines())
    return Refused((error(code, component, f"{evidence}.{' It said:' if lines else ''}{lines}\n   ", f"{remedy}."),))


def mounted(names: str, dest: str) -> Refused:
    """Containers use what shall be removed."""
    evidence = f"{names} {'have' if ',' in names else 'has'} it mounted."
    return Refused((error("bundle-mounted", dest, evidence, "recreate them without the mount first."),))
