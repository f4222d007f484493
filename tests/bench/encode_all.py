"""The reference for a first index: sentence-transformers encodes the texts of the chunks, and that is all. Prints JSON.

python tests/bench/encode_all.py NOTES
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from corpus.documents import read_notes
from corpus.passages import notes_passages
from index.chunks import notes_chunks
from index.embedding import packaged_model


def main() -> None:
    """Encode once; print the seconds of importing and loading, and of encoding."""
    passages, _ = notes_passages(read_notes(Path(sys.argv[1])))
    texts = [chunk.text for chunk in notes_chunks(passages)]
    started = time.perf_counter()
    from sentence_transformers import SentenceTransformer  # what importing it takes is one of the figures

    model = SentenceTransformer(str(packaged_model()), device="cpu")
    loaded = time.perf_counter()
    model.encode(texts, show_progress_bar=False)
    ended = time.perf_counter()
    print(json.dumps({"load": loaded - started, "encode": ended - loaded, "chunks": len(texts)}))


if __name__ == "__main__":
    main()
