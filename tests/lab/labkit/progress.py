"""Progress for a person: who is at work, how far, for how long."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType


def elapsed(seconds: float) -> str:
    """``7s``, ``1m05s``, ``1h02m``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


class Progress:
    """Lines ``[ 3/12] name  what  1m12s``; on a terminal, a live line below for what still runs."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.running: dict[str, tuple[str, float]] = {}
        self.lock = threading.Lock()
        self.live = sys.stdout.isatty()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Progress:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stopped.set()
        self.thread.join()
        self._clear()

    def start(self, name: str, doing: str) -> None:
        with self.lock:
            self.running[name] = (doing, time.monotonic())
            if not self.live:
                self._line(name, f"{doing}…")

    def finish(self, name: str, failed: bool = False) -> None:
        with self.lock:
            doing, since = self.running.pop(name)
            self.done += not failed
            self._clear()
            self._line(name, f"{'FAILED' if failed else 'done'} ({doing})  {elapsed(time.monotonic() - since)}")

    def _line(self, name: str, text: str) -> None:
        width = len(str(self.total))
        print(f"[{self.done:>{width}}/{self.total}] {name:<40} {text}", flush=True)

    def _clear(self) -> None:
        if self.live:
            print("\r\033[K", end="", flush=True)

    def _tick(self) -> None:
        pause = 1.0 if self.live else 30.0
        while not self.stopped.wait(pause):
            with self.lock:
                now = time.monotonic()
                texts = [f"{name}: {doing} {elapsed(now - since)}" for name, (doing, since) in self.running.items()]
                if texts and self.live:
                    print(f"\r\033[K… {' · '.join(texts)}"[:160], end="", flush=True)
                elif texts:
                    print(f"      … {' · '.join(texts)}", flush=True)
