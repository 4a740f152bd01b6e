"""A socket in front of the engine that can cut an answer, as a network or a dying engine does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

ENGINE = "/var/run/docker.sock"
_CHUNK = 1 << 16


class EngineFront:
    """Forwards to the engine. Of the answer to a request for an archive of `path`, only `cut_after` bytes are passed on."""

    def __init__(self, path: str, cut_after: int | None = None, socket_path: Path | None = None) -> None:
        self._mark = path.encode()
        self._cut_after = cut_after
        if socket_path is not None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(socket_path))
            self.address = f"unix://{socket_path}"
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(ENGINE)
        cutting = threading.Event()
        threading.Thread(target=self._requests, args=(client, engine, cutting), daemon=True).start()
        passed = 0
        with suppress(OSError):
            while True:
                part = engine.recv(_CHUNK)
                if cutting.is_set() and self._cut_after is not None:
                    part = part[: self._cut_after - passed]
                    passed += len(part)
                if not part:
                    break
                client.sendall(part)
        for end in (client, engine):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _requests(self, client: socket.socket, engine: socket.socket, cutting: threading.Event) -> None:
        with suppress(OSError):
            while True:
                part = client.recv(_CHUNK)
                if not part:
                    return
                line = part.split(b"\r\n", 1)[0]
                if line.startswith(b"GET ") and b"/archive?" in line and line.split(b" ")[1].endswith(self._mark):
                    cutting.set()
                else:
                    cutting.clear()
                engine.sendall(part)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()
