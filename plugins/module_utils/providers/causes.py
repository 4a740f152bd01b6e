# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cause out of many tallies: what one repair cures is told once. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, FrozenSet, Iterable, List, Mapping, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.findings import Severity
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.advice import ADVICE, CHECKPOINT
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.cascade import Cascade
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.judge import (
    Key,
    Tally,
    component_of,
    worst,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import Cause, Share

META = "meta"


def causes(
    failed: Mapping[Key, Tally],
    foreseen: Mapping[Key, Tally],
    cascades: Tuple[Cascade, ...],
    recovered: FrozenSet[str] = frozenset(),
) -> Tuple[Cause, ...]:
    """What happened before what is foreseen; errors before warnings, and what took most posts first.

    `recovered` are channels that have published since their cascade's last failure.
    """
    explained: Set[Key] = {key for cascade in cascades for key in cascade.keys}
    found = [_cascade(cascade, [failed[key] for key in cascade.keys], recovered) for cascade in cascades]
    found += _grouped((tally for key, tally in failed.items() if key not in explained), False)
    found += _grouped(foreseen.values(), True)
    return tuple(
        sorted(
            found,
            key=lambda cause: (cause.predicted, ADVICE[cause.code].severity is not Severity.ERROR, -cause.count),
        )
    )


def codes_of(failed: Mapping[Key, Tally], cascades: Tuple[Cascade, ...]) -> Dict[Key, str]:
    """The code of each tally's posts, a cascade's where it explains them."""
    explained = {key for cascade in cascades for key in cascade.keys}
    return {key: CHECKPOINT if key in explained else tally.rule.code for key, tally in failed.items()}


def _grouped(tallies: Iterable[Tally], predicted: bool) -> List[Cause]:
    groups: Dict[Tuple[str, str], List[Tally]] = {}
    for tally in tallies:
        code = tally.rule.code
        component = META if code == CHECKPOINT else component_of(code, tally.channel)
        groups.setdefault((code, component), []).append(tally)
    return [
        _cause(
            code,
            predicted,
            component,
            group,
            f"{ADVICE[code].meaning}. {'For example' if predicted else 'Last'}: {_latest(group).evidence}",
        )
        for (code, component), group in groups.items()
    ]


def _cascade(cascade: Cascade, group: List[Tally], recovered: FrozenSet[str]) -> Cause:
    networks = {tally.channel.family for tally in group}
    channels = {tally.channel.identifier for tally in group}
    proof = "Meta itself asks for it" if cascade.proven else "suspected: Meta says that the object behind it is gone"
    # The words of a sign say more than those of an effect.
    signs = [tally for tally in group if tally.rule.code == CHECKPOINT]
    evidence = (
        f"{ADVICE[CHECKPOINT].meaning} ({proof}). One cause for {len(channels)} channels of {', '.join(sorted(networks))}. "
        f"Last sign: {_latest(signs).evidence}"
    )
    if channels & recovered:
        evidence += f" Of these channels, {len(channels & recovered)} published again since."
    return replace(_cause(CHECKPOINT, False, META, group, evidence), over=channels <= recovered)


def _latest(group: List[Tally]) -> Tally:
    return max(group, key=lambda tally: tally.last)


def _cause(code: str, predicted: bool, component: str, group: List[Tally], evidence: str) -> Cause:
    group = sorted(group, key=lambda tally: -tally.count)
    posts = [identifier for tally in group for identifier in tally.posts]
    return Cause(
        code,
        predicted,
        component,
        worst(tally.rule.retry for tally in group),
        evidence,
        _shares(group),
        tuple(posts),
    )


def _shares(group: List[Tally]) -> Tuple[Share, ...]:
    """One for each channel, the most posts first."""
    by_channel: Dict[str, List[Tally]] = {}
    for tally in group:
        by_channel.setdefault(tally.channel.identifier, []).append(tally)
    shares = [
        Share(
            tallies[0].channel,
            sum(tally.count for tally in tallies),
            min(tally.first for tally in tallies),
            max(tally.last for tally in tallies),
        )
        for tallies in by_channel.values()
    ]
    return tuple(sorted(shares, key=lambda share: -share.count))
