"""What the bot needs of a forum: to read a topic, to reply in it, to call its staff. Each forum has its own module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx

from assistant.inbox import Incoming

REQUEST_SECONDS = 10.0  # much less than a job is claimed for, see bot_lease
MAX_RETRY_AFTER = 3_600.0


class ForumBusy(Exception):
    """The forum did not do it now: try again, after so many seconds if it said so."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds


class ForumRefused(Exception):
    """The forum will not do it: trying again would not help."""


@dataclass(frozen=True, slots=True)
class Post:
    """One post; `number` is its place in the topic, `reply_to` the id of another post.

    `is_machine`: the forum itself says that no person wrote it.
    """

    id: str
    author: str
    text: str
    is_first: bool
    created: datetime
    number: int = 0
    reply_to: str | None = None
    is_machine: bool = False
    version: str = "1"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with its posts in order; removed ones are not in it."""

    id: str
    title: str
    category: str
    is_open: bool
    posts: tuple[Post, ...]

    def post(self, post: str | None) -> Post | None:
        """The post of that id."""
        return next((each for each in self.posts if each.id == post), None)


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a reply; a held one waits for the forum's staff and may have no id yet."""

    post: str
    is_held: bool = False


class Connector(Protocol):
    """One forum. Its methods raise ForumBusy and ForumRefused."""

    source: str

    def topic(self, topic: str) -> Topic | None:
        """The topic as it is now; None if it is gone."""

    def reply(self, topic: Topic, post: Post, text: str) -> Posted:
        """Reply to a post of a topic."""

    def flag(self, post: Post, text: str) -> None:
        """Show a post to the forum's staff."""

    def recent(self, since: datetime) -> Sequence[Incoming]:
        """The latest posts, those before `since` left out: for deliveries that were lost."""


def send(client: httpx.Client, method: str, path: str, **what: Any) -> httpx.Response | None:
    """One request; None where the forum has nothing of that name. Raises ForumBusy or ForumRefused."""
    try:
        response = client.request(method, path, **what)
    except httpx.HTTPError as error:
        raise ForumBusy(f"{type(error).__name__}: the forum at {client.base_url} was not reached") from error
    status = response.status_code
    if status in {404, 410}:
        return None
    if status == 429 or status >= 500 or status == 408:
        raise ForumBusy(f"the forum answered {status}", retry_after(response))
    if status >= 300:
        raise ForumRefused(f"the forum answered {status} to {method} {path}")
    return response


def json_of(response: httpx.Response) -> Any:
    """What a forum said. Raises ForumBusy: what is no JSON is the page of a proxy, or of an update."""
    try:
        return response.json()
    except ValueError as error:
        raise ForumBusy("the forum's answer was not JSON") from error


def retry_after(response: httpx.Response) -> float | None:
    """The seconds that a forum asks to wait, in the header (seconds or a date) or, as Discourse does, in the body."""
    said = response.headers.get("Retry-After", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(said) - datetime.now().astimezone()).total_seconds()
        except (ValueError, TypeError):
            found = _wait_in_body(response)
            if found is None:
                return None
            seconds = found
    return min(max(seconds, 1.0), MAX_RETRY_AFTER) if seconds == seconds else None  # "nan" is a float


def _wait_in_body(response: httpx.Response) -> float | None:
    try:
        return float(response.json()["extras"]["wait_seconds"])
    except (ValueError, KeyError, TypeError):
        return None


def text_of(mapping: Mapping[str, Any], name: str) -> str:
    """A field as text; an id may be a number. Raises ValueError if it is missing or anything else."""
    value = mapping.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError(f"{name} is missing")
    return str(value)
