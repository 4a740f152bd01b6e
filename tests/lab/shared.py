"""Stacks that several files of tests share: each of them leaves it whole."""

from __future__ import annotations

PROJECT = "postiz-gates"
VARIABLES: dict[str, object] = {"stack_port": 4101, "stack_temporal_ui_port": 8101}
SECRET_NAMES = ("SECRET", "PASSWORD", "PWD", "DATABASE_URL")

POSTS_PROJECT = "postiz-posts"
CHANNELS = ("x", "mastodon", "tiktok", "instagram", "facebook", "linkedin", "threads", "bluesky", "reddit", "youtube")
# Upstream's waits are ten times shorter: a publishing activity may take 180 s. Without upstream's own sweep, which would
# take up what the tests leave stuck.
POSTS_VARIABLES: dict[str, object] = {
    "stack_port": 4131,
    "stack_temporal_ui_port": 8131,
    "stack_run_cron": False,
    "lab_queues": ",".join(CHANNELS),
    "lab_time_scale": 10,
}

RECOVER_PROJECT = "postiz-recover"
RECOVER_VARIABLES: dict[str, object] = {
    "stack_port": 4171,
    "stack_temporal_ui_port": 8171,
    "lab_queues": ",".join(CHANNELS),
}
