"""The stack that the tests of the gates share: each of them leaves it whole."""

from __future__ import annotations

PROJECT = "postiz-gates"
VARIABLES: dict[str, object] = {"stack_port": 4101, "stack_temporal_ui_port": 8101}
SECRET_NAMES = ("SECRET", "PASSWORD", "PWD", "DATABASE_URL")
