"""GET /docs: the routes, out of /openapi.json, by a page of our own; GET /static/...: its script and the style."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse

from ui.api.pages import page
from ui.api.problems import Problem

STATIC = Path(__file__).with_name("static")
FILES = {"page.css": "text/css", "docs.js": "text/javascript"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs() -> HTMLResponse:
    """What this service can do."""
    about = '<p id="about">Needs JavaScript; the same is in /openapi.json.</p>'
    body = f'<h1>The HTTP service</h1>{about}<div id="routes"></div>'
    head = '<script src="/static/docs.js" defer></script>'
    return HTMLResponse(page("The HTTP service", body, head), headers={"Content-Security-Policy": POLICY})


@router.get("/static/{name}")
def static(name: str) -> FileResponse:
    """One of two files."""
    if name not in FILES:
        raise Problem(404, "There is no such file.")
    return FileResponse(STATIC / name, media_type=FILES[name], headers={"Cache-Control": "max-age=3600"})
