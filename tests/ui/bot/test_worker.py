from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from assistant.answer import Answer, Turn
from assistant.asked import totals
from assistant.inbox import MAX_ATTEMPTS, Inbox, LeaseLost, retry_seconds
from assistant.journal import Journal
from corpus.errors import ModelFailed
from tests.ui.bot.parts import Forum, answer_of, bot_on, incoming, work
from ui.bot.connector import ForumBusy, ForumRefused
from ui.bot.reply import replied_to
from ui.bot.worker import HELD_LONGEST, Bot


class Killed(BaseException):
    """What SIGKILL leaves behind: nothing is put in order."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield opened
    opened.close()


def _asked(forum: Forum, inbox: Inbox, text: str = "How do I publish a port?") -> str:
    post = forum.open("Ports", text)
    inbox.add(incoming(post, str(len(forum.topics))))
    return post.id


def _states(inbox: Inbox) -> list[tuple[str, str]]:
    return [(job.state, job.reason) for job in inbox.jobs()]


def test_a_question_gets_its_reply_and_the_reply_none(journal: Journal) -> None:
    forum = Forum()
    bot = bot_on(forum, journal)
    asked = _asked(forum, bot.inbox)
    work(bot)
    (reply,) = forum.by("bot")
    assert replied_to(reply.text) == asked
    bot.sweep()
    work(bot)
    assert forum.by("bot") == [reply]
    assert sorted(_states(bot.inbox)) == [("done", ""), ("skipped", "the bot's own post")]
    kept = journal.answer(bot.inbox.jobs("done")[0].answer)
    assert kept is not None
    assert kept.question == "Ports\nHow do I publish a port?"


def test_the_same_post_is_stored_once_whatever_the_delivery_is_called(journal: Journal) -> None:
    forum, inbox = Forum(), Inbox(journal)
    post = forum.open("Ports", "How?")
    assert [inbox.add(incoming(post, "1", delivery=name)) for name in ("a", "b", "a")] == [True, False, False]
    assert len(inbox.jobs()) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_bot_killed_while_it_posts_neither_loses_nor_doubles_the_reply(journal: Journal, moment: str) -> None:
    forum = Forum()
    bot = bot_on(forum, journal, bot_lease=1)
    _asked(forum, bot.inbox)
    (forum.failures if moment == "before" else forum.after).append(Killed())
    with pytest.raises(Killed):
        bot.step()
    other = bot_on(forum, journal)
    assert not other.step(), "the dead bot's request may still be under way"
    time.sleep(1.1)
    work(other)
    assert len(forum.by("bot")) == 1
    assert _states(bot.inbox) == [("done", "")]


def test_a_bot_killed_while_it_answers_answers_again(journal: Journal) -> None:
    forum = Forum()

    def dies(_: str, __: Sequence[Turn]) -> Answer:
        raise Killed

    bot = bot_on(forum, journal, answer=dies, bot_lease=1)
    _asked(forum, bot.inbox)
    with pytest.raises(Killed):
        bot.step()
    assert bot.inbox.jobs()[0].state == "answering"
    time.sleep(1.1)
    work(bot_on(forum, journal))
    assert len(forum.by("bot")) == 1


def test_two_workers_never_have_the_same_job_and_the_slow_one_lets_go(journal: Journal) -> None:
    forum, inbox = Forum(), Inbox(journal)
    _asked(forum, inbox)
    job = inbox.claim("one", 0.05)
    assert job is not None
    assert inbox.claim("two", 60) is None
    time.sleep(0.1)
    assert inbox.claim("two", 60) is not None
    with pytest.raises(LeaseLost):
        inbox.finish(job, "one", "done")
    with pytest.raises(LeaseLost):
        inbox.renew(job, "one", 60)


def test_a_post_that_is_tried_again_has_asked_once(journal: Journal) -> None:
    forum = Forum(failures=[Killed()])
    bot = bot_on(forum, journal, bot_lease=1)
    _asked(forum, bot.inbox)
    with pytest.raises(Killed):
        bot.step()
    job = bot.inbox.jobs()[0]
    with journal.session() as session:  # as a worker leaves it that is killed before it has noted the reply
        session.execute(text("UPDATE bot_jobs SET state = 'answering', reply = '' WHERE id = :job"), {"job": job.id})
    time.sleep(1.1)
    work(bot_on(forum, journal))
    assert len(forum.by("bot")) == 1
    assert totals(journal) == {"answered": 1}


def test_a_job_is_kept_however_long_its_answer_takes(journal: Journal) -> None:
    forum = Forum()
    others: list[object] = []

    def answer(question: str, _: Sequence[Turn]) -> Answer:
        end = time.monotonic() + 4.5
        while time.monotonic() < end:
            others.append(bot.inbox.claim("other", 60))
            time.sleep(0.1)
        return answer_of(question)

    bot = bot_on(forum, journal, answer=answer, bot_lease=3)
    _asked(forum, bot.inbox)
    work(bot)
    assert set(others) == {None}
    assert [(job.state, job.attempts) for job in bot.inbox.jobs()] == [("done", 1)]


def test_the_cap_of_a_topic_holds_with_two_workers(journal: Journal) -> None:
    forum = Forum()
    first = forum.open("Ports", "@bot how?")
    posts = [first, *(forum.write("1", f"@bot and {each}?", author=each) for each in ("bob", "cleo", "dan", "eve"))]
    begin = threading.Barrier(2)

    def answer(question: str, _: Sequence[Turn]) -> Answer:
        time.sleep(0.2)
        return answer_of(question)

    bots = [bot_on(forum, journal, answer=answer, bot_per_topic=2) for _ in range(2)]
    for post in posts:
        bots[0].inbox.add(incoming(post, "1"))

    def go_on(bot: Bot) -> None:
        begin.wait(30)
        end = time.monotonic() + 30
        while len(bot.inbox.jobs("done", "skipped")) < len(posts) and time.monotonic() < end:
            if not bot.step():
                time.sleep(0.01)

    threads = [threading.Thread(target=go_on, args=(bot,)) for bot in bots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(forum.by("bot")) == 2
    assert (
        sorted(_states(bots[0].inbox))
        == [("done", "")] * 2 + [("skipped", "the bot has written 2 times in this topic")] * 3
    )


def test_the_rules_are_asked_again_before_a_reply_is_posted(journal: Journal) -> None:
    forum = Forum()

    def answer(question: str, _: Sequence[Turn]) -> Answer:
        forum.write("1", "By hand.", author="bot")
        return answer_of(question)

    bot = bot_on(forum, journal, answer=answer, bot_per_topic=1)
    _asked(forum, bot.inbox)
    work(bot)
    assert [post.text for post in forum.by("bot")] == ["By hand."]
    assert _states(bot.inbox) == [("skipped", "the bot has written 1 times in this topic")]


def test_a_busy_forum_is_tried_again_when_it_says(journal: Journal) -> None:
    forum = Forum(failures=[ForumBusy("429", 0.3)])
    bot = bot_on(forum, journal)
    _asked(forum, bot.inbox)
    started = time.monotonic()
    assert work(bot) == 1
    while not forum.by("bot"):
        work(bot)
        assert time.monotonic() - started < 10
    assert time.monotonic() - started >= 0.3


def test_a_refusal_and_too_many_attempts_end_a_job_with_the_reason(journal: Journal) -> None:
    forum = Forum(failures=[ForumRefused("422: body is too short")])
    bot = bot_on(forum, journal)
    _asked(forum, bot.inbox)
    work(bot)
    assert _states(bot.inbox) == [("failed", "422: body is too short")]

    def fails(_: str, __: Sequence[Turn]) -> Answer:
        raise ModelFailed("no model")

    other = bot_on(forum, journal, answer=fails)
    _asked(forum, other.inbox)
    for _ in range(MAX_ATTEMPTS + 1):
        job = other.inbox.claim(other.id, 60)
        assert job is not None
        ended = other._work(job)
        if ended.state == "failed":
            break
        taken = other.inbox.claim(other.id, 60)
        assert taken is None, "it waits before it tries again"
        _make_due(journal, ended.id)
    assert (ended.state, ended.reason) == ("failed", f"tried {MAX_ATTEMPTS} times: no model")
    assert forum.by("bot") == []


def _make_due(journal: Journal, job: str) -> None:
    from assistant.inbox import _Job

    with journal.session() as session:
        row = session.get_one(_Job, job)
        row.next_try = row.created


def test_waits_grow_and_end() -> None:
    assert [retry_seconds(n) for n in (1, 2, 3, 4)] == [2, 4, 8, 16]
    assert retry_seconds(40) == 900


def test_a_held_reply_is_not_sent_again_and_is_done_when_it_shows(journal: Journal) -> None:
    forum = Forum(holds=True)
    bot = bot_on(forum, journal)
    _asked(forum, bot.inbox)
    work(bot)
    (job,) = bot.inbox.jobs("held")
    _make_due(journal, job.id)
    work(bot)
    assert len(forum.held) == 1
    forum.write("1", forum.held[0][1], author="bot")
    _make_due(journal, job.id)
    work(bot)
    assert [job.state for job in bot.inbox.jobs()] == ["done"]
    assert len(forum.held) == 1


def test_held_replies_count_in_their_topic_as_those_that_stand_there(journal: Journal) -> None:
    forum = Forum(holds=True)
    bot = bot_on(forum, journal, bot_per_topic=2)
    _asked(forum, bot.inbox)
    for number in range(4):
        bot.inbox.add(incoming(forum.write("1", f"@bot what is port {number}?"), "1"))
    work(bot)
    assert len(forum.held) == 2
    assert len(bot.inbox.jobs("skipped")) == 3
    forum.write("1", forum.held[0][1], author="bot")  # one is let through: it is still the same two
    forum.holds = False
    late = forum.write("1", "@bot and another?")
    bot.inbox.add(incoming(late, "1"))
    work(bot)
    assert [job.reason for job in bot.inbox.jobs("skipped") if job.post == late.id] == [
        "the bot has written 2 times in this topic"
    ]


def test_a_held_reply_that_nobody_lets_through_is_left_one_day(journal: Journal) -> None:
    forum = Forum(holds=True)
    bot = bot_on(forum, journal)
    _asked(forum, bot.inbox)
    work(bot)
    (job,) = bot.inbox.jobs("held")
    with journal.session() as session:
        session.execute(
            text("UPDATE bot_jobs SET created = :then"), {"then": datetime.now(UTC) - HELD_LONGEST - timedelta(days=1)}
        )
    _make_due(journal, job.id)
    work(bot)
    assert _states(bot.inbox) == [("skipped", "the forum's staff have not let it through in 30 days")]


@pytest.mark.parametrize(
    ("setting", "replies", "flags", "reason"),
    [("silent", 0, 0, "not_covered"), ("flag_staff", 0, 1, "not_covered, and staff were told"), ("say_so", 1, 0, "")],
)
def test_where_the_notes_do_not_say(journal: Journal, setting: str, replies: int, flags: int, reason: str) -> None:
    forum = Forum()
    bot = bot_on(
        forum,
        journal,
        answer=lambda question, _: answer_of(question, "not_covered", "The notes do not say."),
        bot_when_unsure=setting,
    )
    _asked(forum, bot.inbox)
    work(bot)
    assert (len(forum.by("bot")), len(forum.flags)) == (replies, flags)
    assert bot.inbox.jobs()[0].reason == reason


@pytest.mark.parametrize("approve", [True, False])
def test_a_reply_waits_for_staff_if_that_is_set(journal: Journal, approve: bool) -> None:
    forum = Forum()
    bot = bot_on(forum, journal, bot_review=True)
    _asked(forum, bot.inbox)
    work(bot)
    (job,) = bot.inbox.jobs("review")
    assert forum.by("bot") == []
    assert "Publish a port" in job.reply
    assert bot.inbox.decide(job.id, post=approve)
    assert not bot.inbox.decide(job.id, post=approve), "it waits no more"
    work(bot)
    assert [post.text for post in forum.by("bot")] == ([job.reply] if approve else [])


def test_a_follow_up_is_asked_with_what_went_before(journal: Journal) -> None:
    forum = Forum()
    heard: list[list[Turn]] = []

    def answer(question: str, history: Sequence[Turn]) -> Answer:
        heard.append(list(history))
        return answer_of(question)

    bot = bot_on(forum, journal, answer=answer)
    _asked(forum, bot.inbox)
    work(bot)
    follow_up = forum.write("1", "And for UDP?", reply_to=forum.by("bot")[0].id)
    bot.inbox.add(incoming(follow_up, "1"))
    work(bot)
    assert heard[0] == []
    assert heard[1] == [
        Turn("user", "Ports\nHow do I publish a port?"),
        Turn("assistant", "Publish a port with `-p`. [1]"),
    ]
    assert len(forum.by("bot")) == 2


def test_a_post_that_was_removed_meanwhile_is_left_alone(journal: Journal) -> None:
    forum = Forum()
    bot = bot_on(forum, journal)
    _asked(forum, bot.inbox)
    forum.topics.clear()
    work(bot)
    assert _states(bot.inbox) == [("skipped", "the post is gone, or private")]


def test_replies_keep_their_distance(journal: Journal) -> None:
    forum = Forum()
    bot = bot_on(forum, journal, bot_interval=0.6)
    _asked(forum, bot.inbox)
    _asked(forum, bot.inbox)
    assert work(bot) == 1
    time.sleep(0.7)
    assert work(bot) == 1
    assert len(forum.by("bot")) == 2


def test_two_bots_that_call_each_other_end_after_one_reply_each(tmp_path: Path) -> None:
    """Both see every post, each quotes nothing but calls the other, and each would answer a reply to it."""
    one = Forum(user="bot")
    two = Forum(user="botty", topics=one.topics)
    journals = [Journal.open(f"sqlite:///{tmp_path / name}") for name in ("one", "two")]
    bots = [
        bot_on(forum, journal, bot_per_topic=50)
        for forum, journal in zip((one, two), journals, strict=True)
    ]  # fmt: skip
    one.open("Ports", "@bot @botty how do I publish a port?")
    for _ in range(6):
        for bot in bots:
            bot.sweep()
            work(bot)
    assert (len(one.by("bot")), len(one.by("botty"))) == (1, 1)
    for journal in journals:
        journal.close()


def test_a_strange_bot_that_replies_to_every_reply_gets_one(journal: Journal) -> None:
    forum = Forum()
    bot = bot_on(forum, journal, bot_per_topic=50)
    forum.open("Ports", "@bot how?", author="parrot")
    for _ in range(6):
        bot.sweep()
        work(bot)
        last = forum.topics["1"].posts[-1]
        if last.author == "bot":
            forum.write(
                "1", "Interesting! @bot tell me more", author="parrot", reply_to=last.id, minutes=60 * last.number
            )
    assert len(forum.by("bot")) == 1
