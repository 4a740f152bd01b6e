# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identity checkpoint: one locked person or page at Meta fails many channels at once, each in other words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import FrozenSet, List, Mapping, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.providers.advice import CHECKPOINT
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.judge import Key, Tally
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import Channel

# Channels of one login do not post at the same minute: an effect may be seen some time before the first clear sign.
BEFORE_SIGN = timedelta(hours=1)


@dataclass(frozen=True)
class Cascade:
    """`keys` are the tallies that it explains; `proven` if Meta itself spoke of a checkpoint; `since` its first sign."""

    keys: Tuple[Key, ...]
    proven: bool
    since: datetime
    last: datetime
    suspects: FrozenSet[str]


def cascades(tallies: Mapping[Key, Tally], channels: Mapping[str, Channel]) -> Tuple[Cascade, ...]:
    """One for each group of Meta channels with the same login or organization in which a sign was seen.

    `suspects` are channels whose posts would fail now: those explained, and those of the same login as one with a sign.
    """
    concerned = {key: tally for key, tally in tallies.items() if tally.channel.of_meta and _concerned(tally)}
    found = []
    for keys in _groups(concerned):
        signs = [concerned[key] for key in keys if _sign(concerned[key])]
        if not signs:
            continue
        since = min(tally.first for tally in signs)
        explained = [key for key in keys if _sign(concerned[key]) or concerned[key].first >= since - BEFORE_SIGN]
        logins = {tally.channel.login for tally in signs} - {""}
        suspects = {key[1] for key in explained}
        suspects |= {item.identifier for item in channels.values() if item.of_meta and item.login in logins}
        proven = any(tally.rule.proves_checkpoint for tally in signs)
        last = max(concerned[key].last for key in explained)
        found.append(Cascade(tuple(explained), proven, since, last, frozenset(suspects)))
    return tuple(found)


def _sign(tally: Tally) -> bool:
    return tally.rule.code == CHECKPOINT


def _concerned(tally: Tally) -> bool:
    return _sign(tally) or tally.rule.follows_checkpoint


def _groups(tallies: Mapping[Key, Tally]) -> List[List[Key]]:
    """Keys whose channels share a login or an organization, directly or through others."""
    groups: List[Tuple[Set[str], List[Key]]] = []
    for key, tally in tallies.items():
        names = {f"organization {tally.channel.organization}"}
        if tally.channel.login:
            names.add(f"login {tally.channel.login}")
        touched = [group for group in groups if group[0] & names]
        keys = [item for group in touched for item in group[1]]
        names = names.union(*(group[0] for group in touched))
        groups = [group for group in groups if group not in touched] + [(names, [*keys, key])]
    return [keys for _names, keys in groups]
