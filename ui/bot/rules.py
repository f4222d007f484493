"""Who and what is answered. All of it is here, and none of it asks a model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from assistant.marks import code_parts
from ui.bot.connector import Post, Topic
from ui.bot.reply import is_automatic

MAX_QUESTION = 2_000  # characters
# Nobody reads a reply and writes back within this time: it is another bot, which says so or not.
TOO_QUICK_SECONDS = 5.0
SYSTEM_AUTHORS = frozenset({"system", "discobot", "admin bot"})

_QUOTED_LINE = re.compile(r"^ {0,3}>.*$", re.MULTILINE)
# So many characters and no more: else "[quote=" a thousand times over is searched for seconds.
_QUOTE_TAG = re.compile(r"\[quote(?:=[^\]\n]{0,300})?\](?:(?!\[quote).)*?\[/quote\]", re.IGNORECASE | re.DOTALL)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?:(?: {4}|\t).*(?:\n|\Z))+")
_SPACE = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Policy:
    """What the course staff have set."""

    bot: str
    categories: frozenset[str]
    others: frozenset[str]  # bots that do not say that they are
    per_topic: int


@dataclass(frozen=True, slots=True)
class Decision:
    """A question for us, or why there is none; `follows` is our post that it replies to."""

    question: str = ""
    skip: str = ""
    follows: str | None = None


def decide(post: Post, topic: Topic, policy: Policy, held: int = 0) -> Decision:
    """Whether this post of this topic gets a reply; so many of ours are held there, and not to be seen yet."""
    reason = _not_for_us(post, topic, policy, held)
    if reason:
        return Decision(skip=reason)
    words = without_quotes_and_code(post.text)
    answered = topic.post(post.reply_to)
    follows = answered if answered is not None and _same(answered.author, policy.bot) else None
    is_mentioned = mentions(words, policy.bot)
    if follows is None and not is_mentioned and not (post.is_first and topic.category in policy.categories):
        return Decision(skip="not for the bot")
    if follows is not None and (post.created - follows.created).total_seconds() < TOO_QUICK_SECONDS:
        return Decision(skip="written quicker than a person reads")
    question = _question(post, topic, policy.bot)
    if not question:
        return Decision(skip="nothing is asked")
    return Decision(question, follows=follows.id if follows is not None else None)


def _not_for_us(post: Post, topic: Topic, policy: Policy, held: int) -> str:
    mine = [each for each in topic.posts if _same(each.author, policy.bot)]
    if _same(post.author, policy.bot):
        return "the bot's own post"
    if post.is_machine or post.author.casefold() in SYSTEM_AUTHORS | policy.others or is_automatic(post.text):
        return "written by a machine"
    if not topic.is_open:
        return "the topic is closed"
    if len(mine) + held >= policy.per_topic:
        return f"the bot has written {policy.per_topic} times in this topic"
    return ""


def without_quotes_and_code(text: str) -> str:
    """What a person wrote in their own words: no quoted lines, no quote tags, no code."""
    text = "".join(" " if is_code else part for part, is_code in code_parts(text.replace("\r\n", "\n")))
    before = None
    while before != text:  # quotes stand in quotes: the innermost go first
        before, text = text, _QUOTE_TAG.sub(" ", text)
    return _INDENTED.sub("\n", _QUOTED_LINE.sub("", text))


def mentions(words: str, name: str) -> bool:
    """Whether that name is called: `@name`, not as a part of a longer name or of a mail address."""
    return re.search(_mention(name), words, re.IGNORECASE) is not None


def _mention(name: str) -> str:
    return rf"(?<![\w@./+-])@{re.escape(name)}(?![\w-]|[.@+]\w)"


def _question(post: Post, topic: Topic, bot: str) -> str:
    """The question: the title goes before a first post; quotes go, code stays, for it may be what is asked about."""
    body = _QUOTED_LINE.sub("", _QUOTE_TAG.sub(" ", post.text.replace("\r\n", "\n")))
    body = re.sub(_mention(bot), " ", body, flags=re.IGNORECASE)
    lines = [_SPACE.sub(" ", line).strip() for line in body.split("\n")]
    body = "\n".join(line for line in lines if line)
    title = topic.title.strip()
    if post.is_first and title and not body.casefold().startswith(title.casefold()):
        body = f"{title}\n{body}"
    return body[:MAX_QUESTION].strip(" ,;:\n")


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
