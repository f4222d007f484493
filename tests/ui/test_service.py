from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.answer import Answer, Event, Turn
from assistant.settings import Settings
from tests.assistant.provider import Provider, running
from ui.service import Service

pytestmark = pytest.mark.real

PORTS = "how do I publish a port?"
REPLY = "ANSWERED: yes\nYou publish a port with `docker run -p 8080:80 web`, host first. [1]"


def _wait(service: Service) -> Service:
    service.bring_up_to_date()
    end = time.monotonic() + 60
    while service.is_busy and time.monotonic() < end:
        time.sleep(0.02)
    return service


@pytest.fixture
def opened(own_notes: Path) -> Callable[..., Service]:
    """A service over notes that may be changed, open."""
    return lambda **settings: _wait(Service(Settings(notes=own_notes, **settings)))


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with running() as server:
        server.reply = REPLY
        yield server


def _worded(opened: Callable[..., Service], provider: Provider) -> Service:
    return opened(model="openai:scripted", model_url=provider.url, model_retries=0, model_seconds=20)


def _answer(service: Service, question: str = PORTS, history: tuple[Turn, ...] = ()) -> tuple[Answer, list[Event]]:
    events = list(service.answer(question, history, waiting=lambda: None))
    assert events[-1].answer is not None
    return events[-1].answer, events


def test_a_repeat_is_the_same_answer_and_nothing_else_happens(opened: Callable[..., Service]) -> None:
    service = opened()
    first, events = _answer(service)
    again, repeated = _answer(service, f" {PORTS}\n", (Turn("user", PORTS), Turn("assistant", first.text)))
    assert [event.event for event in repeated] == [event.event for event in events]
    assert again is first


def test_a_question_that_leans_on_others_is_not_a_repeat(opened: Callable[..., Service]) -> None:
    service = opened()
    ports, _ = _answer(service, "and with udp?", (Turn("user", PORTS),))
    volumes, _ = _answer(service, "and with udp?", (Turn("user", "how do I make a volume?"),))
    assert ports.standalone_question != volumes.standalone_question


def test_unchanged_notes_begin_no_work(opened: Callable[..., Service]) -> None:
    service = opened()
    before = service.opened
    service.bring_up_to_date()
    assert not service.is_busy
    assert service.opened is before


def test_a_changed_note_makes_a_new_generation_and_a_new_answer(
    opened: Callable[..., Service], own_notes: Path
) -> None:
    service = opened()
    before = service.opened
    _answer(service)
    for port in (9090, 9191, 9292):  # the third takes the first away from under who has it open
        (own_notes / "note.md").write_text(f"# Docker\n\n## Ports\n\n- publish a port with `-p {port}:80`\n")
        _wait(service)
        assert f"{port}:80" in _answer(service)[0].text
    assert service.problem is None
    assert before is not None
    assert service.opened is not None
    assert service.opened.assistant.index.generation == before.assistant.index.generation + 3


def test_an_index_rebuilt_by_another_process_is_opened_again(opened: Callable[..., Service], own_notes: Path) -> None:
    service = opened()
    other = _wait(Service(Settings(notes=own_notes)))
    (own_notes / "note.md").write_text("# Docker\n\n## Ports\n\n- publish a port with `-p 9090:80`\n")
    _wait(other)
    _wait(service)
    assert "9090:80" in _answer(service)[0].text


def test_notes_that_vanish_are_a_problem_and_the_index_answers_on(
    opened: Callable[..., Service], own_notes: Path
) -> None:
    service = opened()
    own_notes.rename(own_notes.with_name("elsewhere"))
    _wait(service)
    assert "There are no notes at" in str(service.problem)
    assert _answer(service)[0].outcome == "answered"
    own_notes.with_name("elsewhere").rename(own_notes)
    _wait(service)
    assert service.problem is None


def test_notes_that_were_never_there_leave_nothing_open(tmp_path: Path) -> None:
    service = _wait(Service(Settings(notes=tmp_path / "nowhere")))
    assert service.opened is None
    assert "There are no notes at" in str(service.problem)


def test_a_models_sentences_are_kept_and_asked_for_once(opened: Callable[..., Service], provider: Provider) -> None:
    service = _worded(opened, provider)
    first, _ = _answer(service)
    assert first.model == "openai:scripted"
    assert first.notice is None
    count = len(provider.requests)
    assert _answer(service)[0] is first
    assert len(provider.requests) == count


def test_a_model_that_breaks_is_quoted_instead_told_and_asked_again(
    opened: Callable[..., Service], provider: Provider
) -> None:
    service = _worded(opened, provider)
    provider.behaviour = "breaks"
    broken, _ = _answer(service)
    assert broken.notice
    assert "8080:80" in broken.text
    provider.behaviour = "replies"
    assert _answer(service)[0].notice is None


def test_a_slow_model_can_be_left(opened: Callable[..., Service], provider: Provider) -> None:
    service = _worded(opened, provider)
    provider.behaviour = "hangs"

    class Left(BaseException):
        """As Streamlit ends a script that is stopped."""

    waited: list[float] = []

    def waiting() -> None:
        waited.append(time.monotonic())
        if len(waited) > 3:
            raise Left

    started = time.monotonic()
    with pytest.raises(Left):
        list(service.answer(PORTS, (), waiting=waiting))
    assert time.monotonic() - started < 5


def test_a_watch_logs_a_problem_once_and_takes_up_what_changes(
    own_notes: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ui.service.NOTES_SECONDS", 0.01)
    away = own_notes.rename(own_notes.with_name("away"))
    service, stop = Service(Settings(notes=own_notes)), threading.Event()
    watching = threading.Thread(target=service.watch, args=(stop,))
    watching.start()
    try:
        time.sleep(0.3)
        assert [record.message.split(".")[0] for record in caplog.records] == [f"There are no notes at {own_notes}"]
        away.rename(own_notes)
        end = time.monotonic() + 60
        while service.opened is None and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        stop.set()
        watching.join(60)
    assert service.opened is not None
