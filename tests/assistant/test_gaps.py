from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.answer import Answer, Citation, Outcome
from assistant.gaps import find_gaps, recheck
from corpus.documents import read_notes


def citation(
    quote: str, line: int = 3, *, heading: tuple[str, ...] = ("Docker", "Ports"), revision: str = "old"
) -> Citation:
    end = line + quote.count("\n")
    return Citation(1, "note.md", heading, (), line, end, quote, "ports", "u", revision)


def answer(outcome: Outcome, question: str = "q", *cited: Citation, nearest: tuple[Citation, ...] = ()) -> Answer:
    return Answer("id", question, question, outcome, "text", citations=cited, nearest=nearest)


class TestGaps:
    def test_they_are_counted_by_the_section_they_belong_to(self) -> None:
        volumes = citation("## Volumes", heading=("Docker", "Volumes"))
        found = find_gaps(
            [
                (answer("unfinished", "how do volumes work", volumes), False),
                (answer("not_covered", "what is a swarm", nearest=(citation("x"),)), False),
                (answer("unfinished", "what is a volume", volumes), False),
                (answer("answered", "how do I publish a port", citation("x")), False),
            ]
        )
        assert [(gap.heading, gap.count) for gap in found] == [(("Docker", "Volumes"), 2), (("Docker", "Ports"), 1)]
        assert found[0].examples == ["how do volumes work", "what is a volume"]
        assert found[0].outcomes == {"unfinished": 2}

    def test_an_answer_that_was_disliked_is_one_too(self) -> None:
        (gap,) = find_gaps([(answer("answered", "how", citation("x")), True)])
        assert (gap.disliked, gap.outcomes) == (1, {"answered": 1})

    def test_what_is_near_nothing_is_told_as_well(self) -> None:
        (gap,) = find_gaps([(answer("not_covered", "who won?"), False)])
        assert (gap.document, gap.heading) == ("", ())


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
        found = recheck([answer("answered", "q", citation("publish with `-p`"))], read_notes(tmp_path))
        assert [(each.standing, each.line) for each in found] == ([(standing, line)] if standing else [])

    def test_a_document_that_is_gone(self, tmp_path: Path) -> None:
        (tmp_path / "other.md").write_text("# Other\n")
        (found,) = recheck([answer("answered", "q", citation("publish"))], read_notes(tmp_path))
        assert found.standing == "gone"

    def test_the_same_revision_is_not_read_again(self, tmp_path: Path) -> None:
        (tmp_path / "note.md").write_text(self.NOTE)
        notes = read_notes(tmp_path)
        revision = notes.revisions["note.md"]
        assert revision is not None
        cited = replace(citation("never there"), revision=revision)
        assert recheck([answer("answered", "q", cited)], notes) == []
