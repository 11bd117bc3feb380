"""A server of bytes: what it sends, and when, is a script's to say."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Connection:
    """What a script has in hand: one question of a client, and the way back."""

    def __init__(self, channel: socket.socket, over: threading.Event) -> None:
        self._channel = channel
        self._over = over

    def read(self) -> bytes:
        """A whole request, head and body; nothing where the client has gone."""
        text = b""
        while b"\r\n\r\n" not in text:
            piece = self._channel.recv(65536)
            if not piece:
                return b""
            text += piece
        head, _, body = text.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(x[15:]) for x in lines if x.startswith(b"content-length:")), 0)
        while len(body) < length:
            piece = self._channel.recv(65536)
            if not piece:
                return b""
            body += piece
        return head + b"\r\n\r\n" + body

    def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send these, with a pause of so many seconds behind each."""
        for piece in pieces:
            self._channel.sendall(piece)
            if pause and self._over.wait(pause):
                return

    def trickle(self, pieces: bytes, pause: float = 0.03) -> None:
        """Send these a byte at a time, over and over, until somebody has had enough."""
        while not self._over.is_set():
            self.send(*(bytes([byte]) for byte in pieces), pause=pause)

    def wait(self) -> None:
        """Do nothing until the client leaves, or the server ends."""
        while not self._over.is_set() and self._channel.recv(65536):
            pass

    def reset(self) -> None:
        """Hang up without a word of farewell."""
        now = struct.pack("ii", 1, 0)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)


class RawServer:
    """Hands each connection to `script`, in a thread of its own, and closes it behind it.

    base_url: what an `openai` client takes. requests: how many connections there were.
    """

    def __init__(self, script: Callable[[Connection], None]) -> None:
        self._script = script
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._channels: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port = self._listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for channel in (self._listener, *self._channels):
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            self._channels.append(channel)
            self._start(lambda channel=channel: self._serve(channel))  # type: ignore[misc]

    def _serve(self, channel: socket.socket) -> None:
        with channel, contextlib.suppress(OSError):
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._script(Connection(channel, self._over))
