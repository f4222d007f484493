"""The page's logic, by Streamlit's own test runner: no server and no browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from assistant.answer import Answer, Citation, Claim, ShownCommand, ToolRun
from assistant.database import FILE, journal_url
from assistant.journal import Journal
from corpus.errors import JournalProblem
from index.embedding import Encoder
from ui.chat.session import shared

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).parents[2] / "ui" / "streamlit_app.py"
PORTS = "how do I publish a port?"
LEGACY = "what is legacy linking of containers?"
OTHER = "who won the world cup in 1998?"
Page = Callable[..., AppTest]


@pytest.fixture
def page(ask_home: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """The page over a home of its own, as a reader on this machine opens it; options are its query parameters."""
    del ask_home
    monkeypatch.setenv("ASK_NOTES", str(notes))
    config.set_option("server.address", "127.0.0.1")
    shared.clear()

    def opened(**query: str) -> AppTest:
        test = AppTest.from_file(str(SCRIPT), default_timeout=60)
        test.query_params.update(query)
        return test.run()

    yield opened
    shared.clear()


def _ask(test: AppTest, question: str) -> AppTest:
    return test.chat_input[0].set_value(question).run()


def _html(test: AppTest) -> str:
    return "".join(element.proto.body for element in test.get("html"))


def _words(test: AppTest) -> str:
    """Everything that can be read on the page."""
    parts = [*test.markdown, *test.title, *test.caption, *test.info, *test.warning, *test.error, *test.button]
    return "\n".join(str(getattr(part, "value", "")) + str(getattr(part, "label", "")) for part in parts) + _html(test)


def _suggested(test: AppTest) -> list[str]:
    return [button.label for button in test.button if str(button.key).startswith("suggested-")]


def _badges(test: AppTest) -> list[str]:
    return [element.value for element in test.markdown if "-badge[" in element.value]


def _name(test: AppTest) -> str:
    """The conversation in the address."""
    given = test.query_params["c"]
    return given if isinstance(given, str) else given[0]


def _journal(home: Path) -> Journal:
    return Journal.open(journal_url(None, home))


# Asking


def test_it_begins_with_what_it_is_which_notes_and_questions_that_are_answered(page: Page) -> None:
    test = page()
    assert test.title[0].value == "Ask the Notes"
    assert "1 note, 4 passages, 1 section not written yet: Docker" in _words(test)
    suggested = _suggested(test)
    assert suggested == ["What should I know about Ports?", "What should I know about Volumes?"]
    pressed = next(button for button in test.button if button.label == suggested[0]).click().run()
    assert "Answered from the notes" in _badges(pressed)[0]


def test_an_answer_has_its_outcome_text_marks_and_sources(page: Page) -> None:
    test = _ask(page(), PORTS)
    assert "Answered from the notes" in _badges(test)[0]
    text = next(element.value for element in test.markdown if "8080:80" in element.value)
    target = text.partition("](#")[2].partition(")")[0]
    assert f'id="{target}"' in _html(test)
    assert "note.md, line 5" in _html(test)
    assert "<mark>- publish a port with `docker run -p 8080:80 web`: host first, container second</mark>" in _html(test)
    assert "notes?note=note.md&amp;section=ports" in _html(test)


@pytest.mark.parametrize(("question", "badge"), [(LEGACY, "Not written yet"), (OTHER, "Not in the notes")])
def test_what_is_not_in_the_notes_is_said_with_the_nearest(page: Page, question: str, badge: str) -> None:
    test = _ask(page(), question)
    assert badge in _badges(test)[0]
    assert "The nearest that is written" in _words(test)


def test_follow_ups_are_answered_by_the_notes_and_not_what_was_asked(page: Page) -> None:
    test = _ask(page(), PORTS)
    assert _suggested(test) == ["What should I know about Volumes?"]
    assert "What should I know about Volumes?" not in _suggested(_ask(test, "What should I know about Volumes?"))


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("x" * 50_000, "The question has 50,000 characters; at most 4,000 are searched"),
        ("   ", "The question is empty"),
    ],
)
def test_a_question_that_cannot_be_searched_is_told_and_not_kept(
    page: Page, ask_home: Path, notes: Path, question: str, says: str
) -> None:
    test = _ask(page(), question)
    assert says in test.error[0].value
    assert len(_html(test)) < 20_000
    assert _journal(ask_home).conversations(str(notes)) == []


def test_the_words_of_a_question_cannot_act(page: Page) -> None:
    test = _ask(page(), "<img src=x onerror=alert(1)> ![x](http://evil.example/x.png) :red[port] $x$")
    assert "<img" not in _html(test)
    assert "&lt;img src=x onerror=alert(1)&gt;" in _html(test)
    assert "\\!\\[x\\]" in test.title[0].value


def test_a_repeated_question_encodes_nothing(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    test = _ask(page(), PORTS)
    encoded: list[object] = []
    opened = next(iter(shared()._services.values())).opened
    assert opened is not None
    kind = type(opened.assistant.encoder)
    for name in ("encode", "encode_words"):
        before = getattr(kind, name)

        def spy(self: Encoder, *args: object, before: Callable[..., object] = before, **rest: object) -> object:
            encoded.append(args)
            return before(self, *args, **rest)

        monkeypatch.setattr(kind, name, spy)
    again = _ask(test, PORTS)
    assert sum("Answered from the notes" in badge for badge in _badges(again)) == 2
    assert encoded == []
    _ask(again, "how do I make a volume?")
    assert encoded


# Conversations


def test_a_reload_by_its_address_shows_the_conversation(page: Page) -> None:
    name = _name(_ask(page(), PORTS))
    again = page(c=name)
    assert "Answered from the notes" in _badges(again)[0]
    assert again.title[0].value == "how do I publish a port?"


def test_a_question_in_the_address_is_asked_once(page: Page, ask_home: Path, notes: Path) -> None:
    test = page(q=PORTS)
    assert "Answered from the notes" in _badges(test)[0]
    assert "q" not in test.query_params
    test.run()
    assert len(_journal(ask_home).turns(_name(test))) == 1
    assert len(_journal(ask_home).conversations(str(notes))) == 1


def test_a_follow_up_leans_on_the_turn_before(page: Page, ask_home: Path) -> None:
    test = _ask(_ask(page(), PORTS), "and with udp?")
    (_, second) = _journal(ask_home).turns(_name(test))
    assert second.answer.standalone_question != "and with udp?"
    assert "53:53/udp" in second.answer.text


def test_conversations_are_listed_and_one_can_go_to_another_or_begin_one(page: Page) -> None:
    first = _ask(page(), PORTS)
    name = _name(first)
    begun = first.button(key="new").click().run()
    assert begun.title[0].value == "Ask the Notes"
    second = _ask(begun, LEGACY)
    assert _name(second) != name
    back = second.button(key=f"go-{name}").click().run()
    assert back.title[0].value == PORTS
    assert "Answered from the notes" in _badges(back)[0]


def test_a_conversation_is_renamed(page: Page) -> None:
    test = _ask(page(), PORTS).run()
    renamed = next(box for box in test.text_input if box.label == "Title").set_value("All about *ports*").run()
    assert renamed.title[0].value == "All about \\*ports\\*"


def test_a_conversation_is_deleted_only_after_a_second_word(page: Page, ask_home: Path, notes: Path) -> None:
    test = _ask(page(), PORTS).run()
    sure = test.button(key="delete").click().run()
    assert len(_journal(ask_home).conversations(str(notes))) == 1
    gone = sure.button(key="delete_surely").click().run()
    assert _journal(ask_home).conversations(str(notes)) == []
    assert gone.title[0].value == "Ask the Notes"
    assert "c" not in gone.query_params


def test_exports_have_every_turn(page: Page, ask_home: Path, notes: Path) -> None:
    from ui.chat.conversation_menu import conversation_markdown

    _ask(_ask(page(), PORTS), OTHER)
    journal = _journal(ask_home)
    (conversation,) = journal.conversations(str(notes))
    text = conversation_markdown(conversation, journal.turns(conversation.id))
    assert text.count("\n## ") == 2
    assert "> note.md, line 5: publish a port" in text
    assert len(json.loads(json.dumps(journal.export(conversation.id)))["turns"]) == 2


def test_a_conversation_that_is_gone_is_told(page: Page) -> None:
    test = page(c="0" * 32)
    assert "There is no such conversation" in test.info[0].value
    assert "c" not in test.query_params


def test_from_another_machine_only_ones_own_conversations_are_listed_and_no_folder_is_chosen(page: Page) -> None:
    name = _name(_ask(page(), PORTS))
    config.set_option("server.address", "0.0.0.0")
    other = page()
    assert [button.key for button in other.button if str(button.key).startswith("go-")] == []
    assert [box.label for box in other.text_input] == []
    own = _ask(other, LEGACY).run()
    keys = [str(button.key) for button in own.button if str(button.key).startswith("go-")]
    assert len(keys) == 1
    assert f"go-{name}" not in keys


def test_thumbs_are_kept_with_their_reason(page: Page, ask_home: Path) -> None:
    test = _ask(page(), PORTS).run()
    (turn,) = _journal(ask_home).turns(_name(test))
    rated = test.feedback[0].set_value(0).run()
    pills = next(group for group in rated.button_group if group.label == "Why?")
    pills.set_value("Wrong source").run()
    (said,) = _journal(ask_home).feedback(turn.answer.id)
    assert (said.rating, said.reason) == ("down", "Wrong source")


# What an answer may hold


def _shown(page: Page, home: Path, notes: Path, answer: Answer) -> AppTest:
    kept = _journal(home).add_turn(None, PORTS, answer, notes=str(notes.resolve()))
    return page(c=kept.conversation)


WORDED = Answer(
    "worded", PORTS, PORTS, "partial", "Use `docker run --publsh 1:1 a`. [1]\n\nIt costs $5 and $6. [1] [9]",
    claims=(Claim("Use `docker run --publsh 1:1 a`.", (1,), "supported"), Claim("It costs $5 and $6.", (1,), "weak")),
    citations=(Citation(1, "note.md", ("Docker", "Ports"), (), 5, 5, "as it was <b>once</b>", "ports", "u", "old"),),
    commands=(
        ShownCommand("docker run --publsh 1:1 a", "invalid", "No flag `--publsh`.", "docker run --publish 1:1 a"),
        ShownCommand("docker ps", "valid"),
    ),
    model="openai:scripted",
    notice="The model failed in the middle.",
)  # fmt: skip


def test_a_wrong_command_is_shown_with_the_right_one(page: Page, ask_home: Path, notes: Path) -> None:
    test = _shown(page, ask_home, notes, WORDED)
    assert [code.value for code in test.code] == [
        "docker run --publsh 1:1 a",
        "docker run --publish 1:1 a",
        "docker ps",
    ]
    assert "Wrong" in _badges(test)[1]
    assert "No flag `--publsh`." in _words(test)
    assert "2 commands, 1 of them wrong" in [box.label for box in test.expander]


def test_doubts_and_the_reason_for_quotes_are_said(page: Page, ask_home: Path, notes: Path) -> None:
    words = _words(_shown(page, ask_home, notes, WORDED))
    assert "It costs \\$5 and \\$6. (?)" in words
    assert "not word for word in the notes" in words
    assert "The model failed in the middle" in words
    assert "Partly in the notes" in words


def test_a_source_that_has_changed_is_shown_as_it_was(page: Page, ask_home: Path, notes: Path) -> None:
    html = _html(_shown(page, ask_home, notes, WORDED))
    assert "This note has changed since" in html
    assert "as it was &lt;b&gt;once&lt;/b&gt;" in html


def test_output_of_a_tool_is_text(page: Page, ask_home: Path, notes: Path) -> None:
    run = ToolRun(
        ("docker", "ps"), allowed=True, exit_code=0, stdout="<script>alert(1)</script> ![x](http://evil.example)"
    )
    test = _shown(page, ask_home, notes, replace(WORDED, outcome="tool", tool_runs=(run,), commands=()))
    assert [code.value for code in test.code] == ["docker ps", run.stdout]
    assert "From your machine" in _badges(test)[0]


# When something is wrong


def test_a_broken_journal_is_set_aside_and_told(page: Page, ask_home: Path) -> None:
    (ask_home / FILE).write_bytes(b"This is no database. " * 500)
    test = page()
    assert "It is kept as" in test.warning[0].value
    assert len(list(ask_home.glob("*.broken-*"))) == 1
    assert "Answered from the notes" in _badges(_ask(test, PORTS))[0]


def test_a_journal_that_cannot_be_written_is_told_and_the_page_goes_on(page: Page, ask_home: Path) -> None:
    (ask_home / FILE).mkdir()
    test = page()
    assert "cannot be written" in test.warning[0].value
    asked = _ask(test, PORTS)
    assert "Answered from the notes" in _badges(asked)[0]
    assert "Answered from the notes" in _badges(asked.run())[0]


def test_a_journal_that_fails_in_the_middle_is_told(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    test = page()
    failed: list[str] = []

    def fails_once(self: Journal, *args: object, **rest: object) -> object:
        if not failed:
            failed.append("once")
            raise JournalProblem("The disk is full.")
        return add_turn(self, *args, **rest)  # type: ignore[arg-type]

    add_turn = Journal.add_turn
    monkeypatch.setattr(Journal, "add_turn", fails_once)
    asked = _ask(test, PORTS)
    assert "Answered from the notes" in _badges(asked)[0]
    assert "The disk is full" in asked.run().warning[0].value


def test_notes_that_are_not_there_are_told_and_can_be_changed(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_NOTES", "/nowhere")
    test = page()
    assert "There are no notes at /nowhere" in test.error[0].value
    assert "Folder or file of notes" in [box.label for box in test.text_input]


def test_settings_choose_other_notes_and_a_wrong_model_is_told(page: Page, own_notes: Path) -> None:
    test = page()
    (own_notes / "note.md").write_text("# Cats\n\n## Food\n\n- cats eat mice and fish\n")
    next(box for box in test.text_input if box.label == "Folder or file of notes").set_value(str(own_notes))
    chosen = test.button[-1].click().run()
    assert "1 note, 1 passage: Cats" in _words(chosen)
    model = next(box for box in chosen.text_input if box.label == "Model, as provider:name")
    model.set_value("nonsense")
    wrong = chosen.button[-1].click().run()
    assert "has no provider" in wrong.error[0].value


def test_a_changed_note_is_answered_from_at_once(page: Page, own_notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_NOTES", str(own_notes))
    test = _ask(page(), PORTS)
    assert "9090:90" not in _words(test)
    note = own_notes / "note.md"
    note.write_text(note.read_text().replace("8080:80", "9090:90"))
    again = _ask(test, PORTS)
    assert "9090:90" in _words(again)
    assert "This note has changed since" in _html(again)  # of the first answer


def test_notes_that_vanish_are_still_asked_as_they_were(
    page: Page, own_notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASK_NOTES", str(own_notes))
    test = page()
    own_notes.rename(own_notes.with_name("elsewhere"))
    asked = _ask(test, PORTS)
    assert "There are no notes at" in asked.warning[0].value
    assert "Answered from the notes" in _badges(asked)[0]
