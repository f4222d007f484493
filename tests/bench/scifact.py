"""Search alone: nDCG@10 on SciFact (Wadden et al., 2020) through the product's own index and search.

    python tests/bench/scifact.py CORPUS QUERIES QRELS [--keep FOLDER] [--json]

The three files have the form of the BEIR benchmark: JSON lines (also gzipped) with `_id`, `title`
and `text`; queries with `_id` and `text`; and a table `query-id corpus-id score`. Every document
becomes a note: its title the heading, its abstract the paragraph. The index takes some ten minutes
to build; `--keep` names a folder where it stays for the next time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from index.build import build_index
from index.embedding import DEFAULT_ENCODER, Encoder, load_encoder
from index.generation import Index, open_index
from index.location import ask_home
from index.search import candidates, prepare, rank, weights

TARGET = 0.735
PUBLISHED = {"all-MiniLM-L6-v2": 0.645, "BM25": 0.679, "bge-small-en-v1.5": 0.713}
DEPTH = 10
CHUNKS = 100  # of the two baselines, enough for ten documents

Judgements = dict[str, dict[str, int]]  # query -> document -> how relevant
Ranking = list[str]  # documents, best first


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, gzipped or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def read_judgements(path: Path) -> Judgements:
    """The relevant documents of each query; the first line of the file is a header."""
    judged: Judgements = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        judged.setdefault(query, {})[document] = int(score)
    return judged


def write_notes(documents: Iterable[Mapping[str, Any]], folder: Path) -> int:
    """One note a document: title as heading, abstract as one paragraph. Returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for document in documents:
        heading, paragraph = _plain(document["title"]), _plain(document["text"])
        (folder / f"{document['_id']}.md").write_text(f"# {heading}\n\n{paragraph}\n", encoding="utf-8")
        count += 1
    return count


def _plain(text: str) -> str:
    """The text on one line, its marks escaped: what looks like Markdown in an abstract is none."""
    return re.sub(r"([\\`*_<\[#~|&]|^[!-/:-@]|^\d+(?=[.)]))", _escaped, " ".join(text.split()))


def _escaped(match: re.Match[str]) -> str:
    return match[0] + "\\" if match[0].isdigit() else "\\" + match[0]


def ndcg(ranking: Sequence[str], relevant: Mapping[str, int], depth: int = DEPTH) -> float:
    """Normalised discounted cumulative gain of one ranking, 0 to 1."""
    gains = [relevant.get(document, 0) for document in ranking[:depth]]
    best = sorted(relevant.values(), reverse=True)[:depth]
    return _discounted(gains) / (_discounted(best) or 1.0)


def _discounted(gains: Iterable[int]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def rankings(text: str, index: Index, encoder: Encoder) -> dict[str, Ranking]:
    """The documents for one query: by the product's search, and by each of its two sources alone."""
    question = prepare(text, index, encoder)
    found = rank(candidates(question, index), index, weights())
    near, _ = index.nearest(question.vector, CHUNKS)
    scores = index.lexical.scores(question.stems)
    lexical = (-scores).argsort(kind="stable")[:CHUNKS]
    return {
        "ask": _documents((hit.number for hit in found.hits), index),
        "dense alone": _documents(index.chunk_passages[near].tolist(), index),
        "BM25 alone": _documents(index.chunk_passages[lexical[scores[lexical] > 0]].tolist(), index),
    }


def _documents(passages: Iterable[int], index: Index) -> Ranking:
    """Passages, best first, as the documents that they are of."""
    return list(dict.fromkeys(Path(index.passages[number].note).stem for number in passages))


def measure(index: Index, encoder: Encoder, queries: Mapping[str, str], judged: Judgements) -> dict[str, float]:
    """The mean nDCG@10 of each way to search."""
    totals: dict[str, float] = {}
    for query, relevant in judged.items():
        for name, ranking in rankings(queries[query], index, encoder).items():
            totals[name] = totals.get(name, 0.0) + ndcg(ranking, relevant)
    return {name: total / len(judged) for name, total in totals.items()}


def build(corpus: Path, folder: Path) -> Index:
    """Write the notes into `folder` and build their index there; what is there already is used as it is."""
    notes = folder / "notes"
    if not notes.is_dir():
        print(f"{write_notes(read_lines(corpus), notes):,} notes", flush=True)
    build_index(notes, folder / "index", progress=_progress)
    print()
    return open_index(folder / "index")


def _progress(stage: str, done: int, total: int) -> None:
    print(f"\r{stage} {done:,} of {total:,}   ", end="", flush=True)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("corpus", "queries", "qrels"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the notes and their index stay")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, on the last line")
    options = parser.parse_args()
    queries = {row["_id"]: row["text"] for row in read_lines(options.queries)}
    judged = read_judgements(options.qrels)
    with TemporaryDirectory(prefix="scifact-") as scratch:
        index = build(options.corpus, options.keep or Path(scratch))
        found = measure(index, load_encoder(DEFAULT_ENCODER, ask_home()), queries, judged)
        index.close()
    if options.json:
        print(json.dumps({"ndcg_at_10": found, "published": PUBLISHED, "target": TARGET}))
        return
    print(f"{index.manifest.documents:,} documents, {len(judged)} queries, nDCG@10 (target {TARGET})")
    for name, figure in (*found.items(), *((f"published: {name}", figure) for name, figure in PUBLISHED.items())):
        print(f"  {name:28} {figure:.3f}")


if __name__ == "__main__":
    main()
