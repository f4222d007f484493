"""One answer as the page shows it: outcome, text, sources, commands, what a reader thinks of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from html import escape
from typing import Literal

import streamlit as st

from assistant.answer import QUOTES, Answer, Citation, ShownCommand, ToolRun
from assistant.journal import Rating, Turn
from corpus.errors import AskError
from ui.chat.markup import answer_markdown, markdown, plain, sources_html
from ui.chat.session import PageSession
from ui.notes_text import NotesText
from ui.rendering import about_run, printable, remarks
from ui.service import Opened

Colour = Literal["green", "blue", "orange", "gray", "violet", "red"]

OUTCOMES: dict[str, tuple[str, str, Colour]] = {
    "answered": ("Answered from the notes", "check_circle", "green"),
    "partial": ("Partly in the notes", "rule", "blue"),
    "unfinished": ("Not written yet", "edit_note", "orange"),
    "not_covered": ("Not in the notes", "search_off", "gray"),
    "tool": ("From your machine", "terminal", "violet"),
    "refused": ("Not done", "block", "red"),
}
COMMANDS: dict[str, tuple[str, str, Colour]] = {
    "in_notes": ("In the notes", "check", "green"),
    "valid": ("Valid", "check", "green"),
    "invalid": ("Wrong", "close", "red"),
    "unknown": ("Not checked", "help", "gray"),
}
REASONS: dict[str, tuple[str, ...]] = {
    "up": ("Answers it", "Right source", "Clear"),
    "down": ("Does not answer it", "Wrong source", "Something is missing", "Hard to read"),
}
MAX_SHOWN = 2_000  # characters of a question


def draw_question(question: str) -> None:
    """A question as it was typed."""
    shown = question if len(question) <= MAX_SHOWN else f"{question[:MAX_SHOWN]} \u2026"
    with st.chat_message("user", avatar=":material/person:"):
        st.html(f'<div class="ask-question">{escape(printable(shown))}</div>')


def draw_answer(turn: Turn, opened: Opened, session: PageSession) -> None:
    """An answer that is complete."""
    answer, prefix = turn.answer, f"source-{turn.id[:8]}"
    label, symbol, colour = OUTCOMES[answer.outcome]
    st.badge(label, icon=f":material/{symbol}:", color=colour)
    st.markdown(answer_markdown(answer, prefix), anchors=False)
    for remark in remarks(answer):
        st.info(plain(remark), icon=":material/info:")
    _draw_tool_runs(answer)
    _draw_sources("Sources", answer.citations, opened, prefix)
    _draw_sources("The nearest that is written", answer.nearest, opened, f"{prefix}-near", cited=False)
    _draw_commands(answer.commands)
    if answer.model != QUOTES:
        st.caption(f"Worded by {plain(answer.model)}; each sentence checked against the notes.")
    _draw_feedback(turn, session)


def _draw_sources(
    title: str, citations: Sequence[Citation], opened: Opened, prefix: str, *, cited: bool = True
) -> None:
    if not citations:
        return
    try:
        text: NotesText | None = opened.text
    except AskError:  # the notes are gone for now: what was quoted is in the answer
        text = None
    sections = {citation.number: text.cited(citation) if text is not None else None for citation in citations}
    st.markdown(f"**{title}**")
    st.html(sources_html(citations, sections, prefix, cited=cited))


def _draw_commands(commands: Sequence[ShownCommand]) -> None:
    if not commands:
        return
    wrong = sum(command.status == "invalid" for command in commands)
    count = f"{len(commands)} command" + ("s" if len(commands) > 1 else "")
    label = f"{count}, {wrong} of them wrong" if wrong else count
    with st.expander(label, expanded=bool(wrong), icon=":material/terminal:"):
        for command in commands:
            _draw_command(command)


def _draw_command(command: ShownCommand) -> None:
    """A command to copy, its check, and the right spelling of a wrong one."""
    status, symbol, colour = COMMANDS[command.status]
    with st.container(border=True, gap="xsmall"):
        st.code(printable(command.text), language="bash", wrap_lines=True)
        st.badge(status, icon=f":material/{symbol}:", color=colour)
        if command.problem:
            st.markdown(markdown(command.problem))
        if command.suggestion:
            st.markdown("Write instead:")
            st.code(printable(command.suggestion), language="bash", wrap_lines=True)


def _draw_tool_runs(answer: Answer) -> None:
    """What ran on this machine: its exact words, and its output as text."""
    for run in answer.tool_runs:
        if not run.allowed:  # the text says why
            _offer(run)
            continue
        st.code(printable(shlex.join(run.argv)), language="bash", wrap_lines=True)
        if run.stdout or run.stderr:
            st.code(printable(f"{run.stdout}{run.stderr}"), language=None)
        for line in about_run(run):
            st.caption(printable(line))


def _offer(run: ToolRun) -> None:
    """A command that a model has proposed and that needs a yes: pressed, it is the reader who asks for it."""
    if run.argv and "proposed by a model" in (run.reason or ""):
        line = shlex.join(run.argv)
        st.code(printable(line), language="bash", wrap_lines=True)
        st.button("Run this", key=f"run-{line}", icon=":material/play_arrow:", on_click=_run, args=(line,))


def _run(line: str) -> None:
    st.session_state["pending"] = line


def _draw_feedback(turn: Turn, session: PageSession) -> None:
    """Thumbs, and once one is pressed the reason."""
    keys = {name: f"{name}-{turn.id}" for name in ("thumb", "reason", "remark")}
    said = turn.feedback

    def keep() -> None:
        thumb = st.session_state.get(keys["thumb"])
        rating: Rating | None = None if thumb is None else "up" if thumb else "down"
        reason, text = st.session_state.get(keys["reason"]) or "", st.session_state.get(keys["remark"]) or ""
        if rating is not None and reason not in REASONS[rating]:
            reason = ""  # the reason was for the other thumb
        session.journal(lambda journal: journal.rate(turn.answer.id, rating, reason=reason, text=text, turn=turn.id))

    before = None if said is None else int(said.rating == "up")
    thumb = st.feedback("thumbs", key=keys["thumb"], default=before, on_change=keep)
    if thumb is None:
        return
    reasons = REASONS["up" if thumb else "down"]
    chosen = said.reason if said is not None and said.reason in reasons else None
    st.pills("Why?", reasons, key=keys["reason"], default=chosen, on_change=keep)
    st.text_input(
        "Anything else?", value=said.text if said is not None else "", key=keys["remark"], max_chars=1_000,
        on_change=keep,
    )  # fmt: skip
    st.caption("Thank you, this is kept.")
