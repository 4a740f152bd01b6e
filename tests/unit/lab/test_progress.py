"""What a person sees while images are made."""

from __future__ import annotations

import pytest
from labkit.progress import Progress, elapsed, line


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (59.4, "59s"), (59.6, "1m00s"), (72, "1m12s"), (3600, "1h00m"), (3725, "1h02m")]
)
def test_elapsed(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_line_is_aligned() -> None:
    assert line(3, 12, "postiz-lab/redis:7", "building…") == "[ 3/12] redis:7                        building…"


def test_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(2) as progress:
        progress.start("postiz-lab/redis:7", "building")
        progress.finish("postiz-lab/redis:7")
        progress.start("go-tools", "compiling")
        progress.finish("go-tools", failed=True)
    shown = capsys.readouterr().out
    assert "\r" not in shown
    assert [text.split()[1:] for text in shown.splitlines()] == [
        ["redis:7", "building…"],
        ["redis:7", "done", "0s"],
        ["go-tools", "compiling…"],
        ["go-tools", "FAILED", "0s"],
    ]
    assert shown.splitlines()[-1].startswith("[1/2]")
