# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read "Post".error and "Errors".message: words of Postiz, or the JSON text of a failed Temporal activity.

Pure, and never an error: what cannot be read is said to be unreadable, with the codes that could still be found.
The failure's `details[].body` is the request with whatever it held, so it is never looked at.
"""

from __future__ import annotations

import json
import re
from typing import Any, FrozenSet, Iterator, List, Set, Tuple

from ansible_collections.selfhost.postiz.plugins.module_utils.providers.model import ErrorText, Form
from ansible_collections.selfhost.postiz.plugins.module_utils.providers.scrub import scrub

# Postiz cuts its own message at 2,000 characters and the network's answer at 4,000; the row holds both, partly twice.
LONGEST = 65536
LONGEST_MESSAGE = 300
LONGEST_ANSWER = 4000
MOST_CODES = 24
_DEEPEST = 6
_CODE = re.compile(r"[\w.-]{1,80}", re.ASCII)

# Of the failure itself, not of the texts inside of it, whose quotes are escaped: the request may have a "message" too.
_MESSAGE = re.compile(r'"(?:failure|cause)"\s*:\s*\{\s*"message"\s*:\s*"(?P<value>(?:[^"\\]|\\.){1,2000})')
_KIND = re.compile(r'"type"\s*:\s*"(?P<value>refresh_token|bad_body|disconnect|unconfirmed)"')
_TIMEOUT = re.compile(r'"timeoutType"\s*:\s*"(?P<value>\w{1,40})')
_ACTIVITY = re.compile(r'"activityType"\s*:\s*"(?P<value>\w{1,80})')
_CODES = re.compile(r'"(?:code|fail_reason)"\s*:\s*"?(?P<value>[\w.-]{1,80})')
_SUBCODE = re.compile(r'"error_subcode"\s*:\s*"?(?P<value>\d{1,12})')
_WRAPPER = "activity task failed"


def parse(text: str) -> ErrorText:
    """Any text, of any length."""
    text = text[:LONGEST].strip().replace("\x00", "")
    if not text or text in ("{}", "null", '""'):
        return ErrorText(Form.EMPTY)
    if not text.startswith("{"):
        return ErrorText(Form.WORDS, message=_bounded(text, LONGEST_MESSAGE))
    try:
        failure = json.loads(text)
    except (ValueError, RecursionError):
        return _damaged(text)
    return _activity(failure) if isinstance(failure, dict) else ErrorText(Form.UNREADABLE)


def _activity(failure: Any) -> ErrorText:
    chain = list(_chain(failure))
    answer = ""
    codes: FrozenSet[str] = frozenset()
    for node in chain:
        details = node.get("details")
        first = details[0] if isinstance(details, list) and details else None
        if isinstance(first, dict) and first.get("json"):
            answer, codes = _answer(first["json"])
            break
    return ErrorText(
        Form.FAILURE,
        _bounded(_message(chain), LONGEST_MESSAGE),
        _first(chain, "type"),
        _first(chain, "timeoutType"),
        _first(chain, "activityType"),
        answer,
        codes,
    )


def _chain(failure: Any) -> Iterator[Any]:
    """The failure and its causes: `cause` of the JavaScript objects, `failure.cause` of their protocol form."""
    node = failure
    for _depth in range(_DEEPEST):
        if not isinstance(node, dict):
            return
        yield node
        node = node.get("cause")


def _first(chain: List[Any], name: str) -> str:
    found = next((node[name] for node in chain if isinstance(node.get(name), str) and node[name]), "")
    return str(found)[:80] if _CODE.fullmatch(str(found)[:80]) else ""


def _message(chain: List[Any]) -> str:
    """The innermost words; the outermost are always the same."""
    found: List[str] = []
    for node in chain:
        if isinstance(node.get("message"), str):
            found.append(node["message"])
        found += [inner["message"] for inner in _chain(node.get("failure")) if isinstance(inner.get("message"), str)]
    told = [text for text in found if text.strip() and text.strip().lower() != _WRAPPER]
    return told[-1] if told else ""


def _answer(value: Any) -> Tuple[str, FrozenSet[str]]:
    """The network's answer as text, and its codes. It is JSON, cut-off JSON, or a page of a proxy."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text[:LONGEST_ANSWER]
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return _bounded(text, LONGEST_ANSWER), _codes_of(text)
    return _bounded(text, LONGEST_ANSWER), frozenset(sorted(_codes_in(parsed, 0))[:MOST_CODES])


def _codes_in(value: Any, depth: int) -> Set[str]:
    found: Set[str] = set()
    if depth > _DEEPEST:
        return found
    if isinstance(value, dict):
        code, subcode = _plain(value.get("code")), _plain(value.get("error_subcode"))
        found = {code, subcode, _plain(value.get("fail_reason"))}
        if code and subcode:
            found.add(f"{code}/{subcode}")
        for item in value.values():
            found |= _codes_in(item, depth + 1)
    elif isinstance(value, list):
        for item in value[:10]:
            found |= _codes_in(item, depth + 1)
    return found - {"", "ok", "0"}


def _plain(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    text = str(value)[:81]
    return text.lower() if _CODE.fullmatch(text) else ""


def _codes_of(text: str) -> FrozenSet[str]:
    codes = {match.group("value").lower() for match in _CODES.finditer(text)}
    subcodes = {match.group("value") for match in _SUBCODE.finditer(text)}
    # More than one of each cannot be paired any more.
    pairs = (
        {f"{code}/{subcode}" for code in codes for subcode in subcodes} if len(codes) * len(subcodes) == 1 else set()
    )
    return frozenset(sorted((codes | subcodes | pairs) - {"ok", "0"})[:MOST_CODES])


def _damaged(text: str) -> ErrorText:
    """JSON that was cut off or is none: only what known keys still say."""
    # The answer is a JSON text inside of a JSON text.
    flat = text.replace("\\\\", "\\").replace('\\"', '"')
    # What follows is the request; its post may say anything.
    before_request = flat.partition('"body"')[0]
    messages = [match.group("value") for match in _MESSAGE.finditer(text)]
    told = next((item for item in messages if item.strip().lower() != _WRAPPER), "")
    return ErrorText(
        Form.UNREADABLE,
        _bounded(told, LONGEST_MESSAGE),
        _found(_KIND, text),
        _found(_TIMEOUT, text),
        _found(_ACTIVITY, text),
        "",
        _codes_of(before_request),
    )


def _found(pattern: "re.Pattern[str]", text: str) -> str:
    match = pattern.search(text)
    return match.group("value") if match else ""


def _bounded(text: str, longest: int) -> str:
    """On one line, without tokens, in printable characters; cut after scrubbing, or half a token would stay."""
    clean = text if text.isprintable() else "".join(item if item.isprintable() else " " for item in text)
    clean = scrub(" ".join(clean.split()))
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
