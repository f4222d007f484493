from __future__ import annotations

from itertools import chain
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from corpus.documents import read_notes
from corpus.passages import Passage, notes_passages
from index.chunks import HEADING_CHARACTERS, Chunk, heading_text, note_titles, notes_chunks


def chunks_of(folder: Path, text: str, *, max_words: int = 200) -> list[Chunk]:
    (folder / "notes.md").write_text(text)
    passages, _ = notes_passages(read_notes(folder))
    return notes_chunks(passages, max_words=max_words)


def paragraph(text: str) -> Passage:
    return Passage(
        document="a.md",
        note="a.md",
        heading=("Ports",),
        anchor="ports",
        kind="paragraph",
        text=text,
        quote=text,
        parents=(),
        start_line=3,
        end_line=3,
        revision="0" * 64,
    )


def test_a_bullet_is_embedded_with_its_heading_path_and_the_bullets_above_it(tmp_path: Path) -> None:
    text = "# Docker\n\n## Using\n\n### Ports\n\n- publish\n  - with `-p`\n"
    assert [chunk.text for chunk in chunks_of(tmp_path, text)] == [
        "Using > Ports\npublish",
        "Using > Ports\npublish\nwith -p",
    ]


def test_a_chunk_names_its_passage(tmp_path: Path) -> None:
    assert [chunk.passage_number for chunk in chunks_of(tmp_path, "# A\n\n- one\n- two\n- three\n")] == [0, 1, 2]


def test_a_heading_over_all_others_is_left_out_of_the_text(tmp_path: Path) -> None:
    assert chunks_of(tmp_path, "# Course\n\n## Ports\n\none\n\n## Images\n\ntwo\n")[0].text == "Ports\none"


def test_the_top_heading_stays_where_there_are_several(tmp_path: Path) -> None:
    texts = [chunk.text for chunk in chunks_of(tmp_path, "# Git\n\n## Log\n\none\n\n# Docker\n\n## Log\n\ntwo\n")]
    assert texts == ["Git > Log\none", "Docker > Log\ntwo"]


def test_the_title_stays_where_it_is_the_only_heading(tmp_path: Path) -> None:
    assert chunks_of(tmp_path, "# Ports\n\none\n")[0].text == "Ports\none"


def test_text_before_any_heading_stands_alone(tmp_path: Path) -> None:
    assert chunks_of(tmp_path, "just a line\n")[0].text == "just a line"


def test_every_note_has_a_title_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# Git\n\n## Log\n\ntwo\n")
    assert [chunk.text for chunk in chunks_of(tmp_path, "# Docker\n\n## Log\n\none\n")] == ["Log\ntwo", "Log\none"]


def test_an_endless_heading_is_cut_at_a_word() -> None:
    text = heading_text(("Title", "word " * 2_000), "Title")
    assert len(text) <= HEADING_CHARACTERS
    assert text.endswith("word")


def test_titles_are_found_in_an_outline_too(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Course\n\n## Empty\n")
    _, outline = notes_passages(read_notes(tmp_path))
    assert note_titles(outline) == {"a.md": "Course"}


def test_an_id_is_made_from_the_text_and_not_from_its_place(tmp_path: Path) -> None:
    before = {chunk.text: chunk.id for chunk in chunks_of(tmp_path, "# A\n\n- one\n- two\n")}
    after = {chunk.text: chunk.id for chunk in chunks_of(tmp_path, "# A\n\n- new\n- two\n- one\n")}
    assert before.items() <= after.items()


def test_a_text_that_repeats_has_a_numbered_id(tmp_path: Path) -> None:
    first, second, third = [chunk.id for chunk in chunks_of(tmp_path, "# A\n\n- same\n- same\n- same\n")]
    assert (second, third) == (f"{first}-2", f"{first}-3")


def test_a_short_paragraph_is_one_chunk() -> None:
    assert [chunk.text for chunk in notes_chunks([paragraph("One. Two.")])] == ["Ports\nOne. Two."]


def test_a_long_paragraph_is_cut_at_the_ends_of_sentences_into_like_parts() -> None:
    sentence = "Ten words make up this sentence, so count them all."
    chunks = notes_chunks([paragraph(" ".join([sentence] * 25))], max_words=200)
    assert [chunk.text.count(sentence) for chunk in chunks] == [13, 12]
    assert [chunk.passage_number for chunk in chunks] == [0, 0]
    assert all(chunk.text.startswith("Ports\nTen words") for chunk in chunks)


def test_a_mark_that_closes_behind_the_full_stop_stays_with_its_sentence() -> None:
    chunks = notes_chunks([paragraph("He said “one two.” (Three four.) Five six.")], max_words=4)
    assert [chunk.text for chunk in chunks] == ["Ports\nHe said “one two.”", "Ports\n(Three four.) Five six."]


def test_code_is_never_cut(tmp_path: Path) -> None:
    code = "\n".join(f"echo line number {i}" for i in range(400))
    chunks = chunks_of(tmp_path, f"# A\n\n```sh\n{code}\n```\n")
    assert [chunk.text for chunk in chunks] == [f"A\n{code}"]


@given(
    st.lists(st.sampled_from(["word", "end.", "what?", "(so.)", "e.g."]), min_size=1, max_size=300), st.integers(1, 60)
)
def test_nothing_of_a_paragraph_is_lost_and_no_piece_is_too_long(words: list[str], max_words: int) -> None:
    chunks = notes_chunks([paragraph(" ".join(words))], max_words=max_words)
    pieces = [chunk.text.removeprefix("Ports\n").split() for chunk in chunks]
    assert list(chain.from_iterable(pieces)) == words
    assert max(map(len, pieces)) <= max_words


def test_deep_nesting_does_not_push_the_text_out_of_sight(tmp_path: Path) -> None:
    text = "# A\n\n" + "".join(f"{'  ' * depth}- level {depth} {'x' * 500}\n" for depth in range(20))
    deepest = chunks_of(tmp_path, text)[-1].text
    assert len(deepest) < 2_500
    assert "level 19" in deepest
    assert "level 18" in deepest
