from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from assistant.inbox import Inbox
from assistant.journal import Journal
from assistant.settings import Settings
from corpus.errors import SettingsError
from tests.ui.bot.parts import OTHER_SECRET, SECRET, comment, discourse_delivery, standard_delivery
from ui.api.app import create_app
from ui.api.webhooks import MAX_BODY
from ui.bot.signatures import standard_keys
from ui.service import Service

SPIRIT = "/webhooks/spirit"
DISCOURSE = "/webhooks/discourse"
PLAIN_SECRET = "a-secret-of-discourse"
# What Discourse 3.5 sends for a new post, as its admin pages show it.
NEW_POST = {
    "post": {
        "id": 1203, "name": "Ada", "username": "ada", "avatar_template": "/letter/a.png",
        "created_at": "2026-11-24T10:00:00.000Z", "cooked": "<p>How?</p>", "raw": "How do I publish a port?",
        "post_number": 1, "post_type": 1, "updated_at": "2026-11-24T10:00:00.000Z", "reply_count": 0,
        "reply_to_post_number": None, "quote_count": 0, "topic_id": 88, "topic_slug": "ports", "topic_title": "Ports",
        "category_id": 4, "user_id": 31, "version": 1, "trust_level": 1, "moderator": False, "admin": False,
        "staff": False, "topic_posts_count": 1, "topic_archetype": "regular", "category_slug": "questions",
    }
}  # fmt: skip

Make = Callable[..., TestClient]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """The service without its index: what is delivered is stored, whether or not anything can be answered."""
    monkeypatch.setattr(Service, "bring_up_to_date", lambda _: None)
    started: list[TestClient] = []

    def make(forum: str = "spirit", secrets: str = SECRET, **settings: Any) -> TestClient:
        chosen = {
            "journal": f"sqlite:///{tmp_path / 'journal.sqlite3'}", "bot_forum": forum, "bot_secrets": secrets,
            "bot_in_serve": False, **settings,
        }  # fmt: skip
        client = TestClient(create_app(Settings(**chosen)), raise_server_exceptions=False)
        entered = client.__enter__()
        started.append(client)
        return entered

    yield make
    for client in started:
        client.__exit__(None, None, None)


def _jobs(tmp_path: Path) -> list[tuple[str, str, str]]:
    journal = Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    found = [(job.source, job.topic, job.post) for job in Inbox(journal).jobs()]
    journal.close()
    return found


def _is_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert response.json()["request_id"]


def test_a_signed_comment_is_accepted_within_a_second_and_stored(service: Make, tmp_path: Path) -> None:
    client = service()
    body, headers = standard_delivery(comment(12, topic=3))
    started = time.monotonic()
    response = client.post(SPIRIT, content=body, headers=headers)
    assert time.monotonic() - started < 1
    assert (response.status_code, response.json()) == (202, {"stored": True})
    assert _jobs(tmp_path) == [("spirit", "3", "12")]


def test_a_replay_and_a_second_telling_are_accepted_and_change_nothing(service: Make, tmp_path: Path) -> None:
    client = service()
    first = standard_delivery(comment(12))
    again = standard_delivery(comment(12), delivery="msg_2")
    said = [client.post(SPIRIT, content=body, headers=headers) for body, headers in (first, first, again)]
    assert [each.status_code for each in said] == [202, 202, 202]
    assert [each.json()["stored"] for each in said] == [True, False, False]
    assert len(_jobs(tmp_path)) == 1


def test_any_of_several_secrets_signs_and_any_of_several_signatures_counts(service: Make) -> None:
    client = service(secrets=f"{OTHER_SECRET} {SECRET}")
    for number, secret in enumerate((SECRET, OTHER_SECRET)):
        body, headers = standard_delivery(comment(number), secret=secret)
        assert client.post(SPIRIT, content=body, headers=headers).status_code == 202
    body, headers = standard_delivery(comment(5))
    headers["webhook-signature"] = f"v1,AAAA v2,x v1 nonsense {headers['webhook-signature']}"
    assert client.post(SPIRIT, content=body, headers=headers).status_code == 202


@pytest.mark.parametrize(
    ("changed", "secret"),
    [
        ({}, OTHER_SECRET),
        ({"webhook-signature": "v1,AAAA"}, SECRET),
        ({"webhook-signature": ""}, SECRET),
        ({"webhook-signature": "v1,\u00e9"}, SECRET),
        ({"webhook-id": "msg_other"}, SECRET),
        ({"webhook-timestamp": "nan"}, SECRET),
        ({"webhook-timestamp": str(int(time.time()) + 1)}, SECRET),
    ],
)
def test_a_wrong_signature_is_refused(service: Make, tmp_path: Path, changed: dict[str, str], secret: str) -> None:
    client = service()
    body, headers = standard_delivery(comment(), secret=secret)
    sent = {name: value.encode("latin-1") for name, value in {**headers, **changed}.items()}
    _is_problem(client.post(SPIRIT, content=body, headers=sent), 401)  # type: ignore[arg-type]
    assert _jobs(tmp_path) == []


def test_a_signature_for_v2_alone_is_none(service: Make) -> None:
    body, headers = standard_delivery(comment())
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v2,")
    _is_problem(service().post(SPIRIT, content=body, headers=headers), 401)


def test_a_changed_body_is_refused(service: Make) -> None:
    body, headers = standard_delivery(comment())
    _is_problem(service().post(SPIRIT, content=body.replace(b"port", b"pork"), headers=headers), 401)


@pytest.mark.parametrize(("minutes", "status"), [(-6, 401), (-4, 202), (4, 202), (6, 401)])
def test_five_minutes_are_tolerated(service: Make, minutes: int, status: int) -> None:
    body, headers = standard_delivery(comment(), when=datetime.now(UTC) + timedelta(minutes=minutes))
    assert service().post(SPIRIT, content=body, headers=headers).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        b"", b"no json", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000, b"{}", b'{"type": "comment.created"}',
        b'{"type": "comment.created", "data": {"id": true, "topic": 1, "version": 1, "text": "x"}}',
        b'{"type": "comment.created", "data": {"id": 1, "topic": {}, "version": 1, "text": "x"}}',
        b'{"type": "comment.created", "data": {"id": 1%s, "topic": 1, "version": 1, "text": "x"}}' % (b"0" * 64),
    ],
)  # fmt: skip
def test_a_malformed_delivery_is_a_400(service: Make, body: bytes) -> None:
    # The library signs text; latin-1 there is byte for byte.
    signed, headers = standard_delivery(body)
    if body == b"\xff\xfe":
        import hashlib
        import hmac

        said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.digest(b"k" * 32, said, hashlib.sha256)
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    _is_problem(service().post(SPIRIT, content=signed, headers=headers), 400)


def test_what_is_no_new_comment_is_accepted_and_not_stored(service: Make, tmp_path: Path) -> None:
    body, headers = standard_delivery({"type": "topic.moved", "data": {}})
    assert service().post(SPIRIT, content=body, headers=headers).json() == {"stored": False}
    assert _jobs(tmp_path) == []


def test_a_body_of_10_mb_is_refused_while_it_comes(service: Make) -> None:
    client = service()
    body, headers = standard_delivery(b"x" * 10_000_000)
    _is_problem(client.post(SPIRIT, content=body, headers=headers), 413)
    read = 0

    def parts() -> Iterator[bytes]:
        nonlocal read
        for start in range(0, len(body), 65_536):
            read += 1
            yield body[start : start + 65_536]

    _is_problem(client.post(SPIRIT, content=parts(), headers=headers), 413)


def test_a_body_at_the_limit_is_read(service: Make) -> None:
    data = comment(text="x" * (MAX_BODY - 400))
    body, headers = standard_delivery(data)
    assert len(body) <= MAX_BODY
    assert service().post(SPIRIT, content=body, headers=headers).status_code == 202


def test_a_source_that_is_not_set_up_is_a_404(service: Make) -> None:
    body, headers = standard_delivery(comment())
    client = service()
    _is_problem(client.post("/webhooks/discourse", content=body, headers=headers), 404)
    _is_problem(client.post("/webhooks/nodebb", content=body, headers=headers), 404)


def test_without_a_secret_and_with_a_weak_one_nothing_starts(service: Make) -> None:
    for secrets in ("", "   ", "whsec_c2hvcnQ=", "whsec_%%%"):
        with pytest.raises(SettingsError, match="ASK_BOT_SECRETS"):
            service(secrets=secrets)
    for secrets in ("", "short", f"{PLAIN_SECRET} short"):
        with pytest.raises(SettingsError, match="ASK_BOT_SECRETS"):
            service("discourse", secrets)


def test_a_secret_without_padding_or_prefix_is_the_same() -> None:
    plain = base64.b64encode(b"k" * 32).decode()
    assert standard_keys(f"{plain} whsec_{plain.rstrip('=')}") == [b"k" * 32] * 2


# Discourse


def test_discourse_tells_of_a_post(service: Make, tmp_path: Path) -> None:
    client = service("discourse", PLAIN_SECRET)
    for event_id in ("17", "18"):  # a retry has a new id
        body, headers = discourse_delivery(NEW_POST, secret=PLAIN_SECRET)
        response = client.post(DISCOURSE, content=body, headers={**headers, "X-Discourse-Event-Id": event_id})
        assert response.status_code == 202
        assert response.json()["stored"] is (event_id == "17")
    assert _jobs(tmp_path) == [("discourse", "88", "1203")]


def test_discourse_with_a_wrong_signature_is_refused(service: Make) -> None:
    client = service("discourse", f"{PLAIN_SECRET} another-secret")
    body, headers = discourse_delivery(NEW_POST, secret="not it")
    _is_problem(client.post(DISCOURSE, content=body, headers=headers), 401)
    del headers["X-Discourse-Event-Signature"]
    _is_problem(client.post(DISCOURSE, content=body, headers=headers), 401)


@pytest.mark.parametrize("event", ["post_edited", "post_destroyed", "topic_created", "ping"])
def test_other_events_of_discourse_are_accepted_and_not_stored(service: Make, tmp_path: Path, event: str) -> None:
    body, headers = discourse_delivery(NEW_POST, secret=PLAIN_SECRET, event=event)
    response = service("discourse", PLAIN_SECRET).post(DISCOURSE, content=body, headers=headers)
    assert (response.status_code, response.json()) == (202, {"stored": False})
    assert _jobs(tmp_path) == []


def test_a_post_of_discourse_without_its_text_is_malformed(service: Make) -> None:
    body, headers = discourse_delivery({"post": {"id": 1, "topic_id": 2}}, secret=PLAIN_SECRET)
    _is_problem(service("discourse", PLAIN_SECRET).post(DISCOURSE, content=body, headers=headers), 400)


def test_a_ping_and_a_private_message_of_discourse_are_accepted_and_not_stored(service: Make, tmp_path: Path) -> None:
    client = service("discourse", PLAIN_SECRET)
    private = {"post": {**NEW_POST["post"], "topic_archetype": "private_message", "category_id": None}}
    for data, event in (({"ping": "OK"}, "ping"), (private, "post_created")):
        body, headers = discourse_delivery(data, secret=PLAIN_SECRET, event=event)
        response = client.post(DISCOURSE, content=body, headers=headers)
        assert (response.status_code, response.json()) == (202, {"stored": False})
    assert _jobs(tmp_path) == []
