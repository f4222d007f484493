"""The search as a LangChain BaseRetriever, for people who bring their own chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field, PrivateAttr

from corpus.passages import Passage
from index.build import build_index
from index.embedding import DEFAULT_ENCODER, Encoder, load_encoder
from index.generation import Index, open_index
from index.location import ask_home, index_folder
from index.search import search


class NotesRetriever(BaseRetriever):
    """Passages of a folder of notes that answer a question, best first.

    `page_content` is the passage as the notes have it; metadata has document, heading, parents,
    start_line, end_line, anchor, kind, score (log-odds). The index is built at the first use.
    """

    notes: Path
    k: int = Field(5, ge=1)
    encoder: str = DEFAULT_ENCODER

    _opened: tuple[Index, Encoder] | None = PrivateAttr(None)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002  # the signature is LangChain's
        k: int | None = None,
        **_: Any,
    ) -> list[Document]:
        index, encoder = self._open()
        hits = search(query, index, encoder).hits[: self.k if k is None else k]
        return [as_document(hit.passage, score=hit.score) for hit in hits]

    def _open(self) -> tuple[Index, Encoder]:
        folder = index_folder(self.notes, ask_home())
        build_index(self.notes, folder, encoder_name=self.encoder)  # a few milliseconds if nothing has changed
        if self._opened is None:
            index = open_index(folder, encoder_name=self.encoder)
            self._opened = index, load_encoder(self.encoder, ask_home())
        elif not self._opened[0].is_current():
            self._opened = open_index(folder, encoder_name=self.encoder), self._opened[1]
        return self._opened


def as_document(passage: Passage, *, score: float) -> Document:
    """A passage as a LangChain Document."""
    return Document(
        page_content=passage.quote,
        metadata={
            "document": passage.document,
            "heading": list(passage.heading),
            "parents": list(passage.parents),
            "start_line": passage.start_line,
            "end_line": passage.end_line,
            "anchor": passage.anchor,
            "kind": passage.kind,
            "score": score,
        },
    )
