"""`ask gaps` and `ask recheck`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.answer import Answer, Citation, Outcome
from assistant.inbox import Inbox, Incoming
from assistant.journal import Journal
from ui.cli import run

Ask = Callable[..., tuple[int, str]]
PORTS = Citation(1, "note.md", ("Docker", "Ports"), (), 3, 3, "publish with `-p`", "ports", "u", "old")
VOLUMES = Citation(1, "note.md", ("Docker", "Volumes"), (), 9, 9, "## Volumes", "volumes", "u", "old")


@pytest.fixture
def asked(capfd: pytest.CaptureFixture[str], journal: Journal) -> Ask:
    def called(*words: str) -> tuple[int, str]:
        capfd.readouterr()
        code = run(words)
        return code, capfd.readouterr().out

    del journal
    return called


def _keep(journal: Journal, question: str, outcome: Outcome, *cited: Citation) -> Answer:
    answer = Answer(f"{question.encode().hex():.20}", question, question, outcome, "So.", citations=cited)
    journal.keep_answer(answer)
    return answer


def test_gaps_are_shown_with_what_was_said(asked: Ask, journal: Journal) -> None:
    for _ in range(3):
        _keep(journal, "how do volumes work", "unfinished", VOLUMES)
    down = _keep(journal, "how \x1b[31mred\u202e", "answered", PORTS)
    journal.rate(down.id, "down", reason="Wrong", text="see\nline 9\x1b]0;x\x07")
    code, out = asked("gaps")
    assert code == 0
    assert out.splitlines()[:4] == [
        "4 questions asked: 25% answered, 0% in part, 75% unfinished, 0% not covered; 1 thumb down (25%)",
        "   3  Docker > Volumes  (note.md)",
        "      3 x nothing is written there",
        "      - how do volumes work (3 times)",
    ]
    assert out.splitlines()[-1].endswith(": Wrong: see line 9]0;x")
    assert "\x1b" not in out
    assert len(asked("gaps", "--limit", "1")[1].splitlines()) == 4


def test_gaps_as_json(asked: Ask, journal: Journal) -> None:
    answer = _keep(journal, "how do volumes work", "unfinished", VOLUMES)
    journal.rate(answer.id, "down", reason="Short")
    found = json.loads(asked("gaps", "--json", "--since", "7")[1])
    assert (found["days"], found["asked"], found["shares"], found["disliked"]) == (7, 1, {"unfinished": 1.0}, 1)
    (gap,) = found["gaps"]
    assert (gap["document"], gap["heading"], gap["anchor"]) == ("note.md", ["Docker", "Volumes"], "volumes")
    assert gap["examples"] == [{"question": "how do volumes work", "times": 1}]
    assert (gap["dislikes"][0]["reason"], gap["dislikes"][0]["answer"]) == ("Short", answer.id)


def test_where_nothing_was_missed_it_says_so(asked: Ask) -> None:
    assert asked("gaps") == (
        0,
        "No gap is known: everything that was asked in the chat, over HTTP or in the forum was answered.\n",
    )


def test_what_has_changed_and_stands_in_a_forum_is_told_first(asked: Ask, journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.md").write_text("# Docker\n")
    _keep(journal, "never posted", "answered", PORTS)
    kept = _keep(journal, "posted", "answered", PORTS)
    inbox = Inbox(journal)
    inbox.add(Incoming("spirit", "d", "7", "3", "1", "text"))
    job = inbox.claim("w", 60)
    assert job is not None
    inbox.finish(job, "w", "done", answer=kept.id, reply="So.", reply_post="9")
    code, out = asked("recheck", "--notes", str(tmp_path / "notes"))
    assert code == 1
    assert [line.split("  ")[-1] for line in out.splitlines()] == [
        "posted",
        "posted: topic 3, post 9 (spirit)",
        "never posted",
    ]
    code, out = asked("recheck", "--json", "--limit", "1", "--notes", str(tmp_path / "notes"))
    found = json.loads(out)
    assert (code, found["count"], len(found["changed"])) == (1, 2, 1)
    assert found["changed"][0]["replies"] == [{"source": "spirit", "topic": "3", "post": "9"}]
    assert "1 more: --limit 2" in asked("recheck", "--limit", "1", "--notes", str(tmp_path / "notes"))[1]


@pytest.mark.parametrize("words", [["gaps"], ["recheck"], ["bot", "--list"], ["keys", "list"], ["journal", "export"]])
def test_where_nothing_is_kept_nothing_is_said_to_be_well(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASK_JOURNAL", "none")
    assert run(words) == 2
    assert capfd.readouterr() == ("", "ask: Nothing is kept (ASK_JOURNAL=none). Name a journal: ASK_JOURNAL=URL\n")
