# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Codes of the preflight and of the stack itself."""

from __future__ import annotations

from typing import Dict

from ansible_collections.selfhost.postiz.plugins.module_utils.codes.model import Code

CODES: Dict[str, Code] = {
    "anonymous-volumes": Code(
        "Data lies in an anonymous volume, which a recreated container would lose.",
        "The service, and where it keeps its data.",
        "Copy the volume into a named one before the container is recreated.",
    ),
    "architecture-unsupported": Code(
        "The images exist for amd64 and arm64 only.",
        "The architecture that the engine reports.",
        "Use another host.",
    ),
    "compose-missing": Code(
        "The Docker CLI has no Compose v2 plugin.",
        "What `docker compose version` answered.",
        "Install the Compose plugin.",
    ),
    "compose-too-old": Code(
        "Compose is older than the oldest version that works.",
        "Its version, and the oldest that works.",
        "Upgrade the Compose plugin.",
    ),
    "container-not-healthy": Code(
        "A container is not running, or its health check fails.",
        "State, exit code, last health check, last log lines.",
        "Repair the cause, then run the role again.",
    ),
    "database-password-mismatch": Code(
        "The password is not the one that the existing data volume was made with.",
        "Which database refused which password's source, never the password.",
        "Give the old password, or change it in the database first.",
    ),
    "disk-low": Code(
        "Too little free disk space.",
        "Free and wanted bytes, and the file system.",
        "Free space, or lower stack_min_free_bytes.",
    ),
    "dynamic-config-invalid": Code(
        "Temporal's dynamic configuration is not valid YAML of the expected shape.",
        "The parser's message with line and column.",
        "Correct the file.",
    ),
    "dynamic-config-missing": Code(
        "Temporal's dynamic configuration file does not exist.",
        "The path that was looked at.",
        "Correct stack_dynamic_config_file.",
    ),
    "engine-permission-denied": Code(
        "This user may not use the engine's socket.",
        "The socket.",
        "Run with become: true, or add the user to the group docker.",
    ),
    "engine-too-old": Code(
        "The engine is older than the oldest version that works.",
        "Its version, and the oldest that works.",
        "Upgrade the engine.",
    ),
    "engine-unreachable": Code(
        "No Docker Engine answers.",
        "The address, and the system's error.",
        "Start the engine, or correct DOCKER_HOST.",
    ),
    "env-file-unreadable": Code(
        "The stack's .env exists and cannot be read or understood.",
        "The path, and the line number or the system's error.",
        "Correct the file or its permissions.",
    ),
    "environment-invalid": Code(
        "An additional environment variable has a name or value that cannot be used.",
        "The name.",
        "Correct stack_environment.",
    ),
    "image-not-pullable": Code(
        "An image is neither on the host nor to be had from its registry.",
        "The image, and what the registry answered.",
        "Correct the name, log in, or load the image.",
    ),
    "jwt-secret-changed": Code(
        "JWT_SECRET differs from the one that encrypts the stored channels.",
        "Where the two come from, never their values.",
        "Give the old one, or accept that all channels must be connected anew.",
    ),
    "memory-low": Code(
        "Too little memory.",
        "The host's memory, and what is wanted.",
        "Use a bigger host, or stack_visibility: postgresql.",
    ),
    "port-taken": Code(
        "A port to be published belongs to somebody else.",
        "The port, and who holds it.",
        "Stop the other one, or choose another port.",
    ),
    "project-in-other-directory": Code(
        "A stack of the same project name lives in another directory.",
        "Both directories.",
        "Choose another postiz_project, or that directory as postiz_dir.",
    ),
    "project-name-invalid": Code(
        "Compose does not accept this project name.",
        "The name.",
        "Lower case letters, digits, - and _, beginning with a letter or digit.",
    ),
    "python-library-missing": Code(
        "A Python library that the modules need is missing on the host.",
        "The library.",
        "Install it, or let the role stack do it.",
    ),
    "secret-unknown": Code(
        "Data exists, but the secret that belongs to it is known nowhere.",
        "The volume, and the secret's name.",
        "Give the secret.",
    ),
    "service-missing": Code(
        "A service of the stack has no container.",
        "The service.",
        "Run the playbook provision.",
    ),
    "url-malformed": Code(
        "The public URL cannot be used as it is written.",
        "The URL, and what is wrong with it.",
        "Correct stack_url.",
    ),
    "volumes-orphaned": Code(
        "Another project name would leave this stack's data volumes behind.",
        "The volumes.",
        "Keep the old postiz_project.",
    ),
}
