"""The chat page. Streamlit runs this file for each session and each time something is pressed; `ask ui` starts it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from corpus.errors import AskError
from ui.chat.chat_view import draw_chat
from ui.chat.notes_view import draw_notes
from ui.chat.session import PageSession, page_session
from ui.chat.sidebar import draw_sidebar, show_settings_problem

CHAT = Path(__file__).parent / "chat"


def main() -> None:
    """The page of the address, and the sidebar."""
    st.set_page_config(page_title="Ask the Notes", page_icon=str(CHAT / "icon.png"), layout="centered")
    st.html(CHAT / "style.css")
    session = _session()

    def chat() -> None:
        if session is not None:
            draw_chat(session)

    def notes() -> None:
        if session is not None:
            draw_notes(session)

    chat_page = st.Page(chat, title="Chat", icon=":material/chat:", default=True)
    notes_page = st.Page(notes, title="Notes", icon=":material/menu_book:", url_path="notes")
    page = st.navigation([chat_page, notes_page])
    draw_sidebar(session, chat_page)  # first: an answer takes its time
    page.run()


def _session() -> PageSession | None:
    try:
        return page_session()
    except AskError as problem:
        show_settings_problem(problem)
        return None


if __name__ == "__main__":
    main()
