"""Progress for a person: who is at work, how far, for how long."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

NAME_WIDTH = 30


def elapsed(seconds: float) -> str:
    """``7s``, ``1m05s``, ``1h02m``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def line(done: int, total: int, name: str, text: str) -> str:
    """``[ 3/12] temporal-auto-setup:1.28.1   building…``."""
    return f"[{done:>{len(str(total))}}/{total}] {short(name):<{NAME_WIDTH}} {text}"


def short(name: str) -> str:
    """The name without the repository that all images of the lab share."""
    return name.removeprefix("postiz-lab/")


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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self.thread.join()
        self._clear()

    def start(self, name: str, doing: str) -> None:
        """Somebody begins with ``name``."""
        with self.lock:
            self.running[name] = (doing, time.monotonic())
            self._clear()
            self._print(name, f"{doing}…")

    def finish(self, name: str, failed: bool = False) -> None:
        """``name`` is there, or could not be made."""
        with self.lock:
            _, since = self.running.pop(name)
            self.done += not failed
            self._clear()
            self._print(name, f"{'FAILED' if failed else 'done'}  {elapsed(time.monotonic() - since)}")

    def _print(self, name: str, text: str) -> None:
        print(line(self.done, self.total, name, text), flush=True)

    def _clear(self) -> None:
        if self.live:
            print("\r\033[K", end="", flush=True)

    def _tick(self) -> None:
        pause = 1.0 if self.live else 30.0
        while not self.stopped.wait(pause):
            with self.lock:
                now = time.monotonic()
                texts = [
                    f"{short(name)}: {doing} {elapsed(now - since)}" for name, (doing, since) in self.running.items()
                ]
                if texts and self.live:
                    print(f"\r\033[K… {' · '.join(texts)}"[:160], end="", flush=True)
                elif texts:
                    print(f"      … {' · '.join(texts)}", flush=True)
