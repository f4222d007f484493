"""Fit the weights of the search and of the coverage over the subjects beside this file, and measure them.

    python tests/bench/coverage/fit.py            measure: every subject is answered by weights that never saw it
    python tests/bench/coverage/fit.py --write    and write the weights fitted over all subjects
    python tests/bench/coverage/fit.py --with NOTES QUESTIONS    one more subject, left out and fitted as the others
    python tests/bench/coverage/fit.py --also NOTES QUESTIONS    measure further notes, never fitted

A whole subject is left out at a time, so nothing of what is measured was fitted. Writes
index/search_weights.json and assistant/coverage_weights.json.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, softmax
from subjects import ROOT, SUBJECTS, Asked, Subject, load, load_subject

from assistant.coverage import ANSWER, CASES, COMMON, HEADINGS, UNFINISHED, features, probabilities
from assistant.evaluation import ANSWERABLE, REFUSABLE, auc
from index.search import likenesses, rank

SHARE = 0.92  # of the answerable questions: false answers are also counted where so many are answered
PASSAGE = ("dense", "cover", "section_dense", "section_cover", "length")
# Not fitted: the fit gives about 0 over these subjects, and this can hardly be told from it; tests/bench/scifact.py,
# where exact terms matter more, rises with it.
BM25_WEIGHT = 2.0
# Not fitted either: to tell which of the unfinished headings is meant, the fit is twice as sharp and trusts the path
# more, but then the coverage is told less well from questions on unfinished headings where there are many of them.
HEADING = {"path": 2.0, "title": 6.0}
PENALTY = 0.001  # on the squares of the weights of standardised columns, beside the mean loss of a question
COVERAGE_PENALTY = 1.7  # the same, beside the sum of the losses
# How often each question on another subject counts. They are one of thirty here, and an answer to one is the plainest
# mistake of all: counted once, 0.65 of them got no answer, each left out, and 0.80 so, for 2 % of the answerable.
OTHER_SUBJECTS = 3.0

Table = NDArray[np.float64]
Weights = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One question as the coverage sees it; `right`: is the best, one of the best two, three sections right."""

    subject: str
    label: str
    values: Mapping[str, float]
    right: tuple[bool, bool, bool]


@dataclass(frozen=True)
class Scored:
    """A row, and how likely each case is by weights that never saw its subject."""

    row: Row
    likely: Mapping[str, float]

    @property
    def coverage(self) -> float:
        """The coverage of the question."""
        return self.likely["answerable"]

    @property
    def unfinished(self) -> float:
        """How likely an unfinished heading is meant, if the notes do not answer."""
        return self.likely["empty_section"] / (1 - self.coverage)


@dataclass(frozen=True)
class Choice:
    """What could be chosen for one question, a row each, and what is right."""

    rows: Table
    right: NDArray[np.bool_]


def fit_search(subjects: Sequence[Subject]) -> Weights:
    """The weights of index/search.py: those that make gold passages the likeliest of all candidates."""
    choices = [_passages(asked, subject) for subject in subjects for asked in subject.asked]
    return {"passage": {**_fit_choices(choices, PASSAGE), "bm25": BM25_WEIGHT}, "heading": HEADING}


def _passages(asked: Asked, subject: Subject) -> Choice:
    chunks = subject.index.chunk_passages[asked.found.chunks]
    _, places = np.unique(subject.index.passage_sections[chunks], return_inverse=True)
    found, _ = likenesses(asked.found, subject.index, places)
    right = [asked.is_gold(subject.index.passages[number]) for number in chunks]
    return Choice(np.array([found[name] for name in PASSAGE], float).T, np.array(right, bool))


def _fit_choices(choices: Sequence[Choice], names: Sequence[str]) -> dict[str, float]:
    """The weights that make what is right the likeliest of what could be chosen; a choice without it says nothing."""
    used = [choice for choice in choices if choice.right.any() and not choice.right.all()]
    scale = np.concatenate([choice.rows for choice in used]).std(axis=0) + 1e-9
    tables = [(choice.rows / scale, choice.right) for choice in used]

    def loss(weights: Table) -> tuple[float, Table]:
        total, slope = PENALTY * float(weights @ weights), 2 * PENALTY * weights
        for rows, right in tables:
            scores = rows @ weights
            total += float(logsumexp(scores) - logsumexp(scores[right])) / len(tables)
            slope = slope + (softmax(scores) @ rows - softmax(scores[right]) @ rows[right]) / len(tables)
        return total, slope

    fitted = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x / scale
    return {name: round(float(weight), 4) for name, weight in zip(names, fitted, strict=True)}


def coverage_rows(subject: Subject, search_weights: Weights) -> list[Row]:
    """The features of every question of a subject."""
    rows = []
    for asked in subject.asked:
        found = rank(asked.found, subject.index, search_weights)
        right = [asked.is_right_section(s.outline.heading) for s in found.sections[:3]]
        rights = (any(right[:1]), any(right[:2]), any(right))
        if found.sections:
            rows.append(Row(subject.name, asked.label, features(found), rights))
    return rows


def fit_coverage(rows: Iterable[Row]) -> Weights:
    """The model of assistant/coverage.py: a softmax over the cases, the headings a matter of one of them."""
    used = [row for row in rows if row.label in CASES]
    names = (*COMMON, *HEADINGS)
    table = np.array([[row.values.get(name, math.nan) for name in names] for row in used])
    mean, scale = np.nanmean(table, axis=0), np.nanstd(table, axis=0) + 1e-9
    table = np.column_stack([np.nan_to_num((table - mean) / scale), np.ones(len(used))])
    case = np.array([CASES.index(row.label) for row in used])
    counted = np.where(case == CASES.index("out_of_domain"), OTHER_SUBJECTS, 1.0)
    has_headings = np.array(["headings" in row.values for row in used])
    impossible = np.where(~has_headings[:, None] & (np.array(CASES) == "empty_section"), -1e3, 0.0)
    free = np.array([[c == "empty_section" or name not in HEADINGS for name in (*names, "bias")] for c in CASES])
    is_penalised = np.array([name != "bias" for name in (*names, "bias")])

    def loss(flat: Table) -> tuple[float, Table]:
        weights = flat.reshape(free.shape) * free
        odds = table @ weights.T + impossible
        penalised = weights * is_penalised
        total = -(counted * log_softmax(odds, axis=1)[np.arange(len(case)), case]).sum()
        slope = (counted[:, None] * (softmax(odds, axis=1) - np.eye(len(CASES))[case])).T @ table
        return total + COVERAGE_PENALTY * (penalised**2).sum(), (
            (slope + 2 * COVERAGE_PENALTY * penalised) * free
        ).ravel()

    weights = minimize(loss, np.zeros(free.size), jac=True, method="L-BFGS-B").x.reshape(free.shape) * free
    plain = weights[:, :-1] / scale
    biases = weights[:, -1] - plain @ mean
    return {
        case: {"bias": round(float(bias), 4)}
        | {name: round(float(w), 4) for name, w, is_free in zip(names, row, allowed[:-1], strict=True) if is_free}
        for case, row, bias, allowed in zip(CASES, plain, biases, free, strict=True)
    }


def score(rows: Iterable[Row], fitted: Weights) -> list[Scored]:
    """What the model makes of rows."""
    return [Scored(row, probabilities(row.values, fitted)) for row in rows]


def held_out(subjects: Sequence[Subject]) -> list[Scored]:
    """Every question, by weights that never saw its subject."""
    scored: list[Scored] = []
    for left_out in subjects:
        others = [s for s in subjects if s is not left_out]
        search_weights = fit_search(others)
        fitted = fit_coverage([row for s in others for row in coverage_rows(s, search_weights)])
        scored += score(coverage_rows(left_out, search_weights), fitted)
    return scored


def report(scored: Sequence[Scored]) -> None:
    """Print the figures by subject: right sections, AUC of coverage against each kind, false answers avoided."""
    print(f"{'':12} {'right section':>22} {'answered':>9}  " + "".join(f"{kind:>24}" for kind in REFUSABLE))
    print(f"{'':12} {'first':>8}{'of 2':>7}{'of 3':>7} {'':>9}  " + f"{'AUC':>10}{'avoided':>14}" * 3 + f"{'which':>8}")
    for name in [*dict.fromkeys(s.row.subject for s in scored), "all"]:
        own = [s for s in scored if name in {s.row.subject, "all"}]
        right = [s.row.right for s in own if s.row.label in ANSWERABLE]
        good = [s.coverage for s in own if s.row.label == "answerable"]
        share = float(np.quantile(good, 1 - SHARE))
        line = f"{name:12} " + "".join(f"{np.mean([r[i] for r in right]):8.3f}" for i in range(3))
        line += f"{np.mean([c >= ANSWER for c in good]):9.3f}  "
        for kind in REFUSABLE:
            bad = [s.coverage for s in own if s.row.label == kind]
            line += f"{auc(good, bad) if bad else math.nan:10.3f}{_share(bad, ANSWER):7.3f}{_share(bad, share):7.3f}"
        refused = [s for s in own if s.row.label in REFUSABLE and s.coverage < ANSWER]
        which = [(s.row.label == "empty_section") == (s.unfinished >= UNFINISHED) for s in refused]
        print(line + f"{np.mean(which) if which else math.nan:8.3f}")
    print(f"avoided: no false answer at coverage {ANSWER}, and where {SHARE:.0%} of the answerable are answered")
    print("which: of those refused, unfinished told from not in the notes")
    report_calibration(scored)


def report_calibration(scored: Sequence[Scored]) -> None:
    """Print how many of the questions with about the same coverage are answerable."""
    pairs = [(s.coverage, s.row.label == "answerable") for s in scored if s.row.label != "partial"]
    for tenth in range(10):
        inside = [y for c, y in pairs if tenth <= c * 10 < tenth + 1]
        if inside:
            print(f"  coverage {tenth / 10:.1f} and up: {np.mean(inside):.2f} of {len(inside)} are answerable")


def _share(values: Sequence[float], below: float) -> float:
    return float(np.mean([v < below for v in values])) if values else math.nan


def main() -> None:
    """Measure, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the weights fitted over all subjects")
    parser.add_argument("--with", nargs=2, action="append", metavar=("NOTES", "QUESTIONS"), default=[], dest="further")
    parser.add_argument("--also", nargs=2, action="append", metavar=("NOTES", "QUESTIONS"), default=[])
    options = parser.parse_args()
    subjects = [load_subject(name) for name in SUBJECTS]
    subjects += [load(Path(notes).stem, Path(notes), Path(questions)) for notes, questions in options.further]
    report(held_out(subjects))
    search_weights = fit_search(subjects)
    fitted = fit_coverage([row for s in subjects for row in coverage_rows(s, search_weights)])
    for notes, questions in options.also:
        print(f"\n{notes}, by the weights fitted over all of the above:")
        report(score(coverage_rows(load("also", Path(notes), Path(questions)), search_weights), fitted))
    if options.write:
        (ROOT / "index" / "search_weights.json").write_text(json.dumps(search_weights, indent=2) + "\n")
        (ROOT / "assistant" / "coverage_weights.json").write_text(json.dumps(fitted, indent=2) + "\n")


if __name__ == "__main__":
    main()
