# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of frontend_build that runs on the controller: files that patches name become their content."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """See the module."""

    # A build prints nothing for minutes, and what stands between controller and host may drop a silent session.
    _supports_async = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Read the files, then run the module on the host."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        given = arguments.get("patches")
        if isinstance(given, (list, tuple)):
            arguments["patches"] = [
                self._with_content(patch) if isinstance(patch, Mapping) else patch for patch in given
            ]
        for name in ("environment", "start_environment"):
            if isinstance(arguments.get(name), Mapping):
                # Of a dictionary, Ansible would censor each value ("true", "1") everywhere.
                arguments[name] = json.dumps(dict(arguments[name]))
        return self._execute_module(
            module_name="selfhost.postiz.frontend_build",
            module_args=arguments,
            task_vars=task_vars,
            wrap_async=bool(self._task.async_val) and not self._connection.has_native_async,
        )

    def _with_content(self, patch: Mapping[str, Any]) -> Dict[str, Any]:
        source = patch.get("src")
        if not source:
            return dict(patch)
        if patch.get("diff") is not None or patch.get("content") is not None:
            raise AnsibleActionFail(f"The patch {source} has src, and diff or content besides: give one of them.")
        try:
            path = self._loader.get_real_file(self._find_needle("files", source))
            with open(path, "rb") as file:
                text = file.read().decode("utf-8")
        except (AnsibleError, OSError) as problem:
            raise AnsibleActionFail(f"The patch {source} cannot be read on the controller: {problem}") from problem
        except UnicodeDecodeError as problem:
            raise AnsibleActionFail(f"The patch {source} is no text in UTF-8, so it cannot be applied.") from problem
        rest = {name: value for name, value in patch.items() if name != "src"}
        return {"name": source, **rest, ("content" if patch.get("path") else "diff"): text}
