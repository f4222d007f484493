"""Question answering as the tutorials have it: recursive splitter, sentence-transformers, Chroma through LangChain.

    python tests/bench/tutorial.py NOTES PERSIST_FOLDER MODEL QUESTION

The first run splits and embeds the notes into PERSIST_FOLDER; later ones only open it and ask.
"""

from __future__ import annotations

import sys
from pathlib import Path

from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from sentence_transformers import SentenceTransformer

CHUNK_SIZE = 1000
CHUNK_OVERLAP = 200
SEPARATORS = ("\n\n", "\n", " ", "")
COUNT = 4


class SentenceEmbeddings(Embeddings):
    """sentence-transformers behind LangChain's interface."""

    def __init__(self, model: str) -> None:
        self._model = SentenceTransformer(model, device="cpu")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        vectors: list[list[float]] = self._model.encode(texts, show_progress_bar=False).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self.embed_documents([text])[0]


def split(text: str, separators: tuple[str, ...] = SEPARATORS) -> list[str]:
    """Cut at the first separator, the pieces that stay too long at the next one; join them with overlap."""
    if len(text) <= CHUNK_SIZE:
        return [text] if text.strip() else []
    separator, *others = separators
    if not separator:
        step = CHUNK_SIZE - CHUNK_OVERLAP
        return [text[start : start + CHUNK_SIZE] for start in range(0, len(text), step)]
    chunks: list[str] = []
    window: list[str] = []
    for piece in text.split(separator):
        if len(piece) > CHUNK_SIZE:
            chunks += [separator.join(window)] if window else []
            chunks += split(piece, tuple(others))
            window = []
            continue
        if window and _length(window, separator) + len(piece) > CHUNK_SIZE:
            chunks.append(separator.join(window))
            while window and _length(window, separator) > CHUNK_OVERLAP:
                window.pop(0)
        window.append(piece)
    return [chunk for chunk in [*chunks, separator.join(window)] if chunk.strip()]


def _length(pieces: list[str], separator: str) -> int:
    return sum(len(piece) + len(separator) for piece in pieces)


def main() -> None:
    """Build what is not there yet, and ask once."""
    notes, persist, model, question = sys.argv[1:]
    is_new = not Path(persist).is_dir()
    store = Chroma("tutorial", SentenceEmbeddings(model), persist_directory=persist)
    if is_new:
        files = sorted(Path(notes).rglob("*.md"))
        store.add_documents(
            [
                Document(chunk, metadata={"source": file.name})
                for file in files
                for chunk in split(file.read_text(encoding="utf-8"))
            ]
        )
    for document in store.similarity_search(question, k=COUNT):
        print(document.metadata["source"], document.page_content, sep="\n", end="\n\n")


if __name__ == "__main__":
    main()
