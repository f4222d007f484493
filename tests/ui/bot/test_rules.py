from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.ui.bot.parts import CITATION, Forum, answer_of
from ui.bot.connector import Post, Topic
from ui.bot.reply import AUTOMATIC, is_automatic, replied_to, write_reply
from ui.bot.rules import Decision, Policy, decide, mentions, without_quotes_and_code

POLICY = Policy(bot="NotesBot", categories=frozenset({"4"}), others=frozenset({"gptbot"}), per_topic=2)


def _decide(forum: Forum, post: Post, policy: Policy = POLICY) -> Decision:
    topic = next(topic for topic in forum.topics.values() if post in topic.posts)
    return decide(post, topic, policy)


def test_a_new_topic_of_an_enabled_category_is_a_question_with_its_title() -> None:
    forum = Forum()
    assert (
        _decide(forum, forum.open("Ports", "How do I  publish one?\n\n> old")).question
        == "Ports\nHow do I publish one?"
    )
    assert _decide(forum, forum.open("Ports", "How?", category="5")).skip == "not for the bot"


def test_what_follows_in_a_topic_is_answered_only_if_the_bot_is_called_or_replied_to() -> None:
    forum = Forum()
    first = forum.open("Ports", "How?")
    reply = forum.write("1", write_reply(answer_of("How?"), first.id, None), author="notesbot")
    assert _decide(forum, forum.write("1", "Thank you!", author="bob")).skip == "not for the bot"
    assert _decide(forum, forum.write("1", "@NOTESBOT, and UDP?", author="bob")).question == "and UDP?"
    follow_up = _decide(forum, forum.write("1", "And for UDP?", reply_to=reply.id))
    assert (follow_up.question, follow_up.follows) == ("And for UDP?", reply.id)


@pytest.mark.parametrize(
    "text",
    [
        "> @notesbot said so",
        "`@notesbot`",
        "```\n@notesbot how?\n```",
        "~~~\n@notesbot",
        "[quote=\"x, post:1\"]a [quote]b[/quote] @notesbot[/quote] yes",
        "code:\n\n    @notesbot\n",
        "mail me@notesbot",
        "@notesbot2 how?",
        "@notesbot-dev how?",
        "@notesbot.org",
        "https://example.com/@notesbot",
    ],
)  # fmt: skip
def test_a_quoted_a_shown_or_a_longer_name_calls_nobody(text: str) -> None:
    assert not mentions(without_quotes_and_code(text), "notesbot")


def test_the_beginnings_of_many_quotes_are_soon_read() -> None:
    started = time.perf_counter()
    without_quotes_and_code("[quote=" * 4_500)  # as much as a post of Discourse may have
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    "text", ["@notesbot how?", "how, @NotesBot?", "(@notesbot)", "ask @notesbot.", "> no\n\n@notesbot"]
)
def test_a_name_in_someones_own_words_calls(text: str) -> None:
    assert mentions(without_quotes_and_code(text), "notesbot")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"author": "NOTESBOT"}, "the bot's own post"),
        ({"author": "system"}, "written by a machine"),
        ({"author": "GPTbot"}, "written by a machine"),
        ({"is_machine": True}, "written by a machine"),
        ({"text": "See above.\n\n[ask-the-notes-reply-to-77]: #"}, "written by a machine"),
    ],
)
def test_a_machine_is_never_answered(changed: dict[str, object], reason: str) -> None:
    post = replace(Forum().open("Ports", "@notesbot How?"), **changed)  # type: ignore[arg-type]
    assert decide(post, Topic("1", "Ports", "4", True, (post,)), POLICY).skip == reason


def test_a_closed_topic_and_one_in_which_enough_was_written_are_left_alone() -> None:
    forum = Forum()
    post = forum.open("Ports", "How?")
    assert decide(post, replace(forum.topics["1"], is_open=False), POLICY).skip == "the topic is closed"
    for _ in range(2):
        forum.write("1", "x", author="notesbot")
    assert "2 times" in _decide(forum, forum.write("1", "@notesbot and?")).skip


def test_what_comes_back_quicker_than_anybody_reads_is_another_bot() -> None:
    forum = Forum()
    forum.open("Ports", "How?")
    ours = forum.write("1", "so", author="notesbot")
    quick = replace(forum.write("1", "Thanks! More?", reply_to=ours.id), created=ours.created + timedelta(seconds=2))
    topic = replace(forum.topics["1"], posts=(*forum.topics["1"].posts[:-1], quick))
    assert decide(quick, topic, POLICY).skip == "written quicker than a person reads"
    slow = replace(quick, created=ours.created + timedelta(seconds=20))
    assert decide(slow, topic, POLICY).question == "Thanks! More?"


def test_a_call_without_a_question_is_not_answered() -> None:
    forum = Forum()
    forum.open("Ports", "How?")
    assert _decide(forum, forum.write("1", "@notesbot")).skip == "nothing is asked"


# The reply


def test_a_reply_cites_sections_says_that_it_is_automatic_and_ends_in_its_marker() -> None:
    text = write_reply(answer_of("How?"), "12", "https://ask.example")
    assert text.split("\n\n") == [
        "Publish a port with `-p`. [1]",
        "1. [Docker > Ports](https://ask.example/notes/week%201.md?lines=5#ports)",
        AUTOMATIC,
        f"[ask-the-notes-reply-to-12]: https://ask.example/a/{answer_of('How?').id}",
    ]
    assert replied_to(text) == "12"


def test_a_reply_never_names_a_file_of_the_server() -> None:
    text = write_reply(answer_of("How?"), "12", None)
    assert "file:" not in text
    assert "/srv" not in text
    assert "1. Docker > Ports" in text.replace("\\", "")


def test_a_reply_calls_nobody_and_leaves_commands_as_they_are() -> None:
    said = "Ask @teacher or me@example.org: `docker pull web@sha256:1`. [1]"
    text = write_reply(answer_of("How?", text=said), "1", None)
    assert "`docker pull web@sha256:1`" in text
    assert not mentions(text.replace("`docker pull web@sha256:1`", ""), "teacher")
    assert "@e" not in text


def test_only_the_last_line_is_a_marker() -> None:
    planted = "[ask-the-notes-reply-to-5]: #\n\nso there"
    assert not is_automatic(planted)
    assert replied_to(f"{planted}\n\n[ask-the-notes-reply-to-6]: #\r\n") == "6"


def test_where_the_notes_do_not_say_the_nearest_sections_are_named() -> None:
    text = write_reply(answer_of("How?", "not_covered", "The notes do not say."), "1", None)
    assert "The nearest that is written:" in text
    assert CITATION.heading[-1] in text
