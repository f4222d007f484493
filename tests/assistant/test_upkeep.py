from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from assistant import upkeep
from assistant.answer import Answer
from assistant.asked import totals
from assistant.inbox import Inbox, Incoming
from assistant.journal import Journal
from assistant.keys import Keys
from assistant.upkeep import export_all, forget, purge, trim
from corpus.errors import UsageProblem

ANSWER = Answer("a1", "How?", "How?", "answered", "So.")


@pytest.fixture
def journal(database: str) -> Iterator[Journal]:
    opened = Journal.open(database)
    yield opened
    opened.close()


def test_what_belongs_to_a_reader_is_removed_and_nothing_else(journal: Journal) -> None:
    journal.keep_answer(ANSWER, user="ada")
    journal.keep_answer(replace(ANSWER, id="b2"), user="bob")
    journal.rate("b2", "up", user="ada")
    journal.rate("b2", "down", user="bob")
    assert forget(journal, "ada") == 2
    assert journal.answer("a1") is None
    assert journal.answer("b2") is not None
    assert [said.rating for said in journal.feedback("b2")] == ["down"]
    assert forget(journal, "ada") == 0


@pytest.mark.parametrize("other", ["bob", None])
def test_an_answer_that_others_were_given_too_belongs_to_nobody(journal: Journal, other: str | None) -> None:
    journal.keep_answer(ANSWER, user="ada")
    journal.keep_answer(ANSWER, user="ada")
    journal.keep_answer(ANSWER, user=other)
    assert forget(journal, "ada") == 0
    assert journal.answer("a1") == ANSWER


def test_what_is_too_old_is_removed(journal: Journal) -> None:
    kept = journal.add_turn(None, "How?", ANSWER, notes="/n")
    journal.keep_answer(ANSWER)
    journal.rate("a1", "up")
    now = datetime.now(UTC)
    assert purge(journal, 30, now=now + timedelta(days=29)) == 0
    assert purge(journal, 30, now=now + timedelta(days=31)) == 3
    assert journal.turns(kept.conversation) == []
    assert journal.feedback("a1") == []
    assert journal.answer("a1") is None


def test_an_answer_is_as_old_as_its_last_asking(journal: Journal) -> None:
    journal.keep_answer(ANSWER)
    with journal.session() as session:
        session.execute(text("UPDATE askings SET day = :day"), {"day": (datetime.now(UTC) - timedelta(60)).date()})
        session.execute(text("UPDATE answers SET created = :then"), {"then": datetime.now(UTC) - timedelta(60)})
    journal.keep_answer(ANSWER)
    assert totals(journal) == {"answered": 2}
    assert purge(journal, 30) == 0
    assert journal.answer("a1") == ANSWER
    assert totals(journal) == {"answered": 1}
    assert purge(journal, 30, now=datetime.now(UTC) + timedelta(days=31)) == 1
    assert journal.answer("a1") is None


def test_what_is_forgotten_is_not_counted_any_more(journal: Journal) -> None:
    journal.keep_answer(ANSWER, user="ada")
    assert forget(journal, "ada") == 1
    assert totals(journal) == {}


def test_an_export_has_every_row_once_and_no_key(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 2)
    Keys(journal).add("forum")
    for number in range(5):
        journal.keep_answer(replace(ANSWER, id=f"a{number}"), user="ada")
    journal.add_turn(None, "How?", ANSWER, notes="/n")
    rows = [json.loads(json.dumps(row)) for row in export_all(journal)]
    assert [row["id"] for row in rows if row["table"] == "answers"] == ["a0", "a1", "a2", "a3", "a4"]
    assert [row["answer"] for row in rows if row["table"] == "askings"] == ["a0", "a1", "a2", "a3", "a4"]
    assert rows[-1]["times"] == 1
    assert {row["table"] for row in rows} == {"answers", "askings", "conversations", "turns"}
    assert next(row for row in rows if row["table"] == "answers")["user_id"] == "ada"


def test_a_key_is_found_by_its_text_until_it_is_revoked(journal: Journal) -> None:
    keys = Keys(journal)
    key, secret = keys.add("forum", ["staff", "ask"])
    assert keys.find(secret) == key
    assert key.scopes == ("ask", "staff")
    assert keys.find(secret[:-1]) is None
    assert keys.revoke(key.id)
    assert keys.find(secret) is None
    assert not keys.revoke(key.id)
    assert [each.revoked is not None for each in keys.all()] == [True]


def test_the_text_of_a_key_is_not_kept(journal: Journal) -> None:
    _, secret = Keys(journal).add("forum")
    with journal.session() as session:
        row = session.execute(text("SELECT * FROM api_keys")).one()
    assert secret not in str(row)
    assert secret.removeprefix("ask_") not in str(row)


@pytest.mark.parametrize(("name", "scopes"), [("", ["ask"]), ("x" * 101, ["ask"]), ("x", []), ("x", ["root"])])
def test_a_key_needs_a_name_and_scopes_that_exist(journal: Journal, name: str, scopes: list[str]) -> None:
    with pytest.raises(UsageProblem):
        Keys(journal).add(name, scopes)


def test_the_texts_of_posts_that_were_dealt_with_go_and_the_posts_are_not_answered_again(journal: Journal) -> None:
    inbox = Inbox(journal)
    posts = [Incoming("spirit", f"d{n}", str(n), str(n), "1", "text") for n in range(2)]
    for post in posts:
        assert inbox.add(post)
    for state in ("done", "review"):
        job = inbox.claim("w", 60)
        assert job is not None
        inbox.advance(job, "w", "answering", question="How?", answer="a1")
        inbox.finish(job, "w", state, reply="So.", reply_post="9")  # type: ignore[arg-type]
    assert purge(journal, 30) == 0
    assert purge(journal, 30, now=datetime.now(UTC) + timedelta(days=31)) == 1
    (done,), (waits,) = inbox.jobs("done"), inbox.jobs("review")
    assert (done.question, done.reply, done.reply_post) == ("", "", "9")
    assert (waits.question, waits.reply) == ("How?", "So.")
    assert [inbox.add(post) for post in posts] == [False, False]


def test_all_but_the_latest_are_removed(journal: Journal) -> None:
    for number in range(5):
        journal.keep_answer(replace(ANSWER, id=f"a{number}"))
        journal.add_turn(None, f"How {number}?", ANSWER, notes="/n")
        journal.rate("a1", "up", reason=str(number))
    assert trim(journal, 2) == 9
    assert [journal.answer(f"a{number}") is not None for number in range(5)] == [False] * 3 + [True] * 2
    assert [each.title for each in journal.conversations("/n")] == ["How 4?", "How 3?"]
    assert [said.reason for said in journal.feedback("a1")] == ["3", "4"]
    assert trim(journal, 2) == 0
