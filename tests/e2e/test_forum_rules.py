"""What the bot does in a real forum that throttles, that has private topics, staff, and another bot."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest

from assistant.inbox import Inbox
from assistant.journal import Journal
from tests.e2e.bot import bot_environment, ends_of, report, served
from tests.e2e.conftest import write_notes
from tests.e2e.servers import wait_until_ready
from tests.e2e.spirit_forum import (
    BOTS,
    STAFF,
    STUDENTS,
    TOKEN,
    Project,
    Spirit,
    gate,
    made,
    running,
    said_by,
    wait_until,
)
from tests.homes import make_home
from ui.bot.reply import replied_to
from ui.bot.rules import TOO_QUICK_SECONDS

pytestmark = [pytest.mark.real, pytest.mark.slow]

WORLD_CUP = "Who won the world cup in 1998?"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return made(tmp_path_factory.mktemp("spirit"))


def test_a_throttled_forum_takes_one_reply_to_each_in_the_end(project: Project, own_home: Path, tmp_path: Path) -> None:
    notes = write_notes(tmp_path / "notes")
    with gate() as between, running(project, f"{between.address}/webhooks/spirit", limit="1") as forum:
        environment = bot_environment(own_home, forum)
        with served(notes, environment, tmp_path) as address:
            wait_until_ready(address)
            students = [forum.student(name) for name in STUDENTS]
            started = time.monotonic()
            # All of them before the bot hears of any: its replies fall into less than two of the forum's spans of time.
            topics = [
                each.open_topic(f"Ports for {name}", "How do I publish a port?", forum.questions)
                for name, each in zip(STUDENTS, students, strict=True)
            ]
            fields = {"title": "One more", "comment": "And a volume?", "category": forum.questions}
            throttled = 0
            for attempt in range(2):  # the first may fall into the next span
                sent = students[0].fill_in("/topic/publish/", **{**fields, "title": f"One more {attempt}"})
                if sent.status_code == 200:
                    assert said_by(sent.text) == "Too many submissions, wait 10s."
                    throttled += 1
                else:
                    topics.append(sent.headers["location"].split("/")[2])
            assert throttled >= 1
            between.target = address
            wait_until(lambda: all(forum.comments("notesbot", topic) for topic in topics), 120, "all replies")
            took = time.monotonic() - started
            assert ends_of(own_home, len(topics)) == {"done": len(topics)}
            assert [len(forum.comments("notesbot", topic)) for topic in topics] == [1] * len(topics)
            refused = forum.log.read_text().count("POST /ask/replies/ 429")
            assert refused >= 1, "the forum throttles the bot as it does everybody"
    report(f"{len(topics)} replies in a forum that takes one in 10 s: {took:.1f} s, {refused} refused")


def test_a_question_that_the_notes_do_not_answer_is_flagged_for_staff_alone(
    project: Project, own_home: Path, tmp_path: Path
) -> None:
    with gate() as between, running(project, f"{between.address}/webhooks/spirit") as forum:
        environment = bot_environment(own_home, forum, ASK_BOT_WHEN_UNSURE="flag_staff")
        with served(write_notes(tmp_path / "notes"), environment, tmp_path) as address:
            between.target = address
            student = forum.student()
            topic = student.open_topic("Football", WORLD_CUP, forum.questions)
            assert ends_of(own_home, 1) == {"skipped": 1}
            assert forum.comments("notesbot", topic) == []
            staff = forum.student(STAFF)
            flags = staff.page("/st/admin/comment/flag/")
            assert "Football" in flags
            found = re.search(r"/st/admin/comment/flag/\d+/", flags)
            assert found, flags
            told = staff.page(found[0])
            assert "A question that the course notes do not answer." in told
            assert "notesbot" in told
            seen = student.page(f"/topic/{topic}/")
            assert "course notes" not in seen
            assert "notesbot" not in seen
            assert student.client.get("/st/admin/comment/flag/").status_code in {302, 403, 404}


def test_a_private_topic_is_neither_read_nor_answered(project: Project, own_home: Path, tmp_path: Path) -> None:
    with gate() as between, running(project, f"{between.address}/webhooks/spirit") as forum:
        # The sweep looks at what no delivery tells of.
        environment = bot_environment(own_home, forum, ASK_BOT_SWEEP="1")
        with served(write_notes(tmp_path / "notes"), environment, tmp_path) as address:
            between.target = address
            wait_until_ready(address)
            student = forum.student()
            said = "@notesbot how do I publish a secret port?"
            where = student.send("/topic/private/publish/", title="Between us", comment=said, users="notesbot")
            private = where.split("/private/")[1].split("/")[0]
            assert "publish a secret port" in student.page(where)
            public = student.open_topic("How do I publish a port?", "My container has a web server.", forum.questions)
            wait_until(lambda: forum.comments("notesbot", public), 60, "the reply in public")
            sweeps = forum.log.read_text().count("/ask/recent/")
            wait_until(lambda: forum.log.read_text().count("/ask/recent/") >= sweeps + 2, 30, "two more sweeps")
            assert forum.comments("notesbot", private) == []
            assert not any(b"secret" in body for *_, body in between.deliveries)
            assert _topics_of(own_home) == {public}

            with httpx.Client(base_url=forum.address, headers={"Authorization": f"Bearer {TOKEN}"}) as bot:
                assert bot.get(f"/ask/topics/{private}/").status_code == 404
                assert "secret" not in bot.get("/ask/recent/?since=2020-01-01T00:00:00Z").text
                sent = {"topic": private, "post": "1", "text": "Hello"}
                refused = bot.post("/ask/replies/", json=sent, headers={"Idempotency-Key": "private-1"})
                assert refused.status_code == 404
            assert forum.comments("notesbot", private) == []


def _topics_of(home: Path) -> set[str]:
    journal = Journal.open(f"sqlite:///{home / 'journal.sqlite3'}")
    try:
        return {job.topic for job in Inbox(journal).jobs()}
    finally:
        journal.close()


def test_two_bots_in_one_topic_leave_each_other_alone(
    project: Project, own_home: Path, encoders: Path, tmp_path: Path
) -> None:
    other_home = make_home(tmp_path / "other-home", encoders)
    notes = write_notes(tmp_path / "notes")
    nowhere = "http://127.0.0.1:9/webhooks/spirit"  # both see every post by their sweeps
    with running(project, nowhere) as forum, running(project, nowhere, bot=BOTS[1]) as door:
        more = {"ASK_BOT_SWEEP": "1", "ASK_BOT_PER_TOPIC": "50", "ASK_BOT_WHEN_UNSURE": "say_so"}
        one = bot_environment(own_home, forum, **more)
        two = bot_environment(other_home, door, **more, ASK_BOT_USER=BOTS[1])
        with served(notes, one, tmp_path) as first, served(notes, two, tmp_path) as second:
            wait_until_ready(first)
            wait_until_ready(second)
            student = forum.student()
            topic = student.open_topic("Ports", "@notesbot @otherbot how do I publish a port?", forum.other)
            wait_until(lambda: all(forum.comments(bot, topic) for bot in BOTS), 60, "both replies")
            replied = time.monotonic()
            wait_until(lambda: time.monotonic() - replied > TOO_QUICK_SECONDS + 0.5, 30, "as long as a person reads")
            # A question that quotes one and calls the other: each has something to answer once more.
            student.send(
                f"/comment/{topic}/publish/",
                comment="> @otherbot said:\n> @notesbot so\n\n@notesbot and how do I make a volume?",
            )
            wait_until(lambda: all(len(forum.comments(bot, topic)) == 2 for bot in BOTS), 60, "both second replies")
            _let_them_look(forum, door)
            assert [len(forum.comments(bot, topic)) for bot in BOTS] == [2, 2]
            texts = [text for bot in BOTS for _, text in forum.comments(bot, topic)]
            assert all(replied_to(text) for text in texts)
            assert not any(f"@{bot}" in text for bot in BOTS for text in texts)
            seen = len(forum.comments("ada", topic)) + 2
            for home in (own_home, other_home):
                assert sum(ends_of(home, seen).values()) == seen, "the other's replies were looked at, and left alone"


def _let_them_look(*forums: Spirit) -> None:
    """Three more sweeps of each bot, which see all that was written before."""
    before = [forum.log.read_text().count("/ask/recent/") for forum in forums]
    wait_until(
        lambda: all(f.log.read_text().count("/ask/recent/") >= n + 3 for f, n in zip(forums, before, strict=True)),
        60, "more sweeps",
    )  # fmt: skip
