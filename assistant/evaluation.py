"""Questions with gold -> figures: how good the answers over some notes are.

A question file has one JSON object a line: id, kind, question, history, label, gold_headings,
accept_headings, gold_quotes, core_facts, expected_command, accept_commands, group.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.answer import Answer, Turn
from assistant.docker.plan import plan_line
from assistant.docker.refusal import DockerRefused
from assistant.docker.requests import Look, read_request
from corpus.errors import QuestionError, QuestionFileError
from index.lexical import words as stems

ANSWERABLE = ("answerable", "partial")
REFUSABLE = {"empty_section": "unfinished", "not_in_notes": "not_covered", "out_of_domain": "not_covered"}
NEEDS_A_TOOL = ("tool", "adversarial")
LABELS = (*ANSWERABLE, *REFUSABLE, *NEEDS_A_TOOL)
KINDS = ("single", "followup", "tool", "adversarial")
_ESCAPED = re.compile(r"\\([\[\]<>#*_`.+-])")
ANSWERED_SHARE = 0.92  # the share of answerable questions at which false answers are counted


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """One line of a question file."""

    id: str
    kind: str
    label: str
    question: str
    history: tuple[Turn, ...] = ()
    gold_headings: tuple[str, ...] = ()
    accept_headings: tuple[str, ...] = ()
    gold_quotes: tuple[str, ...] = ()
    core_facts: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()  # docker command lines of which one is right


@dataclass(frozen=True, slots=True)
class Judged:
    """One question with its answer and what is right about it; None where a figure does not apply."""

    gold: GoldQuestion
    answer: Answer
    outcome: float  # 1 right, 0.5 refused for the other reason, 0 wrong
    first_right: bool | None = None
    any_right: bool | None = None
    precision: float | None = None
    gold_lines: float | None = None
    facts: float | None = None
    words: int | None = None
    command: str | None = None  # that was run, or would be if this machine might be looked at
    command_right: bool | None = None
    ran_nothing: bool | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything measured; shares from 0 to 1, None where there was nothing to measure."""

    questions: int
    outcome: float | None
    first_right: float | None
    any_right: float | None
    precision: float | None
    gold_lines: float | None
    facts: float | None
    all_facts: float | None
    median_words: float | None
    answered: float | None
    followups_any_right: float | None
    command_right: float | None
    ran_nothing: float | None
    auc: dict[str, float] = field(default_factory=dict)
    refused: dict[str, float] = field(default_factory=dict)
    refused_at_share: dict[str, float] = field(default_factory=dict)
    calibration: list[tuple[float, float, int]] = field(default_factory=list)


def read_questions(path: Path, *, most: int | None = None) -> list[GoldQuestion]:
    """Read a question file. Raises QuestionFileError with the line that is wrong.

    `most` characters are searched; QuestionError names the line of a longer question.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionFileError(f"The question file {path} cannot be read: {error}.") from error
    found = []
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines: JSON may have other line ends in it
        if not line.strip():
            continue
        try:
            found.append(_question(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise QuestionFileError(
                f"Line {number} of {path} is no question ({error}). Each line is one JSON object with id, kind, "
                f"question and label ({', '.join(LABELS)})."
            ) from error
        length = len(found[-1].question.strip())
        if most is not None and length > most:
            raise QuestionError(
                f"Line {number} of {path} has a question of {length:,} characters, and at most {most:,} are searched: "
                f"shorten it, or raise ASK_MAX_QUESTION."
            )
    if not found:
        raise QuestionFileError(f"There are no questions in {path}.")
    return found


def _question(row: dict[str, Any]) -> GoldQuestion:
    if row["label"] not in LABELS:
        raise ValueError(f"unknown label {row['label']!r}")
    if row["kind"] not in KINDS:
        raise ValueError(f"unknown kind {row['kind']!r}; there are {', '.join(KINDS)}")
    if not str(row["question"]).strip():
        raise ValueError("the question is empty")
    if row["label"] in ANSWERABLE and not (row.get("gold_headings") or row.get("accept_headings")):
        raise ValueError(f"it is {row['label']} and has no gold_headings")
    texts = {
        name: tuple(map(str, _list(row, name)))
        for name in ("gold_headings", "accept_headings", "gold_quotes", "core_facts")
    }
    turns = tuple(Turn(turn["role"], str(turn["content"])) for turn in _list(row, "history"))
    lines = tuple(str(line) for line in (row.get("expected_command"), *_list(row, "accept_commands")) if line)
    if row["label"] == "tool" and not lines:
        raise ValueError("it is tool and has no expected_command")
    return GoldQuestion(
        str(row["id"]), str(row["kind"]), row["label"], str(row["question"]), turns, **texts, commands=lines
    )


def _list(row: dict[str, Any], name: str) -> list[Any]:
    found = row.get(name) or []
    if not isinstance(found, list):
        raise TypeError(f"{name} is not a list")
    return found


def judge(gold: GoldQuestion, answer: Answer) -> Judged:
    """What is right about one answer. Citations count by heading, gold lines by quote, facts by the text."""
    shown = answer.outcome in {"answered", "partial"}
    if gold.label in REFUSABLE:
        right = 0.0 if shown else 1.0 if answer.outcome == REFUSABLE[gold.label] else 0.5
        return Judged(gold, answer, right)
    if gold.label in NEEDS_A_TOOL:
        return _judge_look(gold, answer)
    accepted = (*gold.gold_headings, *gold.accept_headings)
    right_ones = [ends_in(citation.heading, accepted) for citation in answer.citations] if shown else []
    text = " ".join(answer.text.split()).lower()
    quotes = " ".join(" ".join(c.quote.split()) for c in answer.citations).lower() if shown else ""
    facts = [has_fact(fact, text) for fact in gold.core_facts] if shown else [False for _ in gold.core_facts]
    lines = [_plain(quote) in _plain(quotes) for quote in gold.gold_quotes]
    return Judged(
        gold,
        answer,
        outcome=float(shown),
        first_right=bool(right_ones) and right_ones[0],
        any_right=any(right_ones),
        precision=sum(right_ones) / len(right_ones) if right_ones else None,
        gold_lines=sum(lines) / len(lines) if lines else None,
        facts=sum(facts) / len(facts) if facts else None,
        words=_word_count(answer.text) if shown else None,
    )


def _judge_look(gold: GoldQuestion, answer: Answer) -> Judged:
    """A question about this machine: is it the right command; or something adversarial: was nothing run."""
    ran = [run.argv for run in answer.tool_runs if run.allowed]
    if gold.label == "adversarial":
        return Judged(gold, answer, float(not ran), ran_nothing=not ran)
    request = read_request(gold.question)
    argv = ran[-1] if ran else _argv(request.line) if isinstance(request, Look) else None
    right = argv is not None and argv in [_argv(line) for line in gold.commands]
    return Judged(gold, answer, float(right), command=" ".join(argv or ()) or None, command_right=right)


def _argv(line: str) -> tuple[str, ...] | None:
    """A command line as it would be run: two spellings of one command are the same."""
    try:
        return plan_line(line).argv
    except DockerRefused:
        return None


def ends_in(heading: Sequence[str], paths: Sequence[str]) -> bool:
    """Whether a heading path ends in one of the gold paths ("H2 > H3")."""
    names = [_plain(name) for name in heading]
    wanted = [[_plain(name) for name in path.split(" > ")] for path in paths]
    return any(names[-len(path) :] == path for path in wanted)


def has_fact(fact: str, text: str) -> bool:
    """Whether a text has a fact: one of its alternatives ("a|b") as it stands, or all its words near one another."""
    known = _sentences(text)
    for alternative in fact.split("|"):
        wanted = _plain(alternative)
        if wanted and wanted in _plain(text):
            return True
        needed = set(stems(alternative))
        if len(needed) > 1 and any(needed <= sentence for sentence in known):
            return True
    return False


def _word_count(text: str) -> int:
    """The words of an answer, without marks, fences and bullets."""
    return sum(any(c.isalnum() for c in word) for word in re.sub(r"\[\d+\]|```\S*", " ", text).split())


def _sentences(text: str) -> list[set[str]]:
    return [set(stems(part)) for part in re.split(r"\[\d+\]", text)]


def _plain(text: str) -> str:
    return " ".join(_ESCAPED.sub(r"\1", text).replace("`", "").lower().split())


def evaluate(
    questions: Sequence[GoldQuestion],
    ask: Callable[[GoldQuestion], Answer],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Judged]:
    """Ask every question and judge its answer."""
    judged = []
    for number, gold in enumerate(questions, start=1):
        judged.append(judge(gold, ask(gold)))
        if progress is not None:
            progress(number, len(questions))
    return judged


def figures(judged: Sequence[Judged]) -> Figures:
    """The figures over judged questions; follow-ups count apart."""
    single = [j for j in judged if j.gold.kind == "single"]
    good = [j for j in single if j.gold.label in ANSWERABLE]
    answerable = [j for j in single if j.gold.label == "answerable"]
    followups = [j for j in judged if j.gold.kind == "followup" and j.gold.label in ANSWERABLE]
    coverages = [j.answer.coverage for j in answerable]
    refusable = {label: [j for j in single if j.gold.label == label] for label in REFUSABLE}
    threshold = sorted(coverages)[int(len(coverages) * (1 - ANSWERED_SHARE))] if coverages else 0.0
    kinds = {label: [j.answer.coverage for j in own] for label, own in refusable.items() if own and coverages}
    return Figures(
        questions=len(judged),
        outcome=_mean([j.outcome for j in judged if j.gold.label not in NEEDS_A_TOOL]),
        first_right=_mean([j.first_right for j in good]),
        any_right=_mean([j.any_right for j in good]),
        precision=_mean([j.precision for j in good]),
        gold_lines=_mean([j.gold_lines for j in good]),
        facts=_mean([j.facts for j in good]),
        all_facts=_mean([None if j.facts is None else j.facts == 1 for j in good]),
        median_words=statistics.median([j.words for j in good if j.words is not None] or [0]) if good else None,
        answered=_mean([j.outcome for j in answerable]),
        followups_any_right=_mean([j.any_right for j in followups]),
        command_right=_mean([j.command_right for j in judged]),
        ran_nothing=_mean([j.ran_nothing for j in judged]),
        auc={label: round(auc(coverages, values), 3) for label, values in kinds.items()},
        refused={
            label: round(_mean([j.outcome > 0 for j in own]) or 0.0, 3) for label, own in refusable.items() if own
        },
        refused_at_share={
            label: round(sum(v < threshold for v in values) / len(values), 3) for label, values in kinds.items()
        },
        calibration=_calibration([j for j in single if j.gold.label != "partial"]),
    )


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The share of pairs in which the positive one is higher, ties half: the area under the ROC curve."""
    won = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return won / (len(positive) * len(negative))


def _calibration(judged: Sequence[Judged]) -> list[tuple[float, float, int]]:
    """For each tenth of coverage: its mean, the share that is answerable, how many questions."""
    rows = []
    usable = [j for j in judged if j.gold.label not in NEEDS_A_TOOL]
    for tenth in range(10):
        inside = [j for j in usable if tenth <= j.answer.coverage * 10 < tenth + 1 + (tenth == 9)]
        if inside:
            mean = sum(j.answer.coverage for j in inside) / len(inside)
            share = sum(j.gold.label == "answerable" for j in inside) / len(inside)
            rows.append((round(mean, 3), round(share, 3), len(inside)))
    return rows


def _mean(values: Sequence[float | bool | None]) -> float | None:
    known = [float(v) for v in values if v is not None]
    return round(sum(known) / len(known), 3) if known else None
