"""Question -> Answer: find, decide, answer. The whole flow on one page.

assistant = open_assistant(Path("notes"))
answer = assistant.ask("How do I expose a port?")
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.answer import NOT_IN_THE_NOTES, QUOTES, Answer, Citation, Claim, Outcome, Timings, Turn
from assistant.conversation import standalone_question
from assistant.coverage import Coverage, coverage, missing_names, outcome_of
from assistant.evidence import nearest_sections, select
from assistant.quoting import cite, cite_heading, folder_url, gap_sentence, quoted, shown_commands, unfinished_sentence
from assistant.settings import Settings, load_settings
from corpus.errors import QuestionError
from index.build import BuildReport, Progress, build_index
from index.embedding import Encoder, load_encoder
from index.generation import Index, open_index
from index.location import ask_home, index_folder
from index.search import Found, search

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable


def packaged_course() -> Path:
    """The folder of the notes that come with the package."""
    return Path(str(files("corpus"))) / "course"


def open_assistant(
    notes: Path | None = None, *, settings: Settings | None = None, progress: Progress | None = None
) -> Assistant:
    """Build or update the index of the notes if need be, and open it. Raises AskError."""
    settings = settings or load_settings()
    notes = notes or settings.notes or packaged_course()
    update_index(notes, settings=settings, progress=progress)
    index = open_index(index_folder(notes, ask_home()), encoder_name=settings.encoder)
    return Assistant(index, load_encoder(settings.encoder, ask_home()), settings)


def update_index(
    notes: Path, *, settings: Settings, progress: Progress | None = None, rebuild: bool = False
) -> BuildReport:
    """Bring the index of the notes up to date; unchanged notes cost a few milliseconds. Raises AskError."""
    return build_index(
        notes,
        index_folder(notes, ask_home()),
        encoder_name=settings.encoder,
        store=settings.store,
        progress=progress,
        rebuild=rebuild,
        wait_seconds=settings.wait_seconds,
    )


def checked_question(question: str, settings: Settings) -> str:
    """The question without space around it. Raises QuestionError if it is empty or too long."""
    question = question.strip()
    if not question:
        raise QuestionError('The question is empty. Ask something, for instance: ask "How do I expose a port?"')
    if len(question) > settings.max_question:
        raise QuestionError(
            f"The question has {len(question):,} characters; at most {settings.max_question:,} are searched. "
            "Ask a shorter one."
        )
    return question


@dataclass(frozen=True, slots=True)
class Assistant:
    """An index and an encoder, ready to answer. It may be asked from several threads at once."""

    index: Index
    encoder: Encoder
    settings: Settings

    def ask(self, question: str, *, history: Sequence[Turn] = ()) -> Answer:
        """Answer a question from the notes alone. Raises QuestionError if it is empty or too long."""
        started = time.perf_counter()
        standalone = standalone_question(checked_question(question, self.settings), history)
        found = search(standalone, self.index, self.encoder)
        searched = time.perf_counter()
        likely = coverage(found)
        outcome = outcome_of(found, likely, self.index.has_word)
        if outcome in {"answered", "partial"}:
            answer = self._quoting(found, outcome)
        elif outcome == "unfinished":
            answer = self._unfinished(found)
        else:
            answer = self._not_covered(found)
        ended = time.perf_counter()
        timings = Timings(_ms(searched - started), _ms(ended - searched), _ms(ended - started))
        return replace(
            answer,
            id=_answer_id(question, standalone, answer),
            question=question,
            standalone_question=standalone,
            coverage=round(likely.probability, 3),
            timings=timings,
        )

    def find(self, question: str) -> tuple[Found, Coverage]:
        """What a question finds, without an answer. Raises QuestionError."""
        found = search(checked_question(question, self.settings), self.index, self.encoder)
        return found, coverage(found)

    def citation(self, number: int, passage_number: int) -> Citation:
        """The citation of one passage of the index."""
        return cite(number, self.index.passages[passage_number], self.base_url)

    @property
    def base_url(self) -> str:
        """Where the notes can be opened."""
        return self.settings.base_url or folder_url(Path(self.index.manifest.root))

    def as_runnable(self) -> Runnable[str, Answer]:
        """The same as a LangChain Runnable: question in, Answer out."""
        from langchain_core.runnables import RunnableLambda

        return RunnableLambda(self.ask)

    def _quoting(self, found: Found, outcome: Outcome) -> Answer:
        evidence = select(found, self.index)
        text, claims, citations = quoted(evidence, self.base_url)
        if outcome == "partial":
            sentence = gap_sentence(missing_names(found, self.index.has_word))
            text, claims = f"{text}\n\n{sentence}", [*claims, Claim(sentence, (), "supported")]
        commands = tuple(shown_commands(evidence))
        return _answer(outcome, text, claims=tuple(claims), citations=tuple(citations), commands=commands)

    def _unfinished(self, found: Found) -> Answer:
        heading = found.unfinished[0].outline
        sentence = unfinished_sentence(heading)
        root = Path(self.index.manifest.root)
        return _answer(
            "unfinished",
            f"{sentence} [1]",
            claims=(Claim(sentence, (1,), "supported"),),
            citations=(cite_heading(1, heading, self.base_url, root),),
            nearest=self._nearest(found),
        )

    def _not_covered(self, found: Found) -> Answer:
        claim = Claim(NOT_IN_THE_NOTES, (), "supported")
        return _answer("not_covered", NOT_IN_THE_NOTES, claims=(claim,), nearest=self._nearest(found))

    def _nearest(self, found: Found) -> tuple[Citation, ...]:
        return tuple(cite(n, hit.passage, self.base_url) for n, hit in enumerate(nearest_sections(found), start=1))


def _answer(outcome: Outcome, text: str, **parts: Any) -> Answer:
    return Answer(id="", question="", standalone_question="", outcome=outcome, text=text, model=QUOTES, **parts)


def _answer_id(question: str, standalone: str, answer: Answer) -> str:
    """From content: the same question over the same notes has the same id."""
    revisions = "".join(sorted({c.revision for c in answer.citations + answer.nearest}))
    parts = (question, standalone, answer.model, answer.outcome, answer.text, revisions)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
