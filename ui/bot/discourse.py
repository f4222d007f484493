"""Discourse: its webhook for posts, and its API with a key of the bot's own account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from assistant.inbox import Incoming
from ui.bot.connector import REQUEST_SECONDS, ForumBusy, ForumRefused, Post, Posted, Topic, json_of, send, text_of

SOURCE = "discourse"
NEW_POST = "post_created"
PRIVATE = "private_message"
REGULAR = 1  # the type of a post that a person wrote into a topic; others tell of a move, a closing, a whisper
NOTIFY_MODERATORS = 7
AT_ONCE = 50  # posts of a long topic that are asked for in one request


def read_event(headers: Mapping[str, str], data: Mapping[str, Any]) -> Incoming | None:
    """The new post of a delivery; None if it tells of something else. Raises ValueError if it is malformed."""
    if headers.get("x-discourse-event", "") != NEW_POST:
        return None
    post = data.get("post")
    if not isinstance(post, Mapping):
        raise ValueError("post is missing")  # noqa: TRY004  # it is the delivery that is wrong
    if post.get("topic_archetype") == PRIVATE:
        return None
    return _incoming(post, headers.get("x-discourse-event-id", ""))


def _incoming(post: Mapping[str, Any], delivery: str) -> Incoming:
    return Incoming(
        source=SOURCE,
        delivery=delivery,
        post=text_of(post, "id"),
        topic=text_of(post, "topic_id"),
        version=str(post.get("version") or 1),
        body=text_of(post, "raw"),
    )


class Discourse:
    """One Discourse."""

    source = SOURCE

    def __init__(self, url: str, user: str, key: str, *, timeout: float = REQUEST_SECONDS) -> None:
        headers = {"Api-Key": key, "Api-Username": user, "Accept": "application/json"}
        self._client = httpx.Client(base_url=url.rstrip("/") + "/", headers=headers, timeout=timeout)

    def topic(self, topic: str) -> Topic | None:
        """The topic as it is now, with every post of it; None if it is gone, or a private message."""
        response = send(self._client, "GET", f"t/{topic}.json", params={"include_raw": "true"})
        if response is None:
            return None
        try:
            data = json_of(response)
            if data.get("archetype") == PRIVATE:
                return None
            rows = {row["id"]: row for row in data["post_stream"]["posts"]}
            missing = [post for post in data["post_stream"]["stream"] if post not in rows]
            for start in range(0, len(missing), AT_ONCE):
                wanted = {"post_ids[]": missing[start : start + AT_ONCE], "include_raw": "true"}
                more = send(self._client, "GET", f"t/{topic}/posts.json", params=wanted)
                if more is None:
                    return None
                rows |= {row["id"]: row for row in json_of(more)["post_stream"]["posts"]}
            return _topic(data, sorted(rows.values(), key=lambda row: int(row["post_number"])))
        except (KeyError, TypeError, ValueError) as error:
            raise ForumBusy(f"the forum's answer was not understood ({error})") from error

    def reply(self, topic: Topic, post: Post, text: str) -> Posted:
        """Reply to a post; where the forum holds back what bots or new accounts write, the reply is held."""
        body = {"topic_id": int(topic.id), "raw": text, "reply_to_post_number": post.number}
        response = send(self._client, "POST", "posts.json", json=body)
        if response is None:
            raise ForumRefused("the topic is gone")
        said = json_of(response)
        if response.status_code == httpx.codes.ACCEPTED or said.get("action") == "enqueued":
            return Posted("", is_held=True)
        return Posted(str(said["id"]))

    def flag(self, post: Post, text: str) -> None:
        """Show a post to the moderators."""
        body = {"id": int(post.id), "post_action_type_id": NOTIFY_MODERATORS, "message": text}
        send(self._client, "POST", "post_actions.json", json=body)

    def recent(self, since: datetime) -> Sequence[Incoming]:
        """The latest posts, the oldest first; Discourse gives fifty."""
        response = send(self._client, "GET", "posts.json")
        rows = json_of(response)["latest_posts"] if response is not None else []
        fresh = (row for row in reversed(rows) if datetime.fromisoformat(row["created_at"]) >= since)
        return [_incoming(row, "sweep") for row in fresh if row.get("raw")]


def _topic(data: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Topic:
    ids = {row["post_number"]: str(row["id"]) for row in rows}
    posts = [
        Post(
            id=str(row["id"]),
            author=row["username"],
            text=row["raw"],
            is_first=row["post_number"] == 1,
            created=datetime.fromisoformat(row["created_at"]),
            number=row["post_number"],
            reply_to=ids.get(row.get("reply_to_post_number")),
            is_machine=row["user_id"] < 0 or row.get("post_type", REGULAR) != REGULAR,
            version=str(row.get("version") or 1),
        )
        for row in rows
        if not row.get("deleted_at") and not row.get("user_deleted") and not row.get("hidden")
    ]
    is_open = not data.get("closed") and not data.get("archived")
    return Topic(str(data["id"]), data["title"], str(data["category_id"]), is_open, tuple(posts))
