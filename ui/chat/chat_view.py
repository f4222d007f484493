"""The conversation: its turns, the question that is asked now, and what to ask first or next."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from assistant.answer import Answer
from assistant.answer import Turn as Said
from assistant.journal import Conversation, Turn
from corpus.errors import AskError
from ui.chat.answer_view import draw_answer, draw_question
from ui.chat.conversation_menu import draw_menu
from ui.chat.markup import markdown, plain
from ui.chat.refusal import Refused
from ui.chat.session import PageSession, show_problem, wait_until_open
from ui.rendering import STATUSES
from ui.service import Opened

MAX_HISTORY = 6  # turns before, for a question that leans on them
MAX_CHARACTERS = 2_000  # of each
MAX_TITLES = 8
MAX_TURNS = 15  # drawn at once; earlier ones on demand


def draw_chat(session: PageSession) -> None:
    """The page `Chat`."""
    opened = wait_until_open(session)
    if opened is None:
        return
    if notice := session.notice():
        st.warning(plain(notice), icon=":material/warning:")
    refused = _refused()
    asked = st.chat_input("Ask the notes", key="ask-input", submit_mode="disable") or _pending()
    conversation = _conversation(session)
    turns = session.journal(lambda journal: journal.turns(conversation.id)) if conversation is not None else []
    if conversation is not None and turns:
        draw_menu(conversation, session)
    elif not asked and "stopped" not in st.session_state and refused is None:
        _draw_beginning(opened, session)
    _draw_turns(turns, opened, session)
    _draw_stopped()
    if refused is not None:
        st.warning(plain(refused), icon=":material/hourglass_top:")
    if asked:
        _ask(asked, conversation, turns, opened, session)
    elif turns:
        _draw_next(turns[-1].answer, opened)


def _pending() -> str | None:
    """A question that was pressed, or came with the address; it is asked once."""
    pressed = st.session_state.pop("pending", None)
    linked = st.query_params.get("q")
    if linked:
        begin_anew()
    return pressed or linked


def _refused() -> str | None:
    """Why the last question was not answered; it stands in the input again, to be sent later."""
    refused: tuple[str, str] | None = st.session_state.pop("refused", None)
    if refused is None:
        return None
    st.session_state["ask-input"] = refused[0]
    return refused[1]


def begin_anew() -> None:
    """Leave the conversation: the next question begins another."""
    for name in ("q", "c"):
        if name in st.query_params:
            del st.query_params[name]
    for name in ("conversation", "stopped"):
        st.session_state.pop(name, None)


def go_to(conversation: str) -> None:
    """Show a conversation."""
    st.session_state["conversation"] = conversation
    st.session_state.pop("stopped", None)
    st.query_params["c"] = conversation


def _conversation(session: PageSession) -> Conversation | None:
    """The conversation of the address; after a look at the notes, the one before that."""
    wanted = st.query_params.get("c") or st.session_state.get("conversation")
    if not wanted:
        return None
    found = session.journal(lambda journal: journal.conversation(wanted))
    if found is None or found.notes != session.notes:
        begin_anew()
        st.info(
            "There is no such conversation about these notes here: it may have been deleted, or belong to other "
            "notes. The next question begins a new one.",
            icon=":material/info:",
        )
        return None
    go_to_same = st.query_params.get("c") != found.id
    st.session_state["conversation"] = found.id
    if go_to_same:
        st.query_params["c"] = found.id
    return found


def _draw_turns(turns: Sequence[Turn], opened: Opened, session: PageSession) -> None:
    hidden = max(0, len(turns) - MAX_TURNS)
    if hidden and not st.session_state.get("show_all"):
        st.button(f"Show {hidden} earlier", key="show_all_button", on_click=_show_all)
        turns = turns[hidden:]
    for turn in turns:
        draw_question(turn.question)
        with st.chat_message("assistant", avatar=":material/menu_book:"):
            draw_answer(turn, opened, session)


def _show_all() -> None:
    st.session_state["show_all"] = True


def _ask(
    asked: str, conversation: Conversation | None, turns: Sequence[Turn], opened: Opened, session: PageSession
) -> None:
    """Ask, show the answer while it comes, keep it; if a conversation begins with it, all is drawn anew."""
    draw_question(asked)
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        place = st.empty()
        with place.container():
            try:
                answer = _stream(asked, _history(turns), session)
            except Refused as refused:
                st.session_state["refused"] = (asked, str(refused))
                st.rerun()
            except AskError as problem:
                show_problem(problem)
                return
        name = conversation.id if conversation is not None else None
        turn = session.journal(lambda journal: journal.add_turn(name, asked, answer, notes=session.notes))
        st.session_state.setdefault("own", set()).add(turn.conversation)
        st.session_state.pop("stopped", None)
        if turn.conversation != name:
            go_to(turn.conversation)
            st.rerun()
        with place.container():
            draw_answer(turn, opened, session)
    _draw_next(answer, opened)


def _history(turns: Sequence[Turn]) -> list[Said]:
    history = []
    for turn in turns[-MAX_HISTORY:]:
        history.append(Said("user", turn.question[:MAX_CHARACTERS]))
        history.append(Said("assistant", turn.answer.text[:MAX_CHARACTERS]))
    return history


def _stream(asked: str, history: Sequence[Said], session: PageSession) -> Answer:
    """The answer, its sentences shown as they come; what was there when its reader stopped it is shown again."""
    with st.container(horizontal=True, vertical_alignment="center"):
        status = st.empty()
        st.button("Stop", icon=":material/stop_circle:", key="stop")  # any press ends this run: see `finally`
    text = st.empty()
    status.markdown(f":material/search: {STATUSES['searching']} \u2026")
    running = {"asked": asked, "shown": ""}
    st.session_state["stopped"] = running  # what is drawn if this run comes to no end
    started = time.monotonic()

    def waiting() -> None:
        """Notice that the reader has pressed stop: any use of the session does."""
        st.session_state["waited"] = time.monotonic() - started

    try:
        for event in session.answer(asked, history, waiting=waiting):
            if event.answer is not None:
                return event.answer
            if event.text is not None:
                running["shown"] += event.text
                text.markdown(markdown(running["shown"]), anchors=False)
            elif event.status is not None:
                status.markdown(f":material/search: {STATUSES.get(event.status, event.status)} \u2026")
    except AskError:
        del st.session_state["stopped"]
        raise
    raise AssertionError("a stream ends with its answer")


def _draw_stopped() -> None:
    """A question that was stopped: what had come of its answer."""
    stopped = st.session_state.get("stopped")
    if stopped is None:
        return
    draw_question(stopped["asked"])
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        st.badge("Stopped", icon=":material/stop_circle:", color="gray")
        if stopped["shown"]:
            st.markdown(markdown(stopped["shown"]), anchors=False)
        st.caption("You stopped this answer; it is not kept. Ask again for all of it.")


def _draw_beginning(opened: Opened, session: PageSession) -> None:
    """What this is, which notes, and what to ask first."""
    manifest = opened.assistant.index.manifest
    st.title("Ask the Notes", anchor=False)
    st.markdown(
        f"Answers out of **{plain(session.service.notes.name)}**, quoted and cited to the line; where the notes do not "
        "say, you are told so."
    )
    held = [_count(manifest.documents, "note"), _count(manifest.passages, "passage")]
    if opened.unfinished:
        held.append(f"{_count(opened.unfinished, 'section')} not written yet")
    st.caption(f"{', '.join(held)}: {_titles(opened)}. {_who_answers(session)}")
    if manifest.skipped:
        st.warning(
            plain("Not read: " + "; ".join(f"{s.path} {s.reason}" for s in manifest.skipped[:3])),
            icon=":material/warning:",
        )
    _draw_questions("To begin with", opened.suggestions.first())


def _count(number: int, of: str) -> str:
    return f"{number} {of}" if number == 1 else f"{number} {of}s"


def _titles(opened: Opened) -> str:
    """What the notes are about, by their first headings."""
    titles = dict.fromkeys(s.heading[0] for s in opened.assistant.index.outline if len(s.heading) == 1)
    shown = [plain(title) for title in list(titles)[:MAX_TITLES]]
    return ", ".join(shown) + (" and more" if len(titles) > MAX_TITLES else "")


def _who_answers(session: PageSession) -> str:
    model = session.settings.model
    return f"Worded by {plain(model)}." if model else "No model: the notes are quoted, nothing leaves this machine."


def _draw_next(answer: Answer, opened: Opened) -> None:
    _draw_questions("The notes also answer", opened.suggestions.following(answer))


def _draw_questions(label: str, questions: Sequence[str]) -> None:
    if not questions:
        return
    st.markdown(f"**{label}**")
    with st.container(key="ask-questions", gap="xsmall"):
        _draw_presses(questions)


def _draw_presses(questions: Sequence[str]) -> None:
    for question in questions:
        st.button(plain(question), key=f"suggested-{question}", on_click=_press, args=(question,), width="stretch")


def _press(question: str) -> None:
    st.session_state["pending"] = question
