# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build a patched frontend in a throw-away container of its image, and prove in another one that it serves."""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from contextlib import contextmanager
from typing import Dict, Iterator, Optional, Sequence

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import origins, patches, prove, refusals
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.build_parameters import BuildRequest
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.extracting import Step
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import BUILD_ID
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.origins import Located, Opened
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import file_errors
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.jobs import Job
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import Engine

_LARGEST_SOURCE = 8 << 20
_TAIL_LINES = 15
_TAIL_BYTES = 4000
_LOG_BYTES = 16 << 20
_MARK = "selfhost.postiz: processes killed by the memory limit: "
# What Node.js, pnpm and Next.js say when it was memory.
_MEMORY = re.compile(r"heap out of memory|JavaScript heap|Cannot allocate memory|ENOMEM|SIGKILL|\bOOM\b|exit code 137")
_KILLED = 137


def sources(engine: Engine, wanted: BuildRequest, located: Located) -> Dict[str, Optional[bytes]]:
    """The files of the image that the patches touch; None where there is none."""
    found: Dict[str, Optional[bytes]] = {}
    with origins.unstarted(engine, located.image.identifier, wanted.bundle.dest, ()) as reader:
        for path in patches.paths(wanted.patches):
            files = engine.files(reader, posixpath.join(wanted.root, path), _LARGEST_SOURCE)
            found[path] = files.get(posixpath.basename(path))
    return found


class _Log:
    """The build's output: all of it in a file, its end here."""

    def __init__(self, path: str) -> None:
        with file_errors(os.path.dirname(path)):
            if os.path.lexists(path):
                os.unlink(path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(path, flags, 0o640), "wb", buffering=0)
        self._end = b""
        self._written = 0

    def tell(self, part: bytes) -> None:
        """Something was printed."""
        self._end = (self._end + part)[-_TAIL_BYTES:]
        if self._written < _LOG_BYTES:
            with file_errors(self._file.name):
                self._file.write(part)
            self._written += len(part)

    @property
    def end(self) -> str:
        """Its last lines."""
        return _tail(self._end.decode("utf-8", "replace"))

    def close(self) -> None:
        """Nothing more comes."""
        self._file.close()


def _tail(text: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    lines = (line.rstrip()[:300] for line in plain.replace("\r", "\n").splitlines() if line.strip())
    return "\n".join([line for line in lines if not line.startswith(_MARK)][-_TAIL_LINES:])


def bounded(command: str, seconds: float) -> str:
    """A command that ends some time after its limit, also when nobody is left who would end its container."""
    found = "command -v timeout > /dev/null"
    return f'$({found} && echo "timeout -k 30 {int(seconds) + 60}") sh -c {shlex.quote(command)}'


def script(wanted: BuildRequest, gone: Sequence[str]) -> str:
    """What the container runs. The build's cache is of use to the build, and to nobody afterwards."""
    bundle = wanted.bundle.path
    removed = " ".join(shlex.quote(posixpath.join(wanted.root, path)) for path in gone)
    left_out = " ".join(shlex.quote(f"{bundle}/{path}") for path in wanted.bundle.exclude)
    return "\n".join(
        (
            f"rm -rf -- {shlex.quote(bundle + '/' + BUILD_ID)} {removed}",
            bounded(wanted.command, wanted.seconds),
            "code=$?",
            # Which process the kernel killed, only the control group tells: the shell lives on.
            "for told in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do",
            f'  if [ -r "$told" ]; then sed -n "s/^oom_kill \\([1-9]\\)/{_MARK}\\1/p" "$told"; fi',
            "done",
            # Next.js writes there while it serves: the folders stay, or the release would get what it did not have.
            f"rm -rf -- {left_out}; mkdir -p -- {left_out}" if left_out else "",
            "exit $code",
        )
    )


@contextmanager
def built(
    engine: Engine,
    wanted: BuildRequest,
    located: Located,
    patched: Dict[str, Optional[bytes]],
    log_path: str,
    step: Step,
) -> Iterator[Opened]:
    """The members of what the build made. Raises Refused, StackError."""
    gone = sorted(path for path, content in patched.items() if content is None)
    job = Job(
        image=located.image.identifier,
        argv=("sh", "-c", script(wanted, gone)),
        labels={},
        folder=wanted.root,
        environment=wanted.environment,
        network=wanted.network,
        memory_bytes=wanted.memory,
        cpus=wanted.cpus,
    )
    with origins.working(engine, job, wanted.bundle.dest) as container:
        files = {path: content for path, content in patched.items() if content is not None}
        if files:
            engine.jobs().put(container, wanted.root, files)
        step("patched")
        log = _Log(log_path)
        try:
            ended = engine.jobs().run(container, wanted.seconds, wanted.censored(log.tell))
        finally:
            log.close()
        step("built")
        if not ended:
            raise refusals.build_timed_out(located.component, wanted.seconds, log.end)
        detail = engine.detail(container)
        if detail.exit_code or detail.oom_killed:
            with open(log_path, encoding="utf-8", errors="replace") as file:
                whole = file.read()
            memory = detail.oom_killed or detail.exit_code == _KILLED or _MARK in whole or _MEMORY.search(log.end)
            if memory:
                raise refusals.build_out_of_memory(located.component, wanted.memory, log.end)
            evidence = f"{wanted.command!r} ended with exit code {detail.exit_code} (whole log: {log_path})"
            raise refusals.build_failed(located.component, evidence, log.end)
        with origins.archive(engine, located, container) as opened:
            yield opened


def proof(engine: Engine, wanted: BuildRequest, located: Located, tree: str, clock: Clock) -> None:
    """Serve the tree, as it lies on the host, in a container of its own. Raises Refused."""
    job = Job(
        image=located.image.identifier,
        argv=("sh", "-c", bounded(wanted.start_command, wanted.start_seconds)),
        labels={},
        folder=wanted.root,
        environment=wanted.start_environment,
        memory_bytes=wanted.memory,
        cpus=wanted.cpus,
        # Read-only: what is proved is what is switched to.
        shown=((tree, wanted.bundle.path),),
        scratch=tuple(f"{wanted.bundle.path}/{path}" for path in wanted.bundle.exclude if _is_folder(tree, path)),
    )
    with origins.working(engine, job, wanted.bundle.dest) as container:
        engine.jobs().start(container)
        answer = prove.wait(engine, container, wanted.bundle.page, wanted.start_seconds, clock)
        if answer is not None and answer.good:
            return
        log = _tail(engine.log_tail(container, _TAIL_LINES))
        if answer is None:
            code = engine.detail(container).exit_code
            evidence = f"{wanted.start_command!r} ended with exit code {code}"
        else:
            evidence = f"what was built does not serve: {answer.text(wanted.bundle.page)}"
        raise refusals.not_starting(located.component, evidence, log)


def _is_folder(tree: str, path: str) -> bool:
    return os.path.isdir(os.path.join(tree, path))
