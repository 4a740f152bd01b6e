# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which steps fit which finding, from the least to the most. Data; `choose` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.recover.model import Rung

POSTIZ = "postiz"


@dataclass(frozen=True)
class Ladder:
    """`patience` is how long, in seconds, the cause must have been seen before the first rung is taken.

    `target` names the service to act on; empty: the component of the finding. `app` names the app whose process group
    is meant; empty: the component. Without any rung a person is asked as soon as the patience is over; `why` says why
    no step helps.
    """

    rungs: Tuple[Rung, ...]
    patience: float = 0.0
    target: str = ""
    app: str = ""
    why: str = ""


def person(why: str, patience: float = 0.0) -> Ladder:
    """No step of this collection mends it."""
    return Ladder((), patience, why=why)


_OF_AN_APP = (Rung.END_PROCESS_GROUP, Rung.RESTART_CONTAINER, Rung.RECREATE_CONTAINER, Rung.RESTART_STACK)
_OF_POSTIZ = (Rung.RESTART_CONTAINER, Rung.RECREATE_CONTAINER, Rung.RESTART_STACK)
_OF_A_SERVICE = (Rung.RESTART_CONTAINER, Rung.RESTART_STACK)
_STOPPED = (Rung.START_SERVICE, Rung.RECREATE_CONTAINER, Rung.RESTART_STACK)

# A restart by hand, or a recreation by Compose, leaves a container exited for a moment.
_RECREATING_SECONDS = 5.0
# A health check that failed in an outage needs some of its intervals to succeed again.
_RECOVERING_SECONDS = 60.0
# A worker whose connection broke tries again within ten seconds.
_RECONNECT_SECONDS = 12.0
# auto-setup registers the namespace some seconds after the server serves.
_REGISTER_SECONDS = 45.0
_LOOK_AGAIN_SECONDS = 30.0
# Measured: PM2 starts the apps up to 70 s after the start of the container, and the boot guard may have held that back.
_STARTING_SECONDS = 75.0

LADDERS: Dict[str, Ladder] = {
    # The engine: nothing is acted on that cannot be seen.
    "engine-unreachable": person("without the engine nothing can be seen or done.", _LOOK_AGAIN_SECONDS),
    "engine-too-old": person("the engine must be upgraded."),
    "engine-permission-denied": person("this user may not talk to the engine."),
    "python-library-missing": person("a library is missing on the host."),
    "disk-low": person("a restart needs room, too; free space first, and never prune volumes."),
    # Other playbooks that are in the middle of something.
    "restore-under-way": person("a restore has begun and is not at its end."),
    "upgrade-under-way": person("an upgrade or a rollback has begun and is not at its end."),
    # Containers.
    "crash-loop": Ladder((Rung.RESTART_CONTAINER, Rung.RESTART_STACK), _LOOK_AGAIN_SECONDS),
    "dead": person("the engine could not remove it; what holds it must be found out."),
    "exited": Ladder(_STOPPED, _RECREATING_SECONDS),
    "flapping": Ladder((), _RECOVERING_SECONDS, why="its health check comes and goes: look at the load of the host."),
    "http-502": Ladder(_OF_POSTIZ, _LOOK_AGAIN_SECONDS, POSTIZ),
    "http-body": person("something else answers there.", _LOOK_AGAIN_SECONDS),
    "http-header": person("the proxy in front answers otherwise than expected.", _LOOK_AGAIN_SECONDS),
    "http-refused": Ladder(_OF_POSTIZ, _LOOK_AGAIN_SECONDS, POSTIZ),
    "http-status": person("the log of the service says why.", _LOOK_AGAIN_SECONDS),
    "http-tls": person("a certificate is no matter of restarts."),
    "http-timeout": Ladder(_OF_POSTIZ, _RECOVERING_SECONDS, POSTIZ),
    "image-missing": person("its image must be had first."),
    "missing-container": Ladder((Rung.RECREATE_CONTAINER, Rung.RESTART_STACK)),
    "no-healthcheck-unstable": Ladder((), _RECOVERING_SECONDS, why="it does not become stable."),
    "not-completed": person("a one-shot service does not end.", _RECOVERING_SECONDS),
    "not-started": Ladder(_STOPPED, _RECOVERING_SECONDS),
    "oom-killed": Ladder((Rung.RESTART_CONTAINER,), _LOOK_AGAIN_SECONDS, POSTIZ),
    "paused": Ladder((Rung.START_SERVICE, Rung.RESTART_CONTAINER)),
    "starting": Ladder(_OF_A_SERVICE, 240.0),
    "starting-too-long": Ladder(_OF_A_SERVICE),
    "state-unknown": person("the engine reports a state that is not known here.", _LOOK_AGAIN_SECONDS),
    "unexpected-container": person("somebody else has made it."),
    "unhealthy": Ladder(_OF_A_SERVICE, _RECOVERING_SECONDS),
    # PM2.
    "app-crash-loop": Ladder(_OF_POSTIZ, 0.0, POSTIZ),
    "app-missing": Ladder(_OF_POSTIZ, _STARTING_SECONDS, POSTIZ),
    "app-not-online": Ladder(_OF_POSTIZ, 0.0, POSTIZ),
    "boot-guard-waiting": person("the boot guard waits for Temporal, which has no other finding.", 240.0),
    "ghost-process": Ladder(_OF_AN_APP, 0.0, POSTIZ),
    "hung-at-start": Ladder(_OF_AN_APP, 0.0, POSTIZ),
    "not-listening": Ladder(_OF_AN_APP, 0.0, POSTIZ),
    "pm2-daemon-missing": Ladder(_OF_POSTIZ, _STARTING_SECONDS, POSTIZ),
    "pm2-no-answer": Ladder(_OF_POSTIZ, _LOOK_AGAIN_SECONDS, POSTIZ),
    "pm2-probe-failed": person("what cannot be looked at is not acted on.", _LOOK_AGAIN_SECONDS),
    "port-held-by-ghost": Ladder(_OF_POSTIZ, 0.0, POSTIZ),
    # Temporal.
    "namespace-missing": Ladder((Rung.RESTORE_NAMESPACE,), _REGISTER_SECONDS, "temporal"),
    "queue-not-polled": Ladder(_OF_AN_APP, _RECONNECT_SECONDS, POSTIZ, "orchestrator"),
    "search-attribute-limit": person("Temporal's samples must make room; Postiz cannot start before."),
    "search-attribute-missing": Ladder(_OF_AN_APP, _RECONNECT_SECONDS, POSTIZ, "backend"),
    "sweeper-failed": Ladder((Rung.RESTORE_SWEEPER, *_OF_POSTIZ), 0.0, POSTIZ),
    "sweeper-missing": Ladder((Rung.RESTORE_SWEEPER, *_OF_POSTIZ), _RECONNECT_SECONDS, POSTIZ),
    "temporal-answer-malformed": person("what Temporal's client says is not understood.", _LOOK_AGAIN_SECONDS),
    "temporal-cli-missing": person("without Temporal's client it cannot be told what is wrong.", _LOOK_AGAIN_SECONDS),
    "temporal-not-serving": Ladder(_OF_A_SERVICE, _RECOVERING_SECONDS, "temporal"),
    "temporal-refused": person("credentials are no matter of restarts."),
    "temporal-slow": person("a restart takes no load away from the host or its database.", _LOOK_AGAIN_SECONDS),
    "temporal-unreachable": Ladder(_OF_A_SERVICE, _RECOVERING_SECONDS, "temporal"),
    "worker-not-polling": Ladder(_OF_AN_APP, _RECONNECT_SECONDS, POSTIZ, "orchestrator"),
    "workflow-tasks-failing": person("as after a downgrade: go back to the newer release, or end these workflows."),
    # Posts.
    "identity-checkpoint": person("Meta has locked it, and only the person who owns it can unlock it."),
    "posts-overdue": Ladder((Rung.REPAIR_POSTS,), _LOOK_AGAIN_SECONDS, POSTIZ),
    "posts-unknown": person("the database of Postiz cannot be asked.", _LOOK_AGAIN_SECONDS),
}

UNKNOWN = person("this finding has no step.", _LOOK_AGAIN_SECONDS)


def ladder(code: str) -> Ladder:
    """That of a code; of one without any, a person's."""
    return LADDERS.get(code, UNKNOWN)
