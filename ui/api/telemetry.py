"""What is told of every request: an id, headers, a line in the log, figures for Prometheus; a mistake ends here."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.api.problems import problem_response

ACCESS = logging.getLogger("ask.access")
CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Figures:
    """What Prometheus may ask, of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self.requests = Counter("ask_http_requests", "Requests.", ["method", "route", "status"], registry=own)
        self.seconds = Histogram("ask_http_request_seconds", "Seconds until the last byte.", ["route"], registry=own)
        self.outcomes = Counter("ask_answers", "Answers by their outcome.", ["outcome"], registry=own)
        self.not_kept = Counter("ask_answers_not_kept", "Answers that the journal did not take.", registry=own)
        self.under_way = Gauge("ask_answers_under_way", "Answers being made or waiting for it.", registry=own)

    def text(self) -> tuple[bytes, str]:
        """All figures, and their media type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class Telemetry:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id(request.headers.get("x-request-id", ""))
        started = time.perf_counter()
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), state["request_id"])
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception:
            logging.getLogger("ask").exception("request %s failed", state["request_id"])
            if status:
                raise  # half an answer is out: the connection has to end
            detail = "This is a mistake in the program: please report it, with the request id."
            await problem_response(request, 500, detail)(scope, receive, told)
        finally:
            self._tell(scope, status or 499, time.perf_counter() - started)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "none"
        method = scope["method"] if scope["method"] in {"GET", "POST", "HEAD", "OPTIONS"} else "other"
        self._figures.requests.labels(method, route, str(status)).inc()
        self._figures.seconds.labels(route).observe(seconds)
        state = scope["state"]
        about = {
            "request_id": state["request_id"],
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "ms": round(seconds * 1000, 1),
            **{name: state[name] for name in ("caller", "outcome", "question") if name in state},
        }
        ACCESS.info("request", extra={"about": about})


def request_id(given: str) -> str:
    """The id that a proxy has given, if it is a sane one, else a new one."""
    return given if _SANE_ID.fullmatch(given) else secrets.token_hex(8)


def _add_headers(headers: MutableHeaders, request: str) -> None:
    """Headers that every response has; a page with a policy of its own keeps it."""
    headers["X-Request-Id"] = request
    headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if "frame-ancestors 'none'" in headers["Content-Security-Policy"]:
        headers.setdefault("X-Frame-Options", "DENY")  # else it would shut out the pages on the list too


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "about", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")


def log_as_json() -> None:
    """Let the service and its server write lines of JSON to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("ask", logging.INFO), ("uvicorn", logging.WARNING), ("mcp", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
