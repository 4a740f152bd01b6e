# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is to blame: the graph of depends_on, walked from each trouble down to its first cause. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.health.judgement import Trouble
from ansible_collections.selfhost.postiz.plugins.module_utils.health.model import Snapshot

# What time may mend by itself explains nothing as long as something else is broken.
PASSING = ("flapping", "starting", "no-healthcheck-unstable")
# A health check or a request may fail because of something that nobody declared; what is not there needs no other cause.
_PROBED = ("unhealthy", "http-")


@dataclass(frozen=True)
class Chain:
    """A trouble, then what caused it, down to the first cause."""

    links: Tuple[Trouble, ...]

    @property
    def first_cause(self) -> Trouble:
        """The last link."""
        return self.links[-1]

    @property
    def sentence(self) -> str:
        """For example: postiz was never started, because temporal is unhealthy, because …"""
        return ", because ".join(f"{link.service} {link.state}" for link in self.links)


def graph(snapshot: Snapshot) -> Mapping[str, Tuple[str, ...]]:
    """Services on which a service depends, in the order of its compose file."""
    found: Dict[str, Tuple[str, ...]] = {}
    for container in snapshot.containers:
        names = tuple(dependency.service for dependency in container.depends_on)
        found[container.service] = found.get(container.service, ()) or names
    return found


def chains(troubles: Tuple[Trouble, ...], dependencies: Mapping[str, Tuple[str, ...]]) -> Tuple[Chain, ...]:
    """One chain for each trouble: first causes first (those that explain most before the others)."""
    by_service = {trouble.service: trouble for trouble in reversed(troubles)}
    found = [Chain(_walk(trouble, by_service, dependencies)) for trouble in troubles]
    blamed = [chain.first_cause.service for chain in found]

    def rank(chain: Chain) -> Tuple[bool, int, int, bool]:
        cause = chain.first_cause
        explains = blamed.count(chain.links[0].service)
        return cause.code in PASSING, len(chain.links), -explains, cause.code.startswith(_PROBED)

    return tuple(sorted(found, key=rank))


def first_cause(found: Tuple[Chain, ...]) -> str:
    """The longest way down to the cause that explains most, as a sentence; empty without any trouble.

    It does not begin with what time may mend, which reads as if that were the trouble.
    """
    if not found:
        return ""
    cause = found[0].first_cause
    blaming = [chain for chain in found if chain.first_cause == cause and chain.links[0].code not in PASSING]
    return max(blaming or [found[0]], key=lambda chain: len(chain.links)).sentence


def _walk(
    trouble: Trouble, by_service: Mapping[str, Trouble], dependencies: Mapping[str, Tuple[str, ...]]
) -> Tuple[Trouble, ...]:
    """The longest way down: of two ailing dependencies, the one with the deeper cause explains more.

    It leads through services that ail of nothing: a health check may notice late, or not at all, what is missing below.
    """

    def below(service: str, seen: Set[str]) -> List[Trouble]:
        ways = [
            [*([by_service[name]] if name in by_service else []), *below(name, seen | {name})]
            for name in dependencies.get(service, ())
            if name not in seen
        ]
        return max(ways, key=len, default=[])

    return (trouble, *below(trouble.service, {trouble.service}))
