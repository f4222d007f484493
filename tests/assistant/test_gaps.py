from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from assistant import asked
from assistant.answer import Answer, Citation, Outcome, Via
from assistant.database import MEMORY
from assistant.gaps import Example, find_gaps
from assistant.inbox import Inbox, Incoming
from assistant.journal import Journal
from assistant.recheck import Given, Reply, most_urgent, recheck
from corpus.documents import read_notes

VOLUMES = ("Docker", "Volumes")


def citation(
    quote: str, line: int = 3, *, heading: tuple[str, ...] = ("Docker", "Ports"), revision: str = "old"
) -> Citation:
    end = line + quote.count("\n")
    return Citation(1, "note.md", heading, (), line, end, quote, "ports", "u", revision)


def answer(
    outcome: Outcome,
    question: str = "q",
    *cited: Citation,
    nearest: tuple[Citation, ...] = (),
    coverage: float = 0.4,
    name: str = "",
) -> Answer:
    name = name or f"{abs(hash((question, outcome))):x}"[:20]
    return Answer(name, question, question, outcome, "text", citations=cited, nearest=nearest, coverage=coverage)


@pytest.fixture
def journal(database: str) -> Iterator[Journal]:
    opened = Journal.open(database)
    yield opened
    opened.close()


@pytest.fixture(params=["file", "memory"])
def any_journal(request: pytest.FixtureRequest, database: str) -> Iterator[Journal]:
    opened = Journal.open(database if request.param == "file" else MEMORY)
    yield opened
    opened.close()


def _long_ago(journal: Journal, days: int, *tables: str) -> None:
    """Move all that is kept into the past."""
    when = datetime.now(UTC) - timedelta(days=days)
    with journal.session() as session:
        if "askings" in tables:
            session.connection().execute(asked.Base.metadata.tables["askings"].update().values(day=when.date()))
        for name in set(tables) - {"askings"}:
            session.connection().execute(asked.Base.metadata.tables[name].update().values(created=when))


class TestAskings:
    def test_every_asking_counts_and_the_answer_is_kept_once(self, journal: Journal) -> None:
        for _ in range(10):
            journal.keep_answer(answer("not_covered", "what is a swarm", nearest=(citation("a swarm"),)))
        (gap,) = asked.report(journal).gaps
        assert (gap.count, gap.examples) == (10, [Example("what is a swarm", 10)])

    def test_twenty_at_once_are_all_counted(self, any_journal: Journal) -> None:
        failures: list[BaseException] = []
        start = threading.Barrier(20)

        def keep() -> None:
            start.wait(30)
            try:
                any_journal.keep_answer(answer("unfinished", "how", citation("x")))
            except BaseException as error:  # noqa: BLE001  # told by the test
                failures.append(error)

        threads = [threading.Thread(target=keep) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert asked.totals(any_journal) == {"unfinished": 20}

    def test_a_turn_of_the_chat_and_an_answer_elsewhere_are_two_askings(self, journal: Journal) -> None:
        given = answer("partial", "how", citation("x"))
        journal.add_turn(None, "how", given, notes="/n")
        journal.keep_answer(given)
        assert asked.totals(journal) == {"partial": 2}
        assert asked.report(journal).gaps[0].examples == [Example("how", 2)]

    def test_what_was_counted_before_is_kept_and_not_counted_again(self, journal: Journal) -> None:
        journal.keep_answer(answer("partial", "how", citation("x")))
        journal.keep_answer(answer("partial", "how", citation("x")), is_counted=False)
        journal.keep_answer(answer("answered", "how", citation("x"), name="b2"), is_counted=False)
        assert asked.totals(journal) == {"partial": 1}
        assert journal.answer("b2") is not None

    def test_only_a_day_is_kept_of_each(self, journal: Journal) -> None:
        journal.keep_answer(answer("answered"), user="ada")
        with journal.session() as session:
            row = session.execute(text("SELECT * FROM askings")).mappings().one()
        assert set(row) == {"answer", "day", "times"}
        assert str(row["day"]) == date.today().isoformat() or row["times"] == 1  # noqa: DTZ011  # near midnight


class TestGaps:
    def test_they_are_counted_by_the_section_they_belong_to(self, journal: Journal) -> None:
        volumes = citation("## Volumes", heading=VOLUMES)
        for given in (
            answer("unfinished", "how do volumes work", volumes),
            answer("not_covered", "which ports are a swarm's", nearest=(citation("x"),)),
            answer("unfinished", "what is a volume", volumes),
            answer("unfinished", "what is a volume", volumes),
            answer("answered", "how do I publish a port", citation("x")),
        ):
            journal.keep_answer(given)
        report = asked.report(journal)
        assert [(gap.heading, gap.count) for gap in report.gaps] == [(VOLUMES, 3), (("Docker", "Ports"), 1)]
        assert report.gaps[0].examples == [Example("what is a volume", 2), Example("how do volumes work", 1)]
        assert report.gaps[0].outcomes == {"unfinished": 3}
        assert report.asked == 5
        assert report.share(report.outcomes["answered"]) == 0.2

    def test_an_included_file_belongs_to_the_section_that_includes_it(self, journal: Journal) -> None:
        script = replace(citation("swarm ls"), document="swarm.sh", via=Via("note.md", 3, 3))
        journal.keep_answer(answer("not_covered", "which swarm", nearest=(script,)))
        journal.keep_answer(answer("not_covered", "what is a swarm", nearest=(citation("a swarm"),)))
        (gap,) = asked.report(journal).gaps
        assert (gap.document, gap.count) == ("note.md", 2)

    @pytest.mark.parametrize(
        ("question", "coverage", "is_near"),
        [
            ("who won the world cup", 0.4, False),
            ("a swarm of bees", 0.05, False),
            ("what is a swarm", 0.4, True),
            ("ports of a firewall", 0.05, True),
        ],
        ids=["no word", "a word alone", "a word and near", "a word of the heading"],
    )
    def test_what_is_near_no_section_comes_last(
        self, journal: Journal, question: str, coverage: float, is_near: bool
    ) -> None:
        for _ in range(3):
            journal.keep_answer(
                answer("not_covered", question, nearest=(citation("a swarm has many"),), coverage=coverage)
            )
        journal.keep_answer(answer("unfinished", "how do volumes work", citation("## V", heading=VOLUMES)))
        found = [(gap.heading, gap.count) for gap in asked.report(journal).gaps]
        assert found == ([(("Docker", "Ports"), 3), (VOLUMES, 1)] if is_near else [(VOLUMES, 1), ((), 3)])

    def test_five_examples_the_most_frequent_first(self) -> None:
        rows = [asked.Missed(f"q{n}", "unfinished", citation("x"), n) for n in range(1, 9)]
        (gap,) = find_gaps(rows)
        assert [example.times for example in gap.examples] == [8, 7, 6, 5, 4]
        assert gap.count == 36

    def test_only_the_last_days_count_if_that_is_asked_for(self, journal: Journal) -> None:
        old, new = answer("unfinished", "old", citation("x")), answer("unfinished", "new", citation("x"))
        journal.keep_answer(old)
        journal.add_turn(None, "old", old, notes="/n")
        journal.rate(old.id, "down")
        _long_ago(journal, 40, "askings", "turns", "feedback")
        journal.keep_answer(old)
        journal.keep_answer(new)
        assert asked.report(journal, 30).gaps[0].count == 2
        assert (asked.report(journal, 30).disliked, asked.report(journal).disliked) == (0, 1)
        assert asked.report(journal).gaps[0].count == 4


class TestDisliked:
    def test_a_thumb_down_comes_with_what_was_said(self, journal: Journal) -> None:
        journal.keep_answer(answer("answered", "how", citation("x"), name="a1"))
        journal.rate("a1", "down", reason="Wrong", text="see line 9")
        journal.rate("a1", "down", reason="Old", text="")
        (gap,) = asked.report(journal).gaps
        assert (gap.count, gap.disliked, gap.outcomes) == (2, 2, {})
        assert [(each.reason, each.text, each.has_page) for each in gap.dislikes] == [
            ("Old", "", True),
            ("Wrong", "see line 9", True),
        ]

    def test_the_last_rating_of_a_reader_who_is_known_counts(self, journal: Journal) -> None:
        journal.keep_answer(answer("answered", "how", citation("x"), name="a1"))
        journal.rate("a1", "down", user="ada", reason="first")
        journal.rate("a1", "down", user="ada", reason="second")
        journal.rate("a1", "down", user="bob")
        journal.rate("a1", "up", user="bob")
        assert [each.reason for each in asked.disliked(journal)] == ["second"]

    def test_the_rating_of_a_turn_counts_once_and_its_answer_has_no_page(self, journal: Journal) -> None:
        given = answer("answered", "how", citation("x"), name="a1")
        turn = journal.add_turn(None, "how", given, notes="/n")
        journal.keep_answer(given)
        journal.rate("a1", "down", turn=turn.id)
        assert [each.has_page for each in asked.disliked(journal)] == [False]

    def test_whoever_missed_something_and_says_so_is_counted_once(self, journal: Journal) -> None:
        journal.keep_answer(answer("unfinished", "how", citation("x"), name="a1"))
        journal.rate("a1", "down")
        (gap,) = asked.report(journal).gaps
        assert (gap.count, gap.disliked) == (1, 1)


def given(cited: Citation, outcome: str = "answered") -> Given:
    return Given("a1", "q", outcome, (cited,))


def posted(journal: Journal, answer: str, post: str) -> None:
    """A reply of the bot that stands in a forum."""
    inbox = Inbox(journal)
    inbox.add(Incoming("spirit", "d", post, "3", "1", "text"))
    job = inbox.claim("w", 60)
    assert job is not None
    inbox.finish(job, "w", "done", answer=answer, reply="So.", reply_post=f"{post}1")


class TestRecheck:
    NOTE = "# Docker\n\n- publish with `-p`\n- host first\n"

    @pytest.mark.parametrize(
        ("now", "standing", "line"),
        [
            (NOTE, None, None),
            (NOTE + "\nmore below\n", None, None),
            ("# Docker\n\nmore above\n\n- publish with `-p`\n- host first\n", "moved", 5),
            ("# Docker\n\n- publish with `--publish`\n", "changed", None),
        ],
        ids=["untouched", "more below", "more above", "written otherwise"],
    )
    def test_a_cited_line_is_looked_for(self, tmp_path: Path, now: str, standing: str | None, line: int | None) -> None:
        (tmp_path / "note.md").write_text(now)
        found = recheck([given(citation("publish with `-p`"))], read_notes(tmp_path))
        assert [(each.standing, each.line) for each in found] == ([(standing, line)] if standing else [])

    def test_a_document_that_is_gone(self, tmp_path: Path) -> None:
        (tmp_path / "other.md").write_text("# Other\n")
        (found,) = recheck([given(citation("publish"))], read_notes(tmp_path))
        assert found.standing == "gone"

    @pytest.mark.parametrize(
        ("text", "standings"), [("", []), ("\n{! shell/missing.sh !}\n", []), ("\n- publish with `-p`\n", ["written"])]
    )
    def test_a_section_that_was_empty_when_it_was_asked_for(
        self, tmp_path: Path, text: str, standings: list[str]
    ) -> None:
        (tmp_path / "note.md").write_text(f"# Docker\n\n## Ports\n{text}\n## More\n")
        cited = replace(citation("Ports"), heading=("Docker", "Ports"), start_line=3, end_line=3)
        found = recheck([given(cited, "unfinished")], read_notes(tmp_path))
        assert [each.standing for each in found] == standings

    def test_a_section_whose_missing_script_has_come(self, tmp_path: Path) -> None:
        (tmp_path / "note.md").write_text("# Docker\n\n## Ports\n\n{! shell/ports.sh !}\n")
        (tmp_path / "shell").mkdir()
        (tmp_path / "shell" / "ports.sh").write_text("docker port web\n")
        notes = read_notes(tmp_path)
        revision = notes.revisions["note.md"]
        assert revision is not None
        cited = replace(citation("Ports"), heading=("Docker", "Ports"), start_line=3, end_line=3, revision=revision)
        assert [each.standing for each in recheck([given(cited, "unfinished")], notes)] == ["written"]

    def test_the_same_revision_is_not_read_again(self, tmp_path: Path) -> None:
        (tmp_path / "note.md").write_text(self.NOTE)
        notes = read_notes(tmp_path)
        revision = notes.revisions["note.md"]
        assert revision is not None
        cited = replace(citation("never there"), revision=revision)
        assert list(recheck([given(cited)], notes)) == []

    def test_what_stands_in_a_forum_comes_first_then_what_is_asked_most(self, journal: Journal, tmp_path: Path) -> None:
        (tmp_path / "note.md").write_text("# Docker\n")
        for name, times in (("a1", 1), ("b2", 3), ("c3", 2)):
            for _ in range(times):
                journal.keep_answer(answer("answered", name, citation("publish"), name=name))
        posted(journal, "a1", "7")
        found, count = most_urgent(recheck(asked.given(journal), read_notes(tmp_path), Inbox(journal).replies()), 2)
        assert [(each.given.answer, each.given.times) for each in found] == [("a1", 1), ("b2", 3)]
        assert found[0].replies == (Reply("spirit", "3", "71"),)
        assert count == 3

    def test_what_stands_in_a_forum_is_looked_at_however_old_it_is(self, journal: Journal) -> None:
        for name in ("a1", "b2"):
            journal.keep_answer(answer("answered", name, citation("publish"), name=name))
        posted(journal, "a1", "7")
        _long_ago(journal, 40, "askings")
        assert [each.answer for each in asked.given(journal, 30)] == ["a1"]

    def test_an_answer_of_the_chat_alone_has_no_page(self, journal: Journal) -> None:
        kept, chat = (answer("answered", name, citation("x"), name=name) for name in ("a1", "b2"))
        journal.keep_answer(kept)
        for each in (kept, chat, chat):
            journal.add_turn(None, "q", each, notes="/n")
        found = sorted((each.answer, each.times, each.has_page) for each in asked.given(journal))
        assert found == [("a1", 2, True), ("b2", 2, False)]
