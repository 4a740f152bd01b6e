"""No module returns a key that Ansible itself reads: `failed: 3` would be a failure, `skipped: [x]` a task that was skipped."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml
from ansible_collections.selfhost.postiz.plugins import modules

ANSIBLE_S_OWN = {
    "ansible_facts",
    "failed",
    "results",
    "skipped",
    "skip_reason",
    "unreachable",
    "exception",
    "invocation",
}
NAMES = sorted(path.stem for path in Path(next(iter(modules.__path__))).glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", NAMES)
def test_return_names(name: str) -> None:
    documented = yaml.safe_load(importlib.import_module(f"{modules.__name__}.{name}").RETURN)
    assert documented
    assert not set(documented) & ANSIBLE_S_OWN
