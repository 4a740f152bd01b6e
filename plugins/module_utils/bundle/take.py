# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a bundle from its source: every member is judged before anything of it is written."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Optional, Set

from ansible_collections.selfhost.postiz.plugins.module_utils.bundle import names, refusals
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.model import (
    BUILD_ID,
    Entry,
    Kind,
    Member,
    MemberSource,
    Rules,
    Tree,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.sink import Sink

_SET_ID = 0o6000
_LONGEST_BUILD_ID = 1 << 10
# Between two steps that a watcher is told.
STEP_MEMBERS = 16
# What is left out of a running container's archive is read all the same; without a bound it could last for ever.
_SKIPPED_SHARE = 16


class _Taker:
    def __init__(self, rules: Rules, sink: Sink, component: str) -> None:
        self._rules = rules
        self._sink = sink
        self._component = component
        self.entries: Dict[str, Entry] = {}
        self.build_id = ""
        self._bytes = 0
        self._members = 0
        self._skipped = 0
        # Paths that are left out and that are no folders there.
        self._no_folders: Set[str] = set()

    def take(self, member: Member, content: Iterator[memoryview]) -> None:
        name = names.clean(member.name, self._rules.prefix)
        if member.kind is Kind.OTHER:
            raise refusals.hostile(member.name, "is neither a file, nor a folder, nor a link")
        left_out = names.excluded(name, self._rules.exclude)
        if left_out and (name != left_out or member.kind is not Kind.FOLDER):
            self._skip(member)
            if name == left_out:
                self._no_folders.add(name)
            return
        self._count(member)
        if member.kind is Kind.FOLDER:
            self._folder(name, member)
            return
        if name == names.TOP:
            raise refusals.not_built(self._component, "what lies there is no folder.")
        if name in self.entries:
            raise refusals.hostile(member.name, "is there twice")
        self._make_parents(name, member)
        if member.kind is Kind.FILE:
            self._file(name, member, content)
        elif member.kind is Kind.LINK:
            names.check_link(name, member.target, self._rules.foreign_links)
            owner = self._sink.link(name, member)
            self.entries[name] = Entry(name, Kind.LINK, 0o777, *owner, 0, target=member.target)
        else:
            self._hard_link(name, member)

    def _count(self, member: Member) -> None:
        limits = self._rules.limits
        self._members += 1
        self._bytes += member.size
        if self._members > limits.files:
            raise refusals.too_large(limits.files, "files and folders", "max_files")
        if self._bytes > limits.bytes:
            raise refusals.too_large(limits.bytes, "bytes", "max_bytes")

    def _skip(self, member: Member) -> None:
        self._skipped += member.size
        if self._skipped > _SKIPPED_SHARE * self._rules.limits.bytes:
            raise refusals.too_large(_SKIPPED_SHARE * self._rules.limits.bytes, "bytes that are left out", "max_bytes")

    def _folder(self, name: str, member: Member) -> None:
        known = self.entries.get(name)
        if known is not None and known.kind is not Kind.FOLDER:
            raise refusals.hostile(member.name, "is there twice")
        if known is None:
            if name != names.TOP:
                self._make_parents(name, member)
            self._sink.folder(name)
        self.entries[name] = Entry(name, Kind.FOLDER, member.mode & 0o777, *self._sink.owner(member), 0)

    def _make_parents(self, name: str, member: Member) -> None:
        """Archives may leave folders out; what they hold must not lie below a link or a file."""
        missing: List[str] = []
        folder = names.parent(name)
        while folder not in self.entries:
            missing.append(folder)
            if folder == names.TOP:
                break
            folder = names.parent(folder)
        else:
            if self.entries[folder].kind is not Kind.FOLDER:
                raise refusals.hostile(member.name, f"lies below {folder!a}, which is no folder")
        for folder in reversed(missing):
            self._members += 1
            self._sink.folder(folder)
            self.entries[folder] = Entry(folder, Kind.FOLDER, 0o755, *self._sink.owner(member), 0)

    def placeholders(self) -> None:
        """An empty folder for everything that is left out: Next.js writes into it while it serves, and it was not there."""
        top = self.entries[names.TOP]
        for path in self._rules.exclude:
            known = self.entries.get(path)
            if known is None and not self._make_placeholder(path, top):
                continue
            mode = known.mode if known is not None else top.mode
            self.entries[path] = Entry(path, Kind.FOLDER, mode | 0o700, top.owner, top.group, 0)

    def _make_placeholder(self, path: str, top: Entry) -> bool:
        missing: List[str] = []
        folder = path
        while folder not in self.entries:
            if folder in self._no_folders:
                return False
            missing.append(folder)
            folder = names.parent(folder)
        if self.entries[folder].kind is not Kind.FOLDER:
            return False
        for folder in reversed(missing):
            self._sink.folder(folder)
            self.entries[folder] = replace(top, name=folder)
        return True

    def _file(self, name: str, member: Member, content: Iterator[memoryview]) -> None:
        if member.mode & _SET_ID:
            raise refusals.hostile(member.name, "is set-user-ID or set-group-ID")
        digest = hashlib.sha256()
        start = bytearray() if name == BUILD_ID else None
        mode = member.mode & 0o777
        owner = self._sink.file(name, member, mode, _watched(content, digest.update, start))
        self.entries[name] = Entry(name, Kind.FILE, mode, *owner, member.size, digest.hexdigest())
        if start is not None:
            self.build_id = names.build_id(bytes(start), self._component)

    def _hard_link(self, name: str, member: Member) -> None:
        target = names.clean(member.target, self._rules.prefix)
        known = self.entries.get(target)
        if known is None or known.kind is not Kind.FILE:
            raise refusals.hostile(member.name, f"is a hard link to {target[:120]!a}, which is no file before it")
        self._bytes += known.size
        self._sink.hard_link(name, target)
        self.entries[name] = Entry(name, Kind.FILE, known.mode, known.owner, known.group, known.size, known.digest)


def _watched(
    content: Iterator[memoryview], update: Callable[[memoryview], None], start: Optional[bytearray]
) -> Iterator[memoryview]:
    for chunk in content:
        update(chunk)
        if start is not None and len(start) < _LONGEST_BUILD_ID:
            start += chunk[:_LONGEST_BUILD_ID]
        yield chunk


def take(source: MemberSource, rules: Rules, sink: Sink, component: str, step: Callable[[str], None]) -> Tree:
    """Everything that the rules want, written to the sink. Raises Refused, StackError.

    `component` names the source in messages. `step` is told every few members.
    """
    taker = _Taker(rules, sink, component)
    for number, member in enumerate(source.members(), 1):
        taker.take(member, source.content())
        if number % STEP_MEMBERS == 0:
            step(f"{number} members")
    top = taker.entries.get(names.TOP)
    if top is None:
        raise refusals.not_built(component, "the archive is empty.")
    if not taker.build_id:
        raise refusals.not_built(component, "it has no BUILD_ID, so no build was finished there.")
    taker.placeholders()
    entries = tuple(sorted(taker.entries.values(), key=lambda entry: os.fsencode(entry.name)))
    sink.finish(entries)
    return Tree(entries, taker.build_id)
