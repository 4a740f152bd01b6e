# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images through the `docker` SDK."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Optional

from ansible_collections.selfhost.postiz.plugins.module_utils.engine.images import EngineImages, ImageDetail
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed


class DockerImages(EngineImages):
    """See `EngineImages`. `failures` and `not_found` are the SDK's exceptions."""

    def __init__(self, client: Any, failures: Any, not_found: Any) -> None:
        self._client = client
        self._failures = failures
        self._not_found = not_found

    def detail(self, name: str) -> Optional[ImageDetail]:
        with self._asking(f"inspect the image {name}"):
            try:
                entry = self._client.inspect_image(name)
            except self._not_found:
                return None
        pairs = (item.partition("=") for item in (entry.get("Config") or {}).get("Env") or ())
        return ImageDetail(
            entry["Id"], tuple(entry.get("RepoDigests") or ()), {name: value for name, _equal, value in pairs}
        )

    def registry_digest(self, name: str) -> str:
        with self._asking(f"learn from its registry what {name} is"):
            return str(self._client.inspect_distribution(name)["Descriptor"]["digest"])

    def tag(self, identifier: str, name: str) -> None:
        repository, _colon, tag = name.rpartition(":")
        with self._asking(f"give an image the name {name}"):
            self._client.tag(identifier, repository, tag, force=True)

    def untag(self, name: str) -> None:
        with self._asking(f"take the name {name} from an image"):
            try:
                self._client.remove_image(name)
            except self._not_found:
                return

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._failures as problem:
            reason = str(getattr(problem, "explanation", None) or problem).rstrip(".")
            raise EngineFailed(
                f"The engine could not {what}: {reason}.", "look at the registry, the login, and the engine's own log."
            ) from problem
