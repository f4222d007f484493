"""What is sent for the widget: its files with their headers, and who may show the page in a frame."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from assistant.settings import Settings, exact_origin, load_settings
from corpus.errors import SettingsError
from ui.api.app import create_app
from ui.api.embed import PARTS

FORUM = "https://forum.example.org"
KB = 1024
Site = Callable[..., TestClient]


@pytest.fixture
def site() -> Site:
    """The service as it is reached, not started: what is asked here needs no notes."""

    def made(*origins: str) -> TestClient:
        return TestClient(create_app(Settings(embed_origins=origins)), base_url="http://127.0.0.1")

    return made


def _directives(policy: str) -> dict[str, str]:
    return dict((part.strip() + " ").split(" ", 1) for part in policy.split(";"))


# Who may show it


def test_nobody_may_show_it_unless_a_setting_says_so(site: Site) -> None:
    for address in ("/embed", f"/embed?parent={FORUM}"):
        response = site().get(address)
        assert response.status_code == 403
        assert "ASK_EMBED_ORIGINS" in response.text
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "parent",
    [
        "http://forum.example.org",
        "https://forum.example.org:8443",
        "https://forum.example.org.evil.example",
        "https://evil.example/https://forum.example.org",
        "https://forum.example.org@evil.example",
        "https://sub.forum.example.org",
        "https://*.example.org",
        "null",
        "*",
        "",
        "https://forum.example.org;script-src *",
    ],
)
def test_an_origin_that_is_not_exactly_one_of_the_list_is_refused(site: Site, parent: str) -> None:
    response = site(FORUM).get("/embed", params={"parent": parent})
    assert response.status_code == 403
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


def test_two_origins_at_once_are_refused(site: Site) -> None:
    assert site(FORUM).get(f"/embed?parent=https://evil.example&parent={FORUM}").status_code == 403


def test_the_refusal_shows_what_was_asked_for_as_text(site: Site) -> None:
    response = site().get("/embed", params={"parent": "<script>alert(1)</script>"})
    assert "&lt;script&gt;" in response.text
    assert "<script>" not in response.text


def test_an_origin_of_the_list_gets_the_page_for_the_frames_of_the_list(site: Site) -> None:
    response = site(FORUM, "http://127.0.0.1:8100").get("/embed", params={"parent": FORUM})
    assert response.status_code == 200
    found = _directives(response.headers["content-security-policy"])
    assert found["frame-ancestors"].split() == [FORUM, "http://127.0.0.1:8100"]
    assert found["default-src"].strip() == "'none'"
    for name in ("script-src", "style-src", "connect-src"):
        assert found[name].strip() == "'self'", name
    assert found["trusted-types"].strip() == "'none'"
    assert "x-frame-options" not in response.headers
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "microphone=()" in response.headers["permissions-policy"]


def test_everything_else_is_in_no_frame(site: Site) -> None:
    client = site(FORUM)
    for address in ("/healthz", "/widget.js", "/widget.json", "/embed.js", "/embed.css", "/openapi.json", "/nowhere"):
        headers = client.get(address).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], address
        assert headers["x-frame-options"] == "DENY", address
        assert headers["x-content-type-options"] == "nosniff", address


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://Forum.Example.org/", FORUM),
        ("https://forum.example.org:443", FORUM),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(written: str, origin: str) -> None:
    assert exact_origin(written) == origin


@pytest.mark.parametrize(
    "written",
    ["forum.example.org", "https://forum.example.org/path", "https://*.example.org", "*", "null", "https://a b",
     "https://a;b", "ftp://a", "https://a:99999", "https://user@a", "'self'"],
)  # fmt: skip
def test_what_is_no_origin_is_no_setting(written: str) -> None:
    with pytest.raises(SettingsError, match="ASK_EMBED_ORIGINS"):
        load_settings(embed_origins=[written])


def test_origins_stand_in_the_environment_with_commas_and_in_the_file_as_a_list(
    monkeypatch: pytest.MonkeyPatch, ask_home: Path
) -> None:
    monkeypatch.chdir(ask_home)
    (ask_home / "ask.toml").write_text(f'embed_origins = ["{FORUM}"]\n')
    assert load_settings().embed_origins == (FORUM,)
    monkeypatch.setenv("ASK_EMBED_ORIGINS", f"{FORUM}, https://b.example {FORUM}/")
    assert load_settings().embed_origins == (FORUM, "https://b.example")


# The files


def test_the_loader_is_for_every_page_and_soon_asked_for_again(site: Site) -> None:
    headers = site().get("/widget.js").headers
    assert headers["content-type"].startswith("text/javascript")
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["cache-control"] == "public, max-age=300"


def test_the_loader_of_a_hash_never_changes_and_its_integrity_is_told(site: Site) -> None:
    client = site()
    facts = client.get("/widget.json").json()
    response = client.get(facts["src"])
    assert "immutable" in response.headers["cache-control"]
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.content == client.get("/widget.js").content
    algorithm, _, value = facts["integrity"].partition("-")
    assert value == base64.b64encode(hashlib.new(algorithm, response.content).digest()).decode()
    assert hashlib.sha256(response.content).hexdigest().startswith(facts["src"].split("-")[1].removesuffix(".js"))


def test_the_loader_of_another_hash_is_a_problem(site: Site) -> None:
    response = site().get("/widget-0123456789abcdef.js")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert "/widget.json" in response.json()["detail"]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_sent_again_only_if_it_has_changed(site: Site, name: str) -> None:
    client = site()
    first = client.get(f"/{name}")
    assert first.status_code == 200
    assert first.headers["content-type"] == PARTS[name]
    again = client.get(f"/{name}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["widget.js", *PARTS])
def test_a_file_is_sent_as_small_as_the_browser_takes_it(site: Site, name: str) -> None:
    client = site()
    packed = client.get(f"/{name}", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    for taken in ("identity", "gzip;q=0", ""):
        plain = client.get(f"/{name}", headers={"Accept-Encoding": taken})
        assert "content-encoding" not in plain.headers
        assert (plain.content, plain.headers["vary"]) == (packed.content, "Accept-Encoding")
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
        if name in PARTS:
            assert plain.headers["etag"] != packed.headers["etag"]


def test_the_sizes_are_within_the_budgets(site: Site) -> None:
    client = site(FORUM)
    loader = client.get("/widget.js")
    panel = [client.get(f"/{name}") for name in PARTS]
    panel.append(client.get("/embed", params={"parent": FORUM}))
    sent = [int(each.headers["content-length"]) for each in (loader, *panel)]
    assert sent[0] <= 4 * KB
    assert sum(sent[1:]) <= 45 * KB


def test_the_files_ask_no_other_host_and_make_no_html_of_text(site: Site) -> None:
    client = site(FORUM)
    for name in ("widget.js", *PARTS):
        text = client.get(f"/{name}").text
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "//cdn", "srcdoc"):
            assert word not in text, f"{name}: {word}"
