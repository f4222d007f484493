"""Fit the weights of the search and of the coverage over the subjects beside this file, and measure them.

    python tests/bench/coverage/fit.py            measure: every subject is answered by weights that never saw it
    python tests/bench/coverage/fit.py --write    and write the weights fitted over all subjects

Questions with one meaning share a group, and a whole subject is left out at a time, so nothing of
what is measured was fitted. Writes index/search_weights.json and assistant/coverage_weights.json.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from assistant.coverage import features, logit, model, raw_coverage, sigmoid
from index.build import build_index
from index.embedding import DEFAULT_ENCODER, load_encoder
from index.generation import Index, open_index
from index.location import ask_home, index_folder
from index.search import Candidates, candidates, prepare, rank

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SUBJECTS = sorted(p.parent.name for p in (HERE / "subjects").glob("*/questions.jsonl"))
ANSWERED = 0.92  # the share of answerable questions that the threshold lets through

MODELS = {  # model -> (what it tells from answerable questions, what it looks at)
    "subject": (("out_of_domain",), ("near", "cover_anywhere")),
    "written": (("empty_section",), ("path_over_near", "title", "named", "named_written", "best", "cover")),
    "said": (("not_in_notes",), ("best", "gap", "cover")),
}
UNFINISHED = ("path_over_near", "title", "named", "path_over_written")
REGULARISATION = 1.0


@dataclass(frozen=True)
class Asked:
    """A question of a question file, encoded, with its gold."""

    label: str
    found: Candidates
    quotes: tuple[str, ...]
    headings: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """One subject's index and questions."""

    name: str
    index: Index
    asked: tuple[Asked, ...]


def load(name: str, notes: Path, questions: Path) -> Subject:
    """Build the index if need be, and encode every single question."""
    encoder = load_encoder(DEFAULT_ENCODER, ask_home())
    folder = index_folder(notes, ask_home())
    build_index(notes, folder)
    index = open_index(folder)
    rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines()]
    asked = tuple(
        Asked(
            row["label"],
            candidates(prepare(row["question"], index, encoder), index),
            tuple(_normal(q) for q in row["gold_quotes"]),
            tuple(row["gold_headings"] + row["accept_headings"]),
        )
        for row in rows
        if row["kind"] == "single"
    )
    return Subject(name, index, asked)


def load_subject(name: str) -> Subject:
    """One of the subjects beside this file; `course` is the packaged course."""
    folder = HERE / "subjects" / name
    notes = ROOT / "corpus" / "course" if name == "course" else folder / "notes"
    return load(name, notes, folder / "questions.jsonl")


def _normal(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().lower()


def _is_gold(quotes: Sequence[str], quote: str, text: str) -> bool:
    shown, words = _normal(quote), _normal(text)
    return any(gold in shown or gold in words or (len(shown) > 15 and shown in gold) for gold in quotes)


def _is_right_section(asked: Asked, heading: Sequence[str]) -> bool:
    names = [_normal(name) for name in heading]
    return any(names[-len(path) :] == path for path in ([_normal(p) for p in h.split(" > ")] for h in asked.headings))


def _logistic(rows: Any, targets: Any, names: Sequence[str], *, balanced: bool) -> dict[str, Any]:
    """A logistic regression on standardised columns, as weights of the plain ones."""
    rows = np.asarray(rows, float)
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    fit = LogisticRegression(C=REGULARISATION, max_iter=1000, class_weight="balanced" if balanced else None)
    fit.fit((rows - mean) / scale, np.asarray(targets, bool))
    plain = fit.coef_[0] / scale
    bias = float(fit.intercept_[0] - (plain * mean).sum())
    return {"bias": round(bias, 4), "weights": {n: round(float(w), 4) for n, w in zip(names, plain, strict=True)}}


START = {
    "passage": {"bias": 0.0, "dense": 1.0, "cover": 1.0, "bm25": 0.0},
    "section": dict.fromkeys(("best", "second", "tenor", "cover"), 1.0),
}


def fit_search(subjects: Iterable[Subject]) -> dict[str, dict[str, float]]:
    """The weights of index/search.py: passages that are gold, then sections that are right."""
    subjects = list(subjects)
    names = ("dense", "cover", "bm25")
    rows, targets = [], []
    for subject in subjects:
        for asked in subject.asked:
            for hit in rank(asked.found, subject.index, START).hits[:40]:
                rows.append([getattr(hit, name) for name in names])
                targets.append(_is_gold(asked.quotes, hit.passage.quote, hit.passage.text))
    fitted = _logistic(rows, targets, names, balanced=False)
    weights = {"passage": {"bias": fitted["bias"], **fitted["weights"]}, "section": dict(START["section"])}
    names = ("best", "second", "tenor", "cover")
    rows, targets = [], []
    for subject in subjects:
        for asked in subject.asked:
            if asked.label not in {"answerable", "partial"}:
                continue
            sections = rank(asked.found, subject.index, weights).sections
            table = np.array([[section.features[name] for name in names] for section in sections])
            rows += (table - table.max(axis=0)).tolist()
            targets += [_is_right_section(asked, section.outline.heading) for section in sections]
    weights["section"] = _logistic(rows, targets, names, balanced=False)["weights"]
    return weights


@dataclass(frozen=True)
class Row:
    """One question as the coverage models see it."""

    subject: str
    label: str
    values: Mapping[str, float]
    has_unfinished: bool
    right: tuple[bool, bool, bool]  # is the first, one of two, one of three sections right


def coverage_rows(subject: Subject, search_weights: Any) -> list[Row]:
    """The features of every question of a subject."""
    rows = []
    for asked in subject.asked:
        found = rank(asked.found, subject.index, search_weights)
        right = [_is_right_section(asked, s.outline.heading) for s in found.sections[:3]]
        rights = (any(right[:1]), any(right[:2]), any(right))
        if found.sections:
            rows.append(Row(subject.name, asked.label, features(found), bool(found.unfinished), rights))
    return rows


def fit_coverage(rows: Sequence[Row]) -> dict[str, Any]:
    """The models of assistant/coverage.py. `rows` are of subjects that the search weights may have seen."""
    fitted: dict[str, Any] = {}
    for name, (labels, names) in MODELS.items():
        used = [r for r in rows if r.label == "answerable" or r.label in labels]
        if name == "written":
            used = [r for r in used if r.has_unfinished]
        table = [[r.values[n] for n in names] for r in used]
        fitted[name] = _logistic(table, [r.label == "answerable" for r in used], names, balanced=True)
    used = [r for r in rows if r.label in {"empty_section", "not_in_notes", "out_of_domain"} and r.has_unfinished]
    table = [[r.values[n] for n in UNFINISHED] for r in used]
    fitted["unfinished"] = _logistic(table, [r.label == "empty_section" for r in used], UNFINISHED, balanced=False)
    return fitted


def calibrate(scored: Sequence[tuple[Row, float]]) -> dict[str, float]:
    """Slope and bias that turn the log-odds of the raw coverage into those of being answerable (Platt, 1999)."""
    used = [(row, raw) for row, raw in scored if row.label != "partial"]
    table = [[logit(raw)] for _, raw in used]
    fit = LogisticRegression(C=1e6).fit(table, [row.label == "answerable" for row, _ in used])
    return {"slope": round(float(fit.coef_[0][0]), 4), "bias": round(float(fit.intercept_[0]), 4)}


def held_out(subjects: Sequence[Subject]) -> list[tuple[Row, float, float]]:
    """Every row with the raw coverage and the unfinished probability of weights that never saw its subject."""
    scored = []
    for left_out in subjects:
        others = [s for s in subjects if s is not left_out]
        search_weights = fit_search(others)
        fitted = fit_coverage([r for s in others for r in coverage_rows(s, search_weights)])
        for row in coverage_rows(left_out, search_weights):
            raw = raw_coverage(row.values, fitted, has_unfinished=row.has_unfinished)
            scored.append((row, raw, model("unfinished", row.values, fitted) if row.has_unfinished else 0.0))
    return scored


def report(scored: Sequence[tuple[Row, float, float]], calibration: Mapping[str, float], threshold: float) -> None:
    """Print the figures by subject: AUC of coverage against each kind, false answers at the threshold."""
    kinds = ("empty_section", "not_in_notes", "out_of_domain")
    print(
        f"{'subject':12} {'first':>6} {'of 2':>6} {'of 3':>6} {'answ.':>6} "
        + " ".join(f"{k[:9]:>9} {'refused':>7}" for k in kinds)
        + f" {'unfin.':>7}"
    )
    names = [*dict.fromkeys(row.subject for row, _, _ in scored), "all"]
    for name in names:
        own = [
            (r, sigmoid(calibration["bias"] + calibration["slope"] * logit(raw)), u)
            for r, raw, u in scored
            if name in {r.subject, "all"}
        ]
        right = [r.right for r, _, _ in own if r.label in {"answerable", "partial"}]
        good = [c for r, c, _ in own if r.label == "answerable"]
        cells = [f"{np.mean([x[i] for x in right]):6.3f}" for i in range(3)] + [
            f"{np.mean([c >= threshold for c in good]):6.3f}"
        ]
        for kind in kinds:
            bad = [c for r, c, _ in own if r.label == kind]
            auc = roc_auc_score([1] * len(good) + [0] * len(bad), good + bad) if bad else math.nan
            cells += [f"{auc:9.3f}", f"{np.mean([c < threshold for c in bad]) if bad else math.nan:7.3f}"]
        said = [(r.label == "empty_section") == (u >= 0.5) for r, c, u in own if r.label in kinds and c < threshold]
        cells.append(f"{np.mean(said) if said else math.nan:7.3f}")
        print(f"{name:12} " + " ".join(cells))
    print("coverage, calibrated: of the questions given ..., so many are answerable")
    values = [
        (sigmoid(calibration["bias"] + calibration["slope"] * logit(raw)), r.label == "answerable")
        for r, raw, _ in scored
        if r.label != "partial"
    ]
    for low in np.arange(0, 1, 0.1):
        inside = [y for c, y in values if low <= c < low + 0.1]
        if inside:
            print(f"  {low:.1f} to {low + 0.1:.1f}: {np.mean(inside):.2f} of {len(inside)}")


def main() -> None:
    """Measure, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the weights fitted over all subjects")
    parser.add_argument(
        "--also",
        nargs=2,
        action="append",
        metavar=("NOTES", "QUESTIONS"),
        default=[],
        help="measure further notes, never fitted",
    )
    options = parser.parse_args()
    subjects = [load_subject(name) for name in SUBJECTS]
    scored = held_out(subjects)
    calibration = calibrate([(row, raw) for row, raw, _ in scored])
    good = [
        sigmoid(calibration["bias"] + calibration["slope"] * logit(raw))
        for row, raw, _ in scored
        if row.label == "answerable"
    ]
    threshold = round(float(np.quantile(good, 1 - ANSWERED)), 3)
    report(scored, calibration, threshold)
    search_weights = fit_search(subjects)
    fitted = fit_coverage([r for s in subjects for r in coverage_rows(s, search_weights)])
    fitted |= {"calibration": calibration, "threshold": threshold}
    for notes, questions in options.also:
        rows = coverage_rows(load("also", Path(notes), Path(questions)), search_weights)
        print("\nnever fitted:", notes)
        report(
            [
                (
                    r,
                    raw_coverage(r.values, fitted, has_unfinished=r.has_unfinished),
                    model("unfinished", r.values, fitted) if r.has_unfinished else 0.0,
                )
                for r in rows
                if r.label in {"answerable", "partial", "empty_section", "not_in_notes", "out_of_domain"}
            ],
            calibration,
            threshold,
        )
    print(json.dumps({"search": search_weights, "coverage": fitted}, indent=1))
    if options.write:
        (ROOT / "index" / "search_weights.json").write_text(json.dumps(search_weights, indent=2) + "\n")
        (ROOT / "assistant" / "coverage_weights.json").write_text(json.dumps(fitted, indent=2) + "\n")


if __name__ == "__main__":
    main()
