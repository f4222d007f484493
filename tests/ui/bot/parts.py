"""A forum in memory, and signed deliveries as others would send them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from standardwebhooks.webhooks import Webhook

from assistant.answer import Answer, Citation, Claim, Outcome, Turn
from assistant.inbox import Inbox, Incoming
from assistant.journal import Journal
from assistant.settings import Settings
from ui.bot.connector import Post, Posted, Topic
from ui.bot.worker import Bot

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()
LONG_AGO = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
CITATION = Citation(
    1, "week 1.md", ("Docker", "Ports"), (), 5, 5, "- publish a port", "ports", "file:///srv/week.md", "0" * 64
)


def standard_delivery(
    data: dict[str, Any] | bytes, *, secret: str = SECRET, when: datetime | None = None, delivery: str = "msg_1"
) -> tuple[bytes, dict[str, str]]:
    """A body with its headers, signed by the library that others sign with."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    when = when or datetime.now(UTC)
    signature = Webhook(secret).sign(delivery, when.astimezone(UTC), body.decode("latin-1"))
    return body, {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": signature,
    }


def discourse_delivery(
    data: dict[str, Any], *, secret: str, event: str = "post_created"
) -> tuple[bytes, dict[str, str]]:
    """A body with the headers that Discourse sends."""
    body = json.dumps(data).encode()
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "Discourse/3.5.0",
        "X-Discourse-Instance": "https://forum.example",
        "X-Discourse-Event-Id": "17",
        "X-Discourse-Event-Type": "post",
        "X-Discourse-Event": event,
        "X-Discourse-Event-Signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }


def comment(
    post: int = 1, text: str = "How do I publish a port?", *, topic: int = 1, version: int = 1
) -> dict[str, Any]:
    """What our app in Spirit tells of a new comment."""
    data = {"id": post, "topic": topic, "category": 4, "author": "ada", "text": text, "version": version}
    return {"type": "comment.created", "timestamp": "2026-11-24T10:00:00Z", "data": data}


def answer_of(question: str, outcome: Outcome = "answered", text: str = "Publish a port with `-p`. [1]") -> Answer:
    """An answer with one citation, as the notes would give it."""
    known = outcome in {"answered", "partial"}
    return Answer(
        id=hashlib.sha256(question.encode()).hexdigest()[:20],
        question=question,
        standalone_question=question,
        outcome=outcome,
        text=text,
        claims=(Claim(text, (1,), "supported"),),
        citations=(CITATION,) if known else (),
        nearest=() if known else (CITATION,),
    )


@dataclass
class Forum:
    """One forum in memory, as the bot named `bot` is connected to it."""

    user: str = "bot"
    source: str = "spirit"
    topics: dict[str, Topic] = field(default_factory=dict)
    flags: list[tuple[str, str]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)  # raised by the next replies, before they are written
    after: list[BaseException] = field(default_factory=list)  # raised once they are written
    holds: bool = False
    held: list[tuple[str, str]] = field(default_factory=list)

    def open(self, title: str, text: str, *, author: str = "ada", category: str = "4") -> Post:
        """A new topic; its first post."""
        topic = Topic(str(len(self.topics) + 1), title, category, True, ())
        self.topics[topic.id] = topic
        return self.write(topic.id, text, author=author)

    def write(
        self, topic: str, text: str, *, author: str = "ada", reply_to: str | None = None, minutes: int | None = None
    ) -> Post:
        """One more post in a topic, by default an hour after the one before."""
        found = self.topics[topic]
        number = len(found.posts) + 1
        created = LONG_AGO + timedelta(minutes=60 * number if minutes is None else minutes)
        post = Post(f"{topic}{number:02}", author, text, number == 1, created, number, reply_to)
        self.topics[topic] = replace(found, posts=(*found.posts, post))
        return post

    def by(self, author: str) -> list[Post]:
        """All that one author has written."""
        return [post for topic in self.topics.values() for post in topic.posts if post.author == author]

    def topic(self, topic: str) -> Topic | None:
        return self.topics.get(topic)

    def reply(self, topic: Topic, post: Post, text: str) -> Posted:
        if self.failures:
            raise self.failures.pop(0)
        if self.holds:
            self.held.append((topic.id, text))
            return Posted("", is_held=True)
        written = self.write(topic.id, text, author=self.user, reply_to=post.id)
        if self.after:
            raise self.after.pop(0)
        return Posted(written.id)

    def flag(self, post: Post, text: str) -> None:
        self.flags.append((post.id, text))

    def recent(self, since: datetime) -> Sequence[Incoming]:
        del since
        return [incoming(post, topic.id) for topic in self.topics.values() for post in topic.posts]


def incoming(post: Post, topic: str, *, delivery: str = "msg_1", source: str = "spirit") -> Incoming:
    """A post as a delivery tells of it."""
    return Incoming(source, delivery, post.id, topic, post.version, post.text)


def bot_on(
    forum: Forum,
    journal: Journal,
    *,
    answer: Callable[[str, Sequence[Turn]], Answer] | None = None,
    **settings: Any,
) -> Bot:
    """A bot with an answer for everything."""
    chosen = {"bot_user": forum.user, "bot_categories": "4", "bot_interval": 0, **settings}
    return Bot(Settings(**chosen), Inbox(journal), journal, forum, answer or (lambda question, _: answer_of(question)))


def work(bot: Bot, *, at_most: int = 50) -> int:
    """Let the bot work until nothing is due; the number of steps."""
    for done in range(at_most):
        if not bot.step():
            return done
    raise AssertionError("the bot does not come to an end")
