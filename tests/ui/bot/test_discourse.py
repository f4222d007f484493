"""The contract with Discourse: real HTTP against a small server that answers as Discourse does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from assistant.journal import Journal
from tests.ui.bot.parts import Forum, bot_on, work
from ui.bot.connector import ForumBusy, ForumRefused
from ui.bot.discourse import Discourse
from ui.bot.reply import replied_to

KEY = "k" * 64


@dataclass
class State:
    """What the server has and what it says next."""

    posts: list[dict[str, Any]] = field(default_factory=list)
    archetype: str = "regular"
    scripted: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)  # for the next writes
    writes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    keys: set[tuple[str | None, str | None]] = field(default_factory=set)

    def add(self, username: str, raw: str, *, reply_to: int | None = None, user_id: int = 31, **more: Any) -> int:
        """One more post of topic 88; its id."""
        number = len(self.posts) + 1
        self.posts.append(
            {
                "id": 1000 + number, "username": username, "user_id": user_id, "raw": raw, "cooked": "<p>...</p>",
                "post_number": number, "post_type": 1, "reply_to_post_number": reply_to, "topic_id": 88, "version": 1,
                "created_at": f"2026-11-24T10:{number % 60:02}:00.000Z", **more,
            }
        )  # fmt: skip
        return 1000 + number


class Handler(BaseHTTPRequestHandler):
    """Discourse's answers."""

    state: State

    def log_message(self, *_: Any) -> None:
        pass

    def _say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        state, address = self.state, urlsplit(self.path)
        state.keys.add((self.headers["Api-Username"], self.headers["Api-Key"]))
        wanted = parse_qs(address.query)
        if address.path == "/t/88.json" and wanted["include_raw"] == ["true"]:
            stream = {"posts": state.posts[:20], "stream": [post["id"] for post in state.posts]}
            about = {"id": 88, "title": "Ports", "category_id": 4, "closed": False, "archetype": state.archetype}
            self._say(200, {**about, "post_stream": stream})
        elif address.path == "/t/88/posts.json":
            ids = {int(each) for each in wanted["post_ids[]"]}
            self._say(200, {"post_stream": {"posts": [post for post in state.posts if post["id"] in ids]}, "id": 88})
        elif address.path == "/posts.json":
            self._say(200, {"latest_posts": state.posts[::-1]})
        else:
            self._say(404, {"errors": ["The requested URL or resource could not be found."], "error_type": "not_found"})

    def do_POST(self) -> None:
        state = self.state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state.keys.add((self.headers["Api-Username"], self.headers["Api-Key"]))
        state.writes.append((self.path, body))
        if state.scripted:
            status, headers, said = state.scripted.pop(0)
            self._say(status, said, headers)
        elif self.path == "/posts.json":
            self._say(200, {"id": state.add("bot", body["raw"], reply_to=body["reply_to_post_number"], user_id=9)})
        else:
            self._say(200, {})


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def forum(state: State) -> Iterator[Discourse]:
    handler = type("Bound", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connected = Discourse(f"http://127.0.0.1:{server.server_address[1]}", "bot", KEY, timeout=3)
    yield connected
    connected._client.close()
    server.shutdown()
    server.server_close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield opened
    opened.close()


def _bot(forum: Discourse, journal: Journal) -> Any:
    bot = bot_on(Forum(), journal)
    object.__setattr__(bot, "connector", forum)
    with journal.session() as session:  # it has been listened to for long
        from assistant.inbox import _Source

        session.add(_Source(id="discourse", since=datetime(2026, 1, 1, tzinfo=UTC)))
    return bot


def test_a_reply_is_posted_to_the_post_under_the_bots_own_key(forum: Discourse, state: State, journal: Journal) -> None:
    asked = state.add("ada", "How do I publish a port?")
    bot = _bot(forum, journal)
    assert bot.sweep() == 1
    work(bot)
    ((path, sent),) = state.writes
    assert path == "/posts.json"
    assert {**sent, "raw": ""} == {"topic_id": 88, "raw": "", "reply_to_post_number": 1}
    assert replied_to(sent["raw"]) == str(asked)
    assert state.keys == {("bot", KEY)}
    assert [job.reply_post for job in bot.inbox.jobs("done")] == ["1002"]


def test_a_reply_beyond_the_first_twenty_posts_is_found_again(forum: Discourse, state: State, journal: Journal) -> None:
    asked = state.add("ada", "How do I publish a port?")
    for _ in range(70):
        state.add("bob", "me too")
    state.add("bot", f"Like so.\n\n[ask-the-notes-reply-to-{asked}]: #", reply_to=1, user_id=9)
    topic = forum.topic("88")
    assert topic is not None
    assert len(topic.posts) == 72
    bot = _bot(forum, journal)
    bot.sweep()
    work(bot, at_most=100)
    assert state.writes == []
    assert [job.post for job in bot.inbox.jobs("done")] == [str(asked)]


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"Retry-After": "7"}, {"errors": ["You're replying a bit too quickly."]}, 7),
        ({}, {"errors": ["too many times"], "error_type": "rate_limit", "extras": {"wait_seconds": 13}}, 13),
        ({}, b"<html>slow down</html>", None),
        ({"Retry-After": "nan"}, {}, None),
        ({"Retry-After": "99999999"}, {}, 3600),
    ],
)
def test_a_throttled_reply_waits_as_long_as_discourse_says(
    forum: Discourse, state: State, headers: dict[str, str], said: Any, seconds: float | None
) -> None:
    state.add("ada", "How?")
    state.scripted.append((429, headers, said))
    topic = forum.topic("88")
    assert topic is not None
    with pytest.raises(ForumBusy, match="429") as caught:
        forum.reply(topic, topic.posts[0], "text")
    assert caught.value.seconds == seconds


@pytest.mark.parametrize(
    ("status", "said"),
    [(202, {"action": "create_post"}), (200, {"success": True, "action": "enqueued", "pending_post": {"id": 5}})],
)
def test_a_reply_that_waits_for_approval_is_held_and_done_once_it_shows(
    forum: Discourse, state: State, journal: Journal, status: int, said: Any
) -> None:
    asked = state.add("ada", "How do I publish a port?")
    state.scripted.append((status, {}, said))
    bot = _bot(forum, journal)
    bot.sweep()
    work(bot)
    (job,) = bot.inbox.jobs("held")
    state.add("bot", state.writes[0][1]["raw"], reply_to=1, user_id=9)
    from tests.ui.bot.test_worker import _make_due

    _make_due(journal, job.id)
    work(bot)
    assert [(each.state, each.post) for each in bot.inbox.jobs()] == [("done", str(asked))]
    assert len(state.writes) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_forum_in_trouble_is_tried_again(forum: Discourse, state: State, journal: Journal, status: int) -> None:
    state.add("ada", "How do I publish a port?")
    state.scripted.append((status, {"Retry-After": "1"}, b"<html>"))
    bot = _bot(forum, journal)
    bot.sweep()
    assert work(bot) == 1
    (job,) = bot.inbox.jobs("posting")
    assert str(status) in job.reason
    from tests.ui.bot.test_worker import _make_due

    _make_due(journal, job.id)
    work(bot)
    assert [job.state for job in bot.inbox.jobs()] == ["done"]
    assert len(state.writes) == 2


@pytest.mark.parametrize("status", [301, 403, 422])
def test_a_refusal_is_not_tried_again(forum: Discourse, state: State, status: int) -> None:
    state.add("ada", "How?")
    state.scripted.append((status, {"Location": "http://127.0.0.1:9/"}, {"errors": ["no"]}))
    topic = forum.topic("88")
    assert topic is not None
    with pytest.raises(ForumRefused, match=str(status)):
        forum.reply(topic, topic.posts[0], "text")


def test_whispers_moves_the_system_and_hidden_posts_are_nobodys_question(forum: Discourse, state: State) -> None:
    state.add("ada", "How?")
    state.add("discobot", "Hello!", user_id=-2)
    state.add("system", "Welcome!", user_id=-1)
    state.add("mod", "moved", post_type=3)
    state.add("mod", "@bot what do we tell them?", post_type=4)
    state.add("ada", "spam", hidden=True)
    state.add("ada", "gone", user_deleted=True)
    topic = forum.topic("88")
    assert topic is not None
    assert [(post.author, post.is_machine) for post in topic.posts] == [
        ("ada", False),
        ("discobot", True),
        ("system", True),
        ("mod", True),
        ("mod", True),
    ]


def test_a_private_message_is_not_read_and_not_answered(forum: Discourse, state: State, journal: Journal) -> None:
    state.archetype = "private_message"
    state.add("ada", "@bot how do I publish a port?")
    assert forum.topic("88") is None
    bot = _bot(forum, journal)
    bot.sweep()
    work(bot)
    assert state.writes == []
    assert [(job.state, job.reason) for job in bot.inbox.jobs()] == [("skipped", "the post is gone, or private")]


def test_a_reply_to_a_post_is_known_by_its_number(forum: Discourse, state: State) -> None:
    state.add("ada", "How?")
    ours = state.add("bot", "Like so.", reply_to=1)
    state.add("ada", "And for UDP?", reply_to=2)
    topic = forum.topic("88")
    assert topic is not None
    assert topic.posts[2].reply_to == str(ours)


def test_a_topic_that_is_gone_is_none_and_a_forum_that_is_away_is_busy(forum: Discourse) -> None:
    assert forum.topic("89") is None
    with pytest.raises(ForumBusy):
        Discourse("http://127.0.0.1:9", "bot", KEY).topic("88")


def test_staff_are_shown_a_post(forum: Discourse, state: State) -> None:
    state.add("ada", "How?")
    topic = forum.topic("88")
    assert topic is not None
    forum.flag(topic.posts[0], "look")
    assert state.writes == [
        ("/post_actions.json", {"id": 1001, "post_action_type_id": 7, "message": "look"})
    ]  # fmt: skip


def test_the_sweep_leaves_out_what_is_older(forum: Discourse, state: State) -> None:
    state.add("ada", "old")
    state.add("ada", "new")
    found = forum.recent(datetime(2026, 11, 24, 10, 2, tzinfo=UTC))
    assert [post.body for post in found] == ["new"]
