"""A server on loopback that speaks the OpenAI protocol: it replies with what it is told to, or misbehaves as told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Provider(ThreadingHTTPServer):
    """`behaviour` is how it replies next; `requests` what it was sent.

    With "calls" it asks for `calls`: the name of a tool, and its arguments or any text in their place.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = "replies"
        self.reply = "ANSWERED: yes\nready"
        self.calls: list[tuple[str, dict[str, Any] | str]] = []
        self.requests: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """The address to give as the model's."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        """One chat completion."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.server.times.append(time.monotonic())
        behaviour = self.server.behaviour
        if behaviour == "busy once":
            self.server.behaviour = "replies"
            self._error(429, "rate_limit_exceeded", {"Retry-After": "1"})
        elif behaviour.isdigit():
            self._error(int(behaviour), "context_length_exceeded" if behaviour == "400" else "refused")
        elif behaviour == "hangs":
            self.server.released.wait(30)
        else:
            self._stream(behaviour)

    def _error(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        message = "This model's maximum context length is 512 tokens." if status == 400 else "No."
        body = json.dumps({"error": {"message": message, "code": code, "type": "error"}}).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, behaviour: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            if behaviour == "calls":
                self._call()
                return
            for place in range(0, len(self.server.reply), 7):
                self._chunk({"content": self.server.reply[place : place + 7]})
                if behaviour == "breaks" and place > len(self.server.reply) // 2:
                    return  # without an end
                if behaviour == "trickles":
                    self.server.released.wait(0.2)
            self._chunk({}, finish="stop")
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            return  # who asked has gone

    def _call(self) -> None:
        """Tool calls as they are streamed: the name first, then the arguments piece by piece."""
        for index, (name, arguments) in enumerate(self.server.calls):
            begun = {"index": index, "id": f"call_{index}", "type": "function"}
            self._chunk({"tool_calls": [{**begun, "function": {"name": name, "arguments": ""}}]})
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            for place in range(0, len(text), 5):
                self._chunk({"tool_calls": [{"index": index, "function": {"arguments": text[place : place + 5]}}]})
        self._chunk({}, finish="tool_calls")
        self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
        data = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *args: object) -> None:
        """Nothing on standard error."""


@contextmanager
def running() -> Iterator[Provider]:
    """A provider, until the end of the block."""
    provider = Provider()
    thread = threading.Thread(target=provider.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.released.set()
        provider.shutdown()
        provider.server_close()
        thread.join()
