"""The sidebar: the conversations about these notes, and the settings."""

from __future__ import annotations

import streamlit as st

from assistant.journal import Conversation
from corpus.errors import AskError
from ui.chat.chat_view import begin_anew, go_to
from ui.chat.markup import plain
from ui.chat.session import PageSession, allowed_docker, is_local

NO_MODEL = "none"


def draw_sidebar(session: PageSession | None, chat: object) -> None:
    """Everything beside the page; without a session, what helps to get one. `chat` is the page to go to."""
    with st.sidebar:
        if session is not None:
            _draw_conversations(session, chat)
        if session is not None and session.host is not None:
            return
        _draw_settings(session)
        if session is not None:
            _draw_docker(session)


def _draw_conversations(session: PageSession, chat: object) -> None:
    if st.button("New conversation", icon=":material/add:", width="stretch", key="new"):
        begin_anew()
        st.switch_page(chat)  # type: ignore[arg-type]  # a page of st.navigation
    found = session.journal(lambda journal: journal.conversations(session.notes))
    if not is_local():  # the link to a conversation is its key: others' are not listed
        found = [conversation for conversation in found if conversation.id in st.session_state.get("own", ())]
    if not found:
        return
    st.markdown("**Conversations**")
    with st.container(key="ask-conversations", gap=None):
        for conversation in found:
            _draw_conversation(conversation, chat)


def _draw_conversation(conversation: Conversation, chat: object) -> None:
    is_current = (st.query_params.get("c") or st.session_state.get("conversation")) == conversation.id
    if st.button(
        plain(conversation.title),
        key=f"go-{conversation.id}",
        type="secondary" if is_current else "tertiary",
        help="The conversation that is shown" if is_current else None,
        width="stretch",
    ):
        go_to(conversation.id)
        st.switch_page(chat, query_params={"c": conversation.id})  # type: ignore[arg-type]


def _draw_settings(session: PageSession | None) -> None:
    """Notes and model. Whoever comes from another machine must not choose what is read here."""
    with st.expander("Settings", icon=":material/settings:", expanded=session is None):
        if not is_local():
            st.caption("The notes and the model are set where this server was started.")
            return
        notes = str(session.service.notes) if session is not None else st.session_state.get("notes_chosen", "")
        model = (session.settings.model if session is not None else None) or NO_MODEL
        with st.form("settings", border=False):
            chosen = st.text_input("Folder or file of notes", value=notes)
            wanted = st.text_input(
                "Model, as provider:name", value=model, help="none: the notes are quoted, nothing leaves this machine."
            )
            if st.form_submit_button("Use these", width="stretch"):
                _choose(chosen.strip(), wanted.strip() or NO_MODEL)


def _draw_docker(session: PageSession) -> None:
    """Whether questions may look at the Docker of the machine that serves this page: off until somebody turns it on."""
    most = allowed_docker()
    if most == "off":
        return
    with st.expander("Docker on this machine", icon=":material/terminal:", expanded=session.settings.docker != "off"):
        st.toggle(
            "Questions may look at it",
            key="docker_on",
            help="With commands that only read. Each is shown before it runs, and what it prints is shown as it came.",
        )
        if st.session_state.get("docker_on") and most == "logs":
            st.toggle("And at what containers have logged", key="docker_logs")
        if st.session_state.get("docker_on"):
            st.caption("Ask for instance: which containers have exited? Why did web stop?")


def _choose(notes: str, model: str) -> None:
    begin_anew()
    st.session_state.update(notes_chosen=notes, model_chosen=model)
    st.rerun()


def show_settings_problem(problem: AskError) -> None:
    """Settings that cannot be used: they are forgotten, so that the next run has those of the start."""
    st.error(str(problem), icon=":material/error:")
    for name in ("notes_chosen", "model_chosen"):
        st.session_state.pop(name, None)
