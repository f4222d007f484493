"""`ask bot --list`, `--approve` and `--reject` on a real inbox."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.inbox import Inbox, Incoming, Job
from assistant.journal import Journal
from tests.ui.bot.parts import Forum, bot_on, incoming, work
from tests.ui.conftest import COMMAND, ROOT
from ui.cli import run

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str], journal: Journal) -> Ask:
    def called(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run(("bot", *words))
        return (code, *capfd.readouterr())

    del journal
    return called


def _waiting(forum: Forum, journal: Journal) -> Job:
    """A reply that waits for staff."""
    bot = bot_on(forum, journal, bot_review=True)
    bot.inbox.add(incoming(forum.open("Ports", "How do I publish a port?"), str(len(forum.topics))))
    work(bot)
    return bot.inbox.jobs("review")[0]


def _rows(ask: Ask) -> Any:
    code, out, _ = ask("--list", "--json")
    assert code == 0
    return json.loads(out)


def test_an_empty_inbox_says_so(ask: Ask) -> None:
    assert ask("--list") == (0, "", "No post has come in yet.\n")
    assert _rows(ask) == []


def test_what_waits_is_shown_with_its_reply(ask: Ask, journal: Journal) -> None:
    job = _waiting(Forum(), journal)
    code, out, _ = ask("--list")
    assert code == 0
    first, *reply = out.rstrip("\n").split("\n")
    assert first.split() == [job.id, "review", "post", "101", "of", "topic", "1"]
    assert "    Publish a port with `-p`. [1]" in reply
    (row,) = _rows(ask)
    assert {name: row[name] for name in ("id", "state", "topic", "post", "reply_post", "attempts")} == {
        "id": job.id, "state": "review", "topic": "1", "post": "101", "reply_post": "", "attempts": 1,
    }  # fmt: skip
    assert row["reply"] == job.reply


def test_a_hostile_reason_and_reply_are_shown_as_text(ask: Ask, journal: Journal) -> None:
    inbox = Inbox(journal)
    inbox.add(Incoming("spirit", "d", "1\x1b[2J", "3", "1", "text"))
    assert "\x1b" not in ask("--list")[1]


def test_an_approved_reply_goes_out_and_a_rejected_one_does_not(ask: Ask, journal: Journal) -> None:
    forum = Forum()
    yes, no = _waiting(forum, journal), _waiting(forum, journal)
    assert ask("--approve", yes.id) == (0, "", f"The reply {yes.id} goes out as soon as the bot works.\n")
    assert ask("--reject", no.id) == (0, "", f"The reply {no.id} is not posted.\n")
    work(bot_on(forum, journal, bot_review=True))
    assert [post.text for post in forum.by("bot")] == [yes.reply]
    assert {row["id"]: (row["state"], row["reason"]) for row in _rows(ask)} == {
        yes.id: ("done", ""), no.id: ("skipped", "staff said no"),
    }  # fmt: skip
    for words in (("--approve", yes.id), ("--reject", yes.id)):
        assert ask(*words) == (2, "", f"ask: The reply '{yes.id}' stands in the topic already.\n")
    assert ask("--approve", no.id) == (2, "", f"ask: The reply '{no.id}' does not wait for you: it is skipped.\n")


def test_an_unknown_id_is_a_wrong_call(ask: Ask) -> None:
    for option in ("--approve", "--reject"):
        for job in ("nothing", ""):
            code, out, err = ask(option, job)
            assert (code, out) == (2, "")
            assert err == f"ask: There is no reply '{job}'; `ask bot --list` shows those that wait.\n"


def test_options_that_do_not_go_together_are_a_wrong_call(ask: Ask) -> None:
    assert ask("--list", "--approve", "x")[0] == 2
    assert ask("--approve", "x", "--reject", "x")[0] == 2
    assert ask("--json") == (2, "", "ask: --json is for --list.\n")
    assert ask("--approve")[0] == 2


def test_no_forum_is_a_wrong_call_and_a_journal_that_cannot_be_used_an_error(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, _, err = ask()
    assert code == 2
    assert "ASK_BOT_FORUM" in err
    monkeypatch.setenv("ASK_JOURNAL", f"sqlite:///{tmp_path}")
    assert ask("--list")[0] == 1


@pytest.mark.slow
def test_two_who_approve_at_once_post_once(journal: Journal) -> None:
    forum = Forum()
    job = _waiting(forum, journal)
    people = [
        subprocess.Popen([*COMMAND, "bot", "--approve", job.id], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = sorted((person.communicate(timeout=60)[1], person.returncode) for person in people)
    assert sorted(code for _, code in ended) == [0, 2]
    assert any(f"The reply '{job.id}' does not wait for you: it is posting." in said for said, _ in ended)
    for _ in range(2):
        work(bot_on(forum, journal, bot_review=True))
    assert [post.text for post in forum.by("bot")] == [job.reply]
