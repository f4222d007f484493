"""Fit the weights of the grounding over sentences.jsonl, and measure them.

    python tests/bench/grounding/fit.py            measure: every subject is judged by weights that never saw it
    python tests/bench/grounding/fit.py --write    and write the weights fitted over all subjects
    python tests/bench/grounding/fit.py --test     how the written weights do on held_out.jsonl, a line a lie

Writes assistant/grounding_weights.json.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sentences import HERE, ROOT, Written, grounding, read

from assistant.coverage import sigmoid
from assistant.evaluation import auc
from assistant.grounding import Grounding, doubts, features, problem_with
from assistant.replies import Sentence

CUT_SHARE = 0.01  # of honest sentences that may be cut
SHOWN_SHARE = 0.05  # of lies that may be shown as supported; what lies between is shown as weak
SPEAK_FOR = ("cover", "cosine")  # the other features speak against a sentence
STRENGTH = 3.0  # inverse of the regularisation; features are from 0 to 1

Fitted = dict[str, Any]


def rows(written: Sequence[Written]) -> list[dict[str, float] | None]:
    """The features of each sentence against what it cites; None if something is missing exactly."""
    found: list[dict[str, float] | None] = []
    for each in written:
        grounded: Grounding = grounding(each)
        cited = [g for g in grounded.grounds if g.number in each.sentence.marks]
        if not cited or problem_with(each.sentence, cited):
            found.append(None)
        else:
            found.append(features(each.sentence, grounded.measure(each.sentence), cited))
    return found


def fit(values: Sequence[dict[str, float]], honest: Sequence[bool]) -> Fitted:
    """A logistic model, and its two thresholds on its own data.

    Which way each feature points is not fitted: a sentence that adds "always" is never the more honest for it,
    whatever a few hundred sentences say.
    """
    names = list(values[0])
    signs = np.array([1.0 if name in SPEAK_FOR else -1.0 for name in names])
    matrix = np.array([[row[name] for name in names] for row in values]) * signs
    labels = np.where(honest, 1.0, -1.0)

    def loss(parameters: NDArray[np.float64]) -> float:
        odds = matrix @ parameters[1:] + parameters[0]
        return float(np.logaddexp(0, -labels * odds).sum() + (parameters[1:] ** 2).sum() / (2 * STRENGTH))

    bounds = [(None, None), *([(0.0, None)] * len(names))]
    best = minimize(loss, np.zeros(1 + len(names)), method="L-BFGS-B", bounds=bounds).x
    weights = {name: round(float(w * s), 4) for name, w, s in zip(names, best[1:], signs, strict=True)}
    fitted: Fitted = {"bias": round(float(best[0]), 4), "weights": weights}
    scores = np.array([probability(fitted, row) for row in values])
    is_honest = np.array(honest)
    certain = np.array([0.0 if doubts(row) else score for row, score in zip(values, scores, strict=True)])
    fitted["weak"] = round(float(np.quantile(scores[is_honest], CUT_SHARE)), 4)
    fitted["supported"] = round(float(np.quantile(certain[~is_honest], 1 - SHOWN_SHARE)), 4)
    return fitted


def probability(fitted: Fitted, values: dict[str, float]) -> float:
    """That a sentence is honest."""
    return sigmoid(fitted["bias"] + sum(weight * values[name] for name, weight in fitted["weights"].items()))


def measure(written: Sequence[Written]) -> Fitted:
    """Leave each subject out in turn; print what becomes of its sentences. Returns the weights over all."""
    values = rows(written)
    held_out: list[float] = [0.0] * len(written)
    verdicts: list[str] = ["unsupported"] * len(written)
    for name in sorted({each.subject for each in written}):
        rest = [i for i, each in enumerate(written) if each.subject != name and values[i] is not None]
        fitted = fit([v for i in rest if (v := values[i]) is not None], [written[i].is_honest for i in rest])
        for i, each in enumerate(written):
            row = values[i]
            if each.subject == name and row is not None:
                held_out[i] = probability(fitted, row)
                sure = held_out[i] >= fitted["supported"] and not doubts(row)
                verdicts[i] = "supported" if sure else "weak" if held_out[i] >= fitted["weak"] else "unsupported"
    report(written, verdicts, held_out)
    kept = [i for i, row in enumerate(values) if row is not None]
    return fit([v for i in kept if (v := values[i]) is not None], [written[i].is_honest for i in kept])


def with_strays(written: Sequence[Written]) -> list[Written]:
    """And each honest sentence over the passages of the next one of its subject, as a lie: what models make up freely.

    Those that were written as lies stay close to the passages, as the worst ones do; most are not like that.
    """
    honest = [each for each in written if each.is_honest]
    strays = [
        replace(
            each,
            id=f"{each.id}-stray",
            kind="stray",
            is_honest=False,
            evidence=other.evidence,
            sentence=_cites(each, other),
        )
        for each, other in pairwise(honest)
        if each.subject == other.subject and not set(each.evidence) & set(other.evidence)
    ]
    return [*written, *strays]


def _cites(each: Written, other: Written) -> Sentence:
    return replace(each.sentence, marks=other.sentence.marks)


def report(written: Sequence[Written], verdicts: Sequence[str], scores: Sequence[float]) -> None:
    """What became of honest sentences and of lies, by kind."""
    honest = [s for s, each in zip(scores, written, strict=True) if each.is_honest]
    lies = [s for s, each in zip(scores, written, strict=True) if not each.is_honest]
    print(f"AUC {auc(honest, lies):.3f}")
    for label in (True, False):
        count = Counter(v for v, each in zip(verdicts, written, strict=True) if each.is_honest == label)
        total = sum(count.values())
        print("honest" if label else "lies  ", total, {k: f"{v} ({v / total:.0%})" for k, v in count.items()})
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict, each in zip(verdicts, written, strict=True):
        kinds[("honest " if each.is_honest else "lie ") + each.kind][verdict] += 1
    for kind, count in sorted(kinds.items()):
        print(f"  {kind:34}", dict(count))


def main() -> None:
    """Measure, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    if options.test:
        test()
        return
    fitted = measure(with_strays(list(read(HERE / "sentences.jsonl"))))
    print(json.dumps(fitted, indent=1))
    if options.write:
        path = ROOT / "assistant" / "grounding_weights.json"
        path.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")


def test() -> None:
    """The whole check on sentences that nothing was fitted on: caught is what is cut, or cited rightly instead."""
    caught = Counter[str]()
    for each in read(HERE / "held_out.jsonl"):
        found = grounding(each).check(each.sentence)
        mended = each.right is not None and found.evidence == (each.right,)
        is_cut = found.support == "unsupported"
        if each.is_honest:
            caught["honest, cut"] += is_cut
            if is_cut:
                print(f"honest, cut: {each.id} {found.probability:.2f} {found.problem}: {each.sentence.words}")
        else:
            outcome = (
                "cut"
                if is_cut
                else "cited rightly"
                if mended
                else "marked weak"
                if found.support == "weak"
                else "shown"
            )
            caught[f"lie, {outcome}"] += 1
            print(f"{outcome:14} {found.probability:.2f}  {each.kind}")
    print(dict(caught))


if __name__ == "__main__":
    main()
