# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of the container gate."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "crash-loop": Code(
        "A container ends again and again, and is started again each time.",
        "Exit code, restarts, last log lines.",
        "Repair the cause that its log names.",
    ),
    "dead": Code(
        "The engine could not remove a container.",
        "State of the container.",
        "Remove it (docker rm -f), then start the stack again.",
    ),
    "exited": Code(
        "A container ended, and nothing will start it again.",
        "Exit code, last log lines.",
        "Repair the cause that its log names, then start it.",
    ),
    "flapping": Code(
        "A health check failed again after it had succeeded, and has not held long enough since.",
        "When it recovered, last health checks.",
        "Look at the load of the host.",
    ),
    "http-502": Code(
        "A proxy answers, and nothing listens behind it (502, 503 or 504).",
        "URL and status.",
        "Ask pm2_health which app does not listen.",
    ),
    "http-body": Code(
        "An endpoint answers with another text than expected.",
        "URL and the beginning of the text.",
        "Look at what really listens there.",
    ),
    "http-header": Code(
        "An endpoint answers without an expected header.",
        "URL, header and value.",
        "Look at the proxy in front of it.",
    ),
    "http-refused": Code(
        "An endpoint refuses the connection, or its port is not published.",
        "URL and the system's error.",
        "Look at whether the service runs and publishes the port.",
    ),
    "http-status": Code(
        "An endpoint answers with another status than expected.",
        "URL and status.",
        "Look at the log of the service.",
    ),
    "http-tls": Code(
        "An endpoint's certificate is not valid, or it does not speak TLS.",
        "URL and what the check of the certificate says.",
        "Look at the certificate.",
    ),
    "http-timeout": Code(
        "An endpoint does not answer in time.",
        "URL and seconds.",
        "Look at the load of the host and at the log of the service.",
    ),
    "image-missing": Code(
        "A service has no container, and its image is not on the host.",
        "The image.",
        "Pull it, or correct its name.",
    ),
    "missing-container": Code(
        "A service of the stack has no container, or too few.",
        "How many there are, and how many there shall be.",
        "Start the stack.",
    ),
    "no-healthcheck-unstable": Code(
        "A container without a health check has not run long enough to be called stable.",
        "Seconds since its start.",
        "Wait, or give the service a health check.",
    ),
    "not-completed": Code(
        "A one-shot service still runs.",
        "Seconds since its start.",
        "Wait for it, or look at its log.",
    ),
    "not-started": Code(
        "A container was created, and never started.",
        "The engine's error, or the dependency that it waits for.",
        "Repair the dependency, then start it.",
    ),
    "oom-killed": Code(
        "A process was killed for lack of memory.",
        "Exit code, restarts, last log lines.",
        "Give the service or the host more memory.",
    ),
    "paused": Code(
        "A container is paused.",
        "Its name.",
        "docker unpause",
    ),
    "starting": Code(
        "A health check has not succeeded yet (nobody waited for it).",
        "Seconds since the start.",
        "Wait for it.",
    ),
    "starting-too-long": Code(
        "A health check has not succeeded within the time allowed.",
        "Seconds since the start, last health checks, last log lines.",
        "Repair what its health check or its log names.",
    ),
    "state-unknown": Code(
        "The engine reports a state that this gate does not know.",
        "The state.",
        "Look at the container.",
    ),
    "unexpected-container": Code(
        "A service that shall be absent has a container.",
        "Its state.",
        "Remove the container.",
    ),
    "unhealthy": Code(
        "A health check fails.",
        "Last health checks, last log lines.",
        "Repair what its health check or its log names.",
    ),
}
