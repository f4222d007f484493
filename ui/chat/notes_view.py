"""The notes to read: chapter by chapter, searchable, each section with an address of its own."""

from __future__ import annotations

import streamlit as st

from corpus.errors import AskError
from ui.chat.markup import lines_in_words, note_markdown, permalink, plain
from ui.chat.session import PageSession, show_problem, wait_until_open
from ui.notes_text import Chapter, NotesText, SectionText

MAX_HITS = 30


def draw_notes(session: PageSession) -> None:
    """The page `Notes`: `?note=` names a note, `section=` one of its anchors."""
    opened = wait_until_open(session)
    if opened is None:
        return
    try:
        text = opened.text
    except AskError as problem:
        show_problem(problem)
        return
    st.title("Notes", anchor=False)
    words = st.text_input("Find in the notes", key="find", type="search", icon=":material/search:", max_chars=200)
    if words and words.strip():
        _draw_hits(words, text)
        return
    chapter = _chosen(text)
    anchor = st.query_params.get("section")
    section = text.section(chapter.document, anchor) if anchor is not None else None
    if anchor is not None and section is None:
        st.info("There is no such section in this note any more: here is all of it.", icon=":material/info:")
    if section is not None:
        _draw_one(chapter, section, text)
    else:
        _draw_chapter(chapter, text)


def _chosen(text: NotesText) -> Chapter:
    """The chapter of the address; the reader may choose another."""
    wanted = text.chapter(st.query_params.get("note"))
    if wanted is None and "note" in st.query_params:
        st.info("There is no such note here: it may have been renamed. Here is the first.", icon=":material/info:")
    chapters = {chapter.document: chapter for chapter in text.chapters}
    chosen = wanted or text.chapters[0]
    st.session_state["chapter"] = chosen.document

    def choose() -> None:
        st.query_params.clear()
        st.query_params["note"] = st.session_state["chapter"]

    st.selectbox(
        "Note", list(chapters), format_func=lambda name: f"{chapters[name].title} ({name})", key="chapter",
        on_change=choose,
    )  # fmt: skip
    return chosen


def _draw_hits(words: str, text: NotesText) -> None:
    hits = text.find(words)
    count = f"{len(hits)} section" + ("s" if len(hits) != 1 else "")
    st.markdown(f"{count} with these words" if hits else "No section has all of these words.")
    with st.container(key="ask-hits"):
        for section, line in hits[:MAX_HITS]:
            _draw_link(section)
            if line is not None:
                st.code(line.text.strip(), language=None, wrap_lines=True)
    if len(hits) > MAX_HITS:
        st.caption(f"The first {MAX_HITS} are shown: more words find fewer.")


def _draw_link(section: SectionText) -> None:
    path = " \u203a ".join(section.heading) or section.document
    st.markdown(f"[{plain(path)}]({permalink(section.document, section.anchor)}) \u00b7 {_place(section)}")


def _place(section: SectionText) -> str:
    own = [line.number for line in section.lines if line.document == section.document]
    return plain(f"{section.document}, {lines_in_words(own[0], own[-1])}" if own else section.document)


def _draw_chapter(chapter: Chapter, text: NotesText) -> None:
    unfinished = sum(section.state != "written" for section in chapter.sections)
    if unfinished:
        st.caption(f"{unfinished} of {len(chapter.sections)} sections are not written yet.")
    with st.expander("Sections of this note", icon=":material/list:"):
        for section in chapter.sections:
            if section.heading:
                indent = "\u2003" * max(0, section.level - 1)
                state = "" if section.state == "written" else " (not written yet)"
                link = permalink(section.document, section.anchor)
                st.markdown(f"{indent}[{plain(section.title)}{state}]({link})")
    with st.container(key="ask-chapter"):
        top = min((section.level for section in chapter.sections if section.heading), default=1)
        for section in chapter.sections:
            _draw_section(section, text, top=top)
    following = text.chapters[text.chapters.index(chapter) + 1 :]
    if following:
        link = permalink(following[0].document)
        st.markdown(f"Next note: [{plain(following[0].title)}]({link})")


def _draw_one(chapter: Chapter, section: SectionText, text: NotesText) -> None:
    """The section of an address, with those under it."""
    st.markdown(plain(" \u203a ".join(section.heading)))
    place = chapter.sections.index(section)
    with st.container(key="ask-chapter", border=True):
        _draw_section(section, text, top=section.level)
        for below in chapter.sections[place + 1 :]:
            if below.level <= section.level:
                break
            _draw_section(below, text, top=section.level)
    st.caption(_place(section))
    if st.button("Show the whole note", icon=":material/menu_book:", key="whole"):
        del st.query_params["section"]
        st.rerun()


def _draw_section(section: SectionText, text: NotesText, *, top: int) -> None:
    """A section; one of the level `top` has a heading right below that of the page."""
    if section.heading:
        st.markdown(f"{'#' * min(2 + section.level - top, 4)} {plain(section.title)}", anchors=False)
    if section.state == "unfinished":
        st.badge("Not written yet", icon=":material/edit_note:", color="orange")
    elif section.state == "missing_include":
        st.badge("Not written yet", icon=":material/edit_note:", color="orange")
        st.caption(f"It includes {plain(', '.join(section.missing))}, which is missing.")
    body = note_markdown(section, {chapter.document: chapter for chapter in text.chapters})
    if body.strip():
        st.markdown(body, anchors=False)
