"""The widget: its loader, the page in its frame, and who may show that page (docs/embed.md)."""

from __future__ import annotations

import gzip
import hashlib
import re
from base64 import b64encode
from functools import cache
from html import escape
from importlib import resources

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from assistant.settings import exact_origin
from ui.api.problems import Problem

PAGE = "/embed"
LOADER = "widget.js"
SHORT = "public, max-age=300"
FOREVER = "public, max-age=31536000, immutable"
JAVASCRIPT = "text/javascript; charset=utf-8"
# What the page in the frame loads, by its address.
PARTS = {
    "embed.js": JAVASCRIPT,
    "embed-answer.js": JAVASCRIPT,
    "embed-markdown.js": JAVASCRIPT,
    "embed.css": "text/css; charset=utf-8",
}
# A loader that is checked by its hash is asked for with CORS, and a page with COEP takes only what says so.
FOR_OTHER_PAGES = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors "
)
NO_FRAME = "frame-ancestors 'none'"
POWERS = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")

router = APIRouter(tags=["widget"], include_in_schema=False)


@router.get(f"/{LOADER}")
def loader(request: Request) -> Response:
    """The loader of this version, whichever it is; asked for again after five minutes."""
    return _loader(request, SHORT)


@router.get("/widget.json")
def loader_facts() -> Response:
    """The address of this very version of the loader, and its hash for `integrity`."""
    facts = {"src": f"/widget-{loader_hash()}.js", "integrity": loader_integrity()}
    return JSONResponse(facts, headers={**FOR_OTHER_PAGES, "Cache-Control": SHORT})


@router.get("/widget-{version}.js")
def loader_of_version(version: str, request: Request) -> Response:
    """The loader by the hash of its content: it never changes."""
    if version != loader_hash():
        raise Problem(404, "This is not the version of the loader that is served now: /widget.json names it.")
    return _loader(request, FOREVER)


def _loader(request: Request, caching: str) -> Response:
    return _packed(request, LOADER, JAVASCRIPT, {**FOR_OTHER_PAGES, "Cache-Control": caching})


def _packed(request: Request, name: str, media_type: str, headers: dict[str, str]) -> Response:
    """A file, as small as the browser takes it: what a forum's readers load should not hang on the proxy in front."""
    headers = {**headers, "Vary": "Accept-Encoding"}
    if not _takes_gzip(request):
        return Response(_file(name), media_type=media_type, headers=headers)
    if "ETag" in headers:
        headers["ETag"] = f'{headers["ETag"][:-1]}-gzip"'  # another encoding is another text
    return Response(_gzipped(name), media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})


def _takes_gzip(request: Request) -> bool:
    taken = (part.partition(";") for part in request.headers.get("accept-encoding", "").split(","))
    return any(name.strip().lower() == "gzip" and not re.fullmatch(r"\s*q=0(\.0*)?\s*", how) for name, _, how in taken)


@router.get(PAGE)
def page(request: Request) -> Response:
    """The chat in a frame of `parent`, an origin of the setting embed_origins; for any other it is refused."""
    allowed = request.app.state.embed_origins
    parents = request.query_params.getlist("parent")
    parent = parents[0] if len(parents) == 1 else ""  # of two, who knows which one the page would take
    try:
        is_allowed = exact_origin(parent) in allowed
    except ValueError:
        is_allowed = False
    if not is_allowed:
        return HTMLResponse(
            _refusal(parent), 403, headers={"Content-Security-Policy": f"default-src 'none'; {NO_FRAME}"}
        )
    headers = {
        "Content-Security-Policy": POLICY + " ".join(allowed),
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": ", ".join(f"{power}=()" for power in POWERS),
        "Cache-Control": "no-cache",
    }
    return _packed(request, "embed.html", "text/html; charset=utf-8", headers)


def _refusal(parent: str) -> str:
    """What whoever runs the service has to set; nobody's page is shown it in a frame."""
    shown = escape(parent[:200]) or "no origin at all"
    return (
        '<!doctype html><html lang="en"><title>Not shown here</title><h1>The chat is not shown here</h1>'
        f"<p>It was asked for by: <code>{shown}</code></p><p>Whoever runs this service can allow a forum by its exact "
        "origin: <code>ASK_EMBED_ORIGINS=https://forum.example.org</code>, or <code>embed_origins</code> in ask.toml. "
        "Then start the service anew.</p></html>"
    )


def _part(request: Request) -> Response:
    """One file of the page; asked for again each time, and sent only if it has changed."""
    name = request.url.path.rpartition("/")[2]
    tag = f'"{_digest(name).hex()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "same-origin"}
    response = _packed(request, name, PARTS[name], headers)
    tag = response.headers["ETag"]
    if tag not in re.findall(r'"[^"]*"', request.headers.get("if-none-match", "")):
        return response
    return Response(status_code=304, headers={**headers, "ETag": tag, "Vary": "Accept-Encoding"})


for _name in PARTS:
    router.add_api_route(f"/{_name}", _part)


def loader_hash() -> str:
    """The loader's version: it is in its lasting address."""
    return _digest(LOADER).hex()[:16]


def loader_integrity() -> str:
    """The loader's hash as the attribute `integrity` has it."""
    return f"sha384-{b64encode(hashlib.sha384(_file(LOADER)).digest()).decode()}"


def _digest(name: str) -> bytes:
    return hashlib.sha256(_file(name)).digest()


@cache
def _gzipped(name: str) -> bytes:
    return gzip.compress(_file(name), mtime=0)


@cache
def _file(name: str) -> bytes:
    return resources.files("ui.widget").joinpath(name).read_bytes()
