"""The bot in a real forum: one question from the student's page to the cited reply, and thirty while it is killed."""

from __future__ import annotations

import json
import random
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from assistant.inbox import Inbox
from assistant.journal import Journal
from tests.e2e.bot import PUBLIC, bot_environment, ends_of, report, served
from tests.e2e.conftest import write_notes
from tests.e2e.servers import COMMAND
from tests.e2e.spirit_forum import WIDGET, gate, spirit, wait_until
from ui.bot.reply import AUTOMATIC, replied_to
from ui.bot.rules import TOO_QUICK_SECONDS

pytestmark = [pytest.mark.real, pytest.mark.slow]

POSTS = 30
KILLS = 10


def test_a_student_asks_in_spirit_and_the_bot_replies_with_citations(own_home: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    with gate() as between, spirit(tmp_path, f"{between.address}/webhooks/spirit") as forum:
        up = time.monotonic() - started
        with served(write_notes(tmp_path / "notes"), bot_environment(own_home, forum), tmp_path) as address:
            between.target, between.refuse = address, 1
            student = forum.student()
            asked = time.monotonic()
            topic = student.open_topic("How do I publish a port?", "My container has a web server.", forum.questions)
            wait_until(lambda: forum.comments("notesbot"), 120, "the reply")
            replied = time.monotonic() - asked
            ((where, text),) = forum.comments("notesbot")
            assert where == topic
            assert "docker run -p 8080:80 web" in text
            assert re.search(r"\[1\]", text)
            assert re.search(
                rf"^1\. \[.*Ports.*\]\({PUBLIC}/notes/note\.md\?lines=\d+#\S+\), note\.md:\d+$", text, re.MULTILINE
            )
            assert AUTOMATIC in text

            statuses = [(status, delivery) for status, delivery, _ in between.deliveries]
            assert [status for status, _ in statuses] == [503, 202]
            assert statuses[0][1] == statuses[1][1], "a retry keeps the id of its delivery"
            assert json.loads(between.deliveries[0][2])["data"]["author"] == "ada"

            page = student.page(f"/topic/{topic}/")
            assert f'href="{PUBLIC}/notes/note.md?lines=' in page
            assert "This is an automatic reply" in page
            assert "ask-the-notes-reply-to" not in page, "no reader sees the marker"
            assert f'<script async src="{WIDGET}" data-mode="bubble">' in page

            time.sleep(TOO_QUICK_SECONDS + 0.5)  # as a person would
            second = time.monotonic()
            student.send(f"/comment/{topic}/publish/", comment="> @notesbot said:\n> so\n\nHow do I make a volume?")
            wait_until(lambda: len(forum.comments("notesbot")) == 2, 60, "the reply to the reply")
            followed = time.monotonic() - second
            assert "docker volume create data" in forum.comments("notesbot")[1][1]
            student.send(f"/comment/{topic}/publish/", comment="Thank you!")
            wait_until(lambda: len(between.deliveries) == 4, 30, "the last delivery")
            assert ends_of(own_home, 3) == {"done": 2, "skipped": 1}
            assert len(forum.comments("notesbot")) == 2, "its own posts ask it nothing"
    report(
        f"Forum up {up:.1f} s, first reply (with a 503 and the index built) {replied:.1f} s, second {followed:.1f} s"
    )


@pytest.mark.parametrize("seed", [20_261_124])
def test_thirty_posts_and_a_bot_that_is_killed_ten_times(own_home: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    notes = write_notes(tmp_path / "notes")
    with gate() as between, spirit(tmp_path, f"{between.address}/webhooks/spirit", slow="0.3") as forum:
        environment = bot_environment(
            own_home, forum, ASK_BOT_IN_SERVE="false", ASK_BOT_LEASE="2", ASK_BOT_WHEN_UNSURE="say_so"
        )
        with served(notes, environment, tmp_path) as address:
            between.target = address
            student = forum.student()
            started = time.monotonic()
            expected = {}
            for number in range(POSTS):
                is_for_us = number % 5 != 4
                category = forum.questions if is_for_us else forum.other
                topic = student.open_topic(f"Port {8000 + number}", f"How do I publish {8000 + number}?", category)
                expected[topic] = int(is_for_us)
            wait_until(lambda: sum(s == 202 for s, *_ in between.deliveries) >= POSTS, 60, "the deliveries")
            posted = time.monotonic() - started

            journal = Journal.open(f"sqlite:///{own_home / 'journal.sqlite3'}")
            inbox = Inbox(journal)
            killed_at = Counter[str]()
            command = [*COMMAND, "bot", "--notes", str(notes)]
            log = (tmp_path / "bot.log").open("wb")
            for kill in range(KILLS):
                bot = subprocess.Popen(
                    command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
                try:
                    if kill % 5:  # else at any moment of its start
                        before = inbox.counts(), len(forum.comments("notesbot"))
                        wait_until(
                            lambda before=before: (inbox.counts(), len(forum.comments("notesbot"))) != before,
                            60, "the bot to work",
                        )  # fmt: skip
                        time.sleep(chance.uniform(0, 0.9))
                    else:
                        time.sleep(chance.uniform(0.5, 6))
                    assert bot.poll() is None, "it was to be killed, and has ended by itself"
                finally:
                    bot.kill()
                    bot.wait()
                killed_at.update(job.state for job in inbox.jobs("answering", "posting"))
            under_way = len(forum.comments("notesbot"))
            assert under_way < sum(expected.values()), "the kills came too late to mean anything"

            bot = subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            try:
                ends = ends_of(own_home, POSTS, 180)
            finally:
                bot.kill()
                bot.wait()
                log.close()
                journal.close()
    took = time.monotonic() - started
    assert ends == {"done": sum(expected.values()), "skipped": POSTS - sum(expected.values())}
    replies = forum.comments("notesbot")
    found = Counter(topic for topic, _ in replies)
    assert {topic: found[topic] for topic in expected} == expected
    assert len({replied_to(text) for _, text in replies}) == len(replies)
    report(
        f"{POSTS} posts in {posted:.1f} s, {KILLS} kills, {under_way} replies by then, "
        f"jobs caught in {dict(killed_at)}, {len(replies)} replies, none doubled, none lost, {took:.1f} s in all"
    )
