"""A conversation by its title, and what can be done with it: rename, export, delete."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import streamlit as st

from assistant.journal import MAX_TITLE, Conversation, Turn
from ui.chat.markup import place_in_words, plain
from ui.chat.session import PageSession
from ui.rendering import as_plain


def draw_menu(conversation: Conversation, session: PageSession) -> None:
    """The title as the page's heading, and the menu beside it."""
    with st.container(key="ask-heading", horizontal=True, vertical_alignment="center"):
        st.title(plain(conversation.title), anchor=False)
        with st.popover("Conversation", icon=":material/more_horiz:"):
            _draw_rename(conversation, session)
            _draw_exports(conversation, session)
            if st.button("Delete this conversation", icon=":material/delete:", key="delete", width="stretch"):
                _confirm(conversation, session)


def _draw_rename(conversation: Conversation, session: PageSession) -> None:
    key = f"title-{conversation.id}"

    def rename() -> None:
        session.journal(lambda journal: journal.rename(conversation.id, st.session_state[key]))

    st.text_input("Title", value=conversation.title, key=key, max_chars=MAX_TITLE, on_change=rename)


def _draw_exports(conversation: Conversation, session: PageSession) -> None:
    name = re.sub(r"[^A-Za-z0-9]+", "-", conversation.title).strip("-")[:40] or "conversation"

    def as_json() -> str:
        found = session.journal(lambda journal: journal.export(conversation.id)) or {}
        return json.dumps({**found, "notes": session.notes_shown}, ensure_ascii=False, indent=2)

    def as_markdown() -> str:
        shown = replace(conversation, notes=session.notes_shown)
        return conversation_markdown(shown, session.journal(lambda journal: journal.turns(conversation.id)))

    st.download_button(
        "Export as Markdown", as_markdown, f"{name}.md", "text/markdown", on_click="ignore", width="stretch",
        icon=":material/download:",
    )  # fmt: skip
    st.download_button(
        "Export as JSON", as_json, f"{name}.json", "application/json", on_click="ignore", width="stretch",
        icon=":material/download:",
    )  # fmt: skip


def conversation_markdown(conversation: Conversation, turns: list[Turn]) -> str:
    """A conversation as a Markdown document: each question a heading, each answer with its sources."""
    parts = [f"# {conversation.title}", f"Notes: {conversation.notes}"]
    for turn in turns:
        question = " ".join(turn.question.split())
        parts += [f"## {question}", f"{turn.created:%Y-%m-%d %H:%M} UTC", as_plain(turn.answer)]
        parts += [f"> {place_in_words(c)}: {' '.join(c.quote.split())}" for c in turn.answer.citations]
    return "\n\n".join(parts) + "\n"


@st.dialog("Delete this conversation?")
def _confirm(conversation: Conversation, session: PageSession) -> None:
    st.markdown(f"\u201c{plain(conversation.title)}\u201d goes with all its answers, and cannot be had back.")

    def delete() -> None:
        session.journal(lambda journal: journal.delete(conversation.id))
        st.session_state.pop("conversation", None)
        st.query_params.clear()

    with st.container(horizontal=True):
        sure = st.button("Delete it", type="primary", icon=":material/delete:", key="delete_surely", on_click=delete)
        if st.button("Keep it", key="delete_not") or sure:
            st.rerun()
