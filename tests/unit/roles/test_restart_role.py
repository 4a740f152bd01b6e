"""What a restart asks before it stops anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from stand_ins import RolePlay

MODULES = {
    "selfhost.postiz": ("stack_transaction_info", "compose_health", "frontend_mount"),
    "community.docker": ("docker_compose_v2",),
}
BUSY = {"failed": True, "msg": "[upgrade-under-way] postiz: A rollback is not finished."}


@pytest.mark.parametrize("words", [(), ("--check",)])
def test_nothing_is_stopped_in_the_middle_of_an_upgrade_or_a_restore(tmp_path: Path, words: tuple[str, ...]) -> None:
    modules = {name.replace(".", "/"): found for name, found in MODULES.items()}
    play = RolePlay(tmp_path, "stack", "restart", modules, {"stack_transaction_info": BUSY}, "[]", {}, words)
    assert not play.good
    assert "upgrade-under-way" in play.output
    (asked,) = play.calls
    assert asked["module"] == "stack_transaction_info"
    assert (asked["project"], asked["directory"]) == ("postiz", "/opt/postiz")
