"""Spirit, through the small Django app in spirit_app/: its webhook and its API."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from assistant.inbox import Incoming
from ui.bot.connector import REQUEST_SECONDS, ForumBusy, ForumRefused, Post, Posted, Topic, json_of, send, text_of

SOURCE = "spirit"
NEW_COMMENT = "comment.created"
# "> @name said:", in the forum's language: what Spirit puts before the comment that is answered with its quote button.
_QUOTE_OF = re.compile(r"\s*> ?@([\w.@+-]+)")


def read_event(headers: Mapping[str, str], data: Mapping[str, Any]) -> Incoming | None:
    """The new comment of a delivery; None if it tells of something else. Raises ValueError if it is malformed."""
    if text_of(data, "type") != NEW_COMMENT:
        return None
    what = data.get("data")
    if not isinstance(what, Mapping):
        raise ValueError("data is missing")  # noqa: TRY004  # it is the delivery that is wrong
    return Incoming(
        source=SOURCE,
        delivery=headers.get("webhook-id", ""),
        post=text_of(what, "id"),
        topic=text_of(what, "topic"),
        version=text_of(what, "version"),
        body=text_of(what, "text"),
    )


class Spirit:
    """One Spirit with our app in it."""

    source = SOURCE

    def __init__(self, url: str, token: str, *, timeout: float = REQUEST_SECONDS) -> None:
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/ask/", headers={"Authorization": f"Bearer {token}"}, timeout=timeout
        )

    def topic(self, topic: str) -> Topic | None:
        """The topic as it is now; None if it is gone."""
        response = send(self._client, "GET", f"topics/{topic}/")
        if response is None:
            return None
        try:
            return _topic(json_of(response))
        except (KeyError, TypeError, ValueError) as error:
            raise ForumBusy(f"the forum's answer was not understood ({error})") from error

    def reply(self, topic: Topic, post: Post, text: str) -> Posted:
        """Reply to a comment. A second request for the same comment gives the first one's reply."""
        body = {"topic": topic.id, "post": post.id, "text": text}
        response = send(self._client, "POST", "replies/", json=body, headers={"Idempotency-Key": post.id})
        if response is None:
            raise ForumRefused("the topic is gone or closed")
        return Posted(str(json_of(response)["id"]))

    def flag(self, post: Post, text: str) -> None:
        """Show a comment to the moderators."""
        send(self._client, "POST", "flags/", json={"post": post.id, "text": text})

    def recent(self, since: datetime) -> Sequence[Incoming]:
        """The latest comments, the oldest first."""
        response = send(self._client, "GET", "recent/", params={"since": since.isoformat()})
        rows = json_of(response)["posts"] if response is not None else []
        return [Incoming(SOURCE, "sweep", *(str(row[n]) for n in ("id", "topic", "version", "text"))) for row in rows]


def _topic(data: Mapping[str, Any]) -> Topic:
    posts: list[Post] = []
    for number, row in enumerate(data["posts"], start=1):
        posts.append(
            Post(
                id=str(row["id"]),
                author=row["author"],
                text=row["text"],
                is_first=number == 1,
                created=datetime.fromisoformat(row["created"]),
                number=number,
                reply_to=_replied_to(row["text"], posts),
                is_machine=bool(row["is_machine"]),
                version=str(row["version"]),
            )
        )
    return Topic(str(data["id"]), data["title"], str(data["category"]), bool(data["is_open"]), tuple(posts))


def _replied_to(text: str, before: Sequence[Post]) -> str | None:
    """A comment has no parent in Spirit: the one that it begins by quoting is what it replies to."""
    found = _QUOTE_OF.match(text)
    if found is None:
        return None
    return next((post.id for post in reversed(before) if post.author.casefold() == found[1].casefold()), None)
