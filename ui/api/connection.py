"""How long a client may take for the head of a request, how long that may be, and how long a client may take in
nothing of what it has asked for. The body is in bodies.py.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ui.api.problems import MEDIA_TYPE

HEAD_SECONDS = 10.0
UNREAD_SECONDS = 60.0
MAX_HEAD = 64 * 1024  # bytes


class Connection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # whichever parser uvicorn has found
    """A connection that is closed if the head of a request does not come. Else a client that sends one byte now and
    then, or nothing at all, would hold it for ever: uvicorn waits for the first request without an end.
    """

    head_seconds = HEAD_SECONDS
    unread_seconds = UNREAD_SECONDS
    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _size = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take in a part; the waiting ends with the head."""
        super().data_received(data)
        if self._is_answering or self.transport.is_closing():
            self._stop_waiting()
            return
        self._size += len(data)
        if self._size > MAX_HEAD:
            self._refuse(431, f"The head of a request has at most {MAX_HEAD // 1024} KB. Send less.")
        elif self._timer is None:
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP: a problem, as all that the app refuses."""
        del msg
        self._refuse(400, "This is no HTTP request that can be read.")

    def _refuse(self, status: int, detail: str) -> None:
        title, request = HTTPStatus(status).phrase, secrets.token_hex(8)
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": request}
        body = json.dumps(problem)
        self.transport.write(
            f"HTTP/1.1 {status} {title}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
            f"X-Request-Id: {request}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}".encode()
        )
        self.transport.close()

    def pause_writing(self) -> None:
        """The client reads nothing for now: wait for it, and not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads on."""
        super().resume_writing()
        self._stop_waiting_for_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        self._size = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _give_up(self) -> None:
        self._timer = None
        if not self._is_answering and self.transport.get_protocol() is self:  # else it has become a web socket
            self.transport.close()
