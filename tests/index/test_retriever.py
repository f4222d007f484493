"""The retriever passes LangChain's own standard tests, over notes of its own."""

from pathlib import Path

import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests

from index.embedding import HASHING_ENCODER
from index.retriever import NotesRetriever

NOTES = """# Kitchen

## knives

- a dull knife slips, a sharp one does not
- hone it before each use
- sharpen it twice a year
    - `whetstone --grit 1000` first
- never put it in the dishwasher

## pans

- cast iron is seasoned with oil
"""


@pytest.fixture(autouse=True)
def _notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kitchen.md").write_text(NOTES)
    monkeypatch.chdir(tmp_path)  # the standard tests ask for constructor arguments without a fixture at hand


class TestNotesRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[NotesRetriever]:
        return NotesRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, object]:
        return {"notes": Path(), "encoder": HASHING_ENCODER}

    @property
    def retriever_query_example(self) -> str:
        return "how often do I sharpen a knife"


def test_a_document_is_the_passage_with_its_place(tmp_path: Path) -> None:
    retriever = NotesRetriever(notes=tmp_path, encoder=HASHING_ENCODER, k=1)
    (found,) = retriever.invoke("whetstone grit 1000")
    assert found.page_content == "`whetstone --grit 1000` first"
    assert found.metadata["heading"] == ["Kitchen", "knives"]
    assert found.metadata["parents"] == ["sharpen it twice a year"]
    assert (found.metadata["document"], found.metadata["start_line"]) == ("kitchen.md", 8)


def test_changed_notes_are_found_at_the_next_question(tmp_path: Path) -> None:
    retriever = NotesRetriever(notes=tmp_path, encoder=HASHING_ENCODER, k=1)
    retriever.invoke("pans")
    (tmp_path / "kitchen.md").write_text(NOTES + "- rinse the wok with water only\n")
    (found,) = retriever.invoke("rinse the wok with water")
    assert found.page_content == "rinse the wok with water only"
