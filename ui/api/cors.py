"""Which pages of others may call the service (CORS); a refusal is a problem, as every other."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from ui.api.problems import problem_response


class Cors(CORSMiddleware):
    """Starlette's, which refuses in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what a browser asks beforehand, and let browsers read the answers to allowed pages."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            headers = Headers(scope=scope)
            if "origin" in headers and "access-control-request-method" in headers:
                answer = self.preflight_response(request_headers=headers)
                if answer.status_code >= 400:
                    detail = f"{bytes(answer.body).decode()}: ASK_CORS_ORIGINS names the pages that may call this."
                    answer = problem_response(Request(scope), answer.status_code, detail, {"Vary": "Origin"})
                await answer(scope, receive, send)
                return
        await super().__call__(scope, receive, send)
