"""The least that a question can cost: encode it, ask Chroma once, print what was found.

    python tests/bench/bare.py CHROMA_FOLDER ENCODER_FOLDER QUESTION

The folders are those of an index and of the exported encoder. Nothing of this project is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path

import chromadb
import numpy as np
import onnxruntime
from chromadb.config import Settings
from tokenizers import Tokenizer

COLLECTION = "notes"
COUNT = 5


class Bare:
    """An encoder and a collection, opened as their own manuals say."""

    def __init__(self, chroma: Path, encoder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
        self._tokenizer.no_padding()  # its file says: to 128 pieces, which would cost several times the question
        self._session = onnxruntime.InferenceSession(str(encoder / "model.onnx"), providers=["CPUExecutionProvider"])
        self._client = chromadb.PersistentClient(path=str(chroma), settings=Settings(anonymized_telemetry=False))
        self._collection = self._client.get_collection(COLLECTION, embedding_function=None)

    def find(self, question: str) -> list[str]:
        """The texts of the nearest chunks."""
        encoded = self._tokenizer.encode(question)
        inputs = {"ids": np.array([encoded.ids]), "mask": np.array([encoded.attention_mask])}
        vectors = self._session.run(["vectors"], inputs)[0]
        found = self._collection.query(query_embeddings=vectors, n_results=COUNT, include=["documents"])
        return (found["documents"] or [[]])[0]


def main() -> None:
    """Ask once."""
    chroma, encoder, question = sys.argv[1:]
    for text in Bare(Path(chroma), Path(encoder)).find(question):
        print(text, end="\n\n")


if __name__ == "__main__":
    main()
