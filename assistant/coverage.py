"""Question and what was found -> how likely the notes answer it, and what to say if they do not.

One small logistic model with a score for each of four cases: the notes answer, the question is about
a heading with nothing under it, about something near that the notes leave out, or about another
subject. How likely the first is, is the coverage. The weights are fitted over notes on several
subjects; `python tests/bench/coverage/fit.py` writes them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from assistant.answer import Outcome
from index.search import Found, either, weighted

# Of the questions with a coverage from 0.4 to 0.5 half are answered by the notes and others in part, and what is shown
# is a quotation with its place: a reader sees at once if it is beside the point. Nearly nine of ten questions that the
# notes answer are then answered; tests/bench/coverage/fit.py prints what that costs.
ANSWER = 0.4
SURE = 0.75  # below it, an answer says which name of the question the notes do not have
UNFINISHED = 0.5

CASES = ("answerable", "empty_section", "not_in_notes", "out_of_domain")

COMMON = ("found", "margin", "near", "cover", "cover_anywhere")  # what every case but the last is judged by
HEADINGS = ("headings", "over_written", "named")  # what an unfinished heading is judged by as well
LONE_MARGIN = 3.0  # of the only section that was found

Fitted = Mapping[str, Mapping[str, float]]  # case -> name of a feature, or "bias" -> weight

# A flag; a word with a digit or a joint inside; one in capitals, or with a capital that no sentence gives it.
_NAME = re.compile(
    r"(?<![\w-])--?[A-Za-z][\w-]*"
    r"|\b(?=\w*[./_\d]\w)(?=\w*[A-Za-z])[\w./-]{3,}"
    r"|\b[A-Z]{2,}[\w-]*\b|(?<=[a-z,] )[A-Z]\w{2,}"
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """`probability` that the notes answer; `unfinished` that an unfinished heading is meant, if they do not."""

    probability: float
    unfinished: float


@cache
def weights() -> Fitted:
    """The fitted model, as tests/bench/coverage/fit.py wrote it."""
    loaded: Fitted = json.loads(files("assistant").joinpath("coverage_weights.json").read_text(encoding="utf-8"))
    return loaded


def features(found: Found) -> dict[str, float]:
    """What the model looks at; all of it is on the same scale for notes on any subject.

    Raises ValueError if nothing was found.
    """
    if not found.sections:
        raise ValueError("nothing was found")
    best, *others = found.sections
    everywhere = np.max([hit.covered for hit in found.hits], axis=0)
    values = {
        "found": either(hit.score for hit in found.hits),
        "margin": best.score - others[0].score if others else LONE_MARGIN,
        "near": max(hit.dense for hit in found.hits),
        "cover": best.cover,
        "cover_anywhere": float(weighted(everywhere[:, None], found.question.rarity)[0]),
    }
    if found.unfinished:
        headings = [heading.score for heading in found.unfinished]
        values["headings"] = either(headings) - math.log(len(headings))  # how many there are says nothing
        values["over_written"] = max(headings) - (found.written.score if found.written else 0.0)
        values["named"] = max(heading.named for heading in found.unfinished)
    return values


def coverage(found: Found, fitted: Fitted | None = None) -> Coverage:
    """How likely the notes answer the question, calibrated: see the module."""
    if not found.sections:  # headings alone
        return Coverage(0.0, max((heading.path for heading in found.unfinished), default=0.0))
    likely = probabilities(features(found), fitted or weights())
    refused = 1 - likely["answerable"]
    return Coverage(likely["answerable"], likely["empty_section"] / refused if refused else 0.0)


def probabilities(values: Mapping[str, float], fitted: Fitted) -> dict[str, float]:
    """How likely each case is; nothing is about an unfinished heading where there is none."""
    cases = [case for case in CASES if case != "empty_section" or "headings" in values]
    odds = {case: sum(weight * values.get(name, 1.0) for name, weight in fitted[case].items()) for case in cases}
    most = max(odds.values())
    shares = {case: math.exp(value - most) for case, value in odds.items()}
    return {case: shares.get(case, 0.0) / sum(shares.values()) for case in CASES}


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def outcome_of(found: Found, likely: Coverage, known: Callable[[str], bool]) -> Outcome:
    """What to say: answered, partial (a name in the question is nowhere in the notes), or why not.

    `known` says whether a word stands anywhere in the notes.
    """
    if likely.probability < ANSWER:
        return "unfinished" if found.unfinished and likely.unfinished >= UNFINISHED else "not_covered"
    if found.sections[0].hits[0].passage.incomplete and likely.unfinished >= UNFINISHED:
        return "unfinished"
    return "partial" if likely.probability < SURE and missing_names(found, known) else "answered"


def missing_names(found: Found, known: Callable[[str], bool]) -> list[str]:
    """What the question names and the notes never do: flags, file names, words in capitals or with a capital inside.

    Ordinary words do not count: notes and learners have many words for the same thing.
    """
    asked = found.question.text.split("\n")[0]  # below it is what was piped in: a log has names without end
    names = [match[0].strip(".") for match in _NAME.finditer(asked)]
    return [name for name in dict.fromkeys(names) if name and not known(name)][:2]
