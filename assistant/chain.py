"""Question -> Answer: find, decide, answer, ground. The whole flow on one page.

assistant = open_assistant(Path("notes"))
answer = assistant.ask("How do I expose a port?")
"""

from __future__ import annotations

import hashlib
import shlex
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.answer import NOT_IN_THE_NOTES, QUOTES, Answer, Citation, Claim, Event, Outcome, Timings, Turn
from assistant.conversation import rewritten_question, standalone_question
from assistant.coverage import SURE, Coverage, coverage, missing_names, outcome_of
from assistant.docker.order import may_be_an_order
from assistant.evidence import Evidence, nearest_sections, select
from assistant.quoting import cite, cite_heading, folder_url, gap_sentence, quoted, shown_commands, unfinished_sentence
from assistant.settings import Settings, load_settings
from corpus.errors import ModelFailed, QuestionError
from index.build import BuildReport, Progress, build_index
from index.embedding import Encoder, load_encoder
from index.generation import Index, open_index
from index.location import ask_home, index_folder
from index.search import Found, search

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import Runnable

    from assistant.docker.requests import Change, Look
    from assistant.docker.tool import DockerTool
    from assistant.machine import NotesOn
    from assistant.models import Model


def packaged_course() -> Path:
    """The folder of the notes that come with the package."""
    return Path(str(files("corpus"))) / "course"


def open_assistant(
    notes: Path | None = None,
    *,
    settings: Settings | None = None,
    chat: BaseChatModel | None = None,
    docker: DockerTool | None = None,
    progress: Progress | None = None,
    is_shared: bool = False,
) -> Assistant:
    """Build or update the index of the notes if need be, and open it; with a chat model, if the settings name one.

    `chat` is a model of your own, any of LangChain's; `docker` a tool of your own that looks at this machine, instead
    of the one that the settings allow; `is_shared` is for servers, where many ask at once. Raises AskError.
    """
    settings = settings or load_settings()
    model = _model(chat, settings)
    docker = docker or _docker(settings)
    notes = notes or settings.notes or packaged_course()
    update_index(notes, settings=settings, progress=progress)
    index = open_index(index_folder(notes, ask_home()), encoder_name=settings.encoder)
    encoder = load_encoder(settings.encoder, ask_home(), is_shared=is_shared)
    index.check_encoder(encoder)
    return Assistant(index, encoder, settings, model, docker)


def _model(chat: BaseChatModel | None, settings: Settings) -> Model | None:
    if chat is None and settings.model is None:
        return None
    from assistant.models import load_model, own_model  # no question without a model pays for it

    return own_model(chat, settings) if chat is not None else load_model(settings.model or "", settings)


def _docker(settings: Settings) -> DockerTool | None:
    if settings.docker == "off":
        return None
    from assistant.docker.tool import DockerTool, allowed_tiers, audit_log

    return DockerTool(allowed_tiers(settings.docker), settings.docker_host, audit=audit_log(ask_home()))


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
    model: Model | None = None
    docker: DockerTool | None = None

    def ask(self, question: str, *, history: Sequence[Turn] = (), output: str = "") -> Answer:
        """Answer a question; `output` is what a program has printed, to be explained. Raises QuestionError."""
        *_, done = self.stream(question, history=history, output=output)
        assert done.answer is not None  # noqa: S101  # it always ends so
        return done.answer

    def stream(self, question: str, *, history: Sequence[Turn] = (), output: str = "") -> Generator[Event, None, None]:
        """The same while it happens: each sentence once it is checked, the whole answer last. Raises QuestionError."""
        started = time.perf_counter()
        as_asked = f"{question}\n{output}" if output.strip() else question
        asked = checked_question(as_asked, self.settings)
        yield Event("status", status="searching")
        request = None if output.strip() else self._request(question)
        if running := self._running(request):
            yield Event("status", status=running)
        answer = self._about_this_machine(question, request, output)
        if answer is not None:
            yield from at_once(answer)
            took = _ms(time.perf_counter() - started)
            yield Event("done", answer=_identified(replace(answer, timings=Timings(0.0, took, took)), as_asked, asked))
            return
        standalone = rewritten_question(asked, history, self.model)
        found = search(standalone, self.index, self.encoder)
        searched = time.perf_counter()
        likely = coverage(found)
        outcome = outcome_of(found, likely, self.index.has_word)
        if outcome in {"answered", "partial"} and self.model is not None:
            answer = yield from self._reworded(found, likely, outcome, self.model)
        elif outcome in {"answered", "partial"}:
            answer = yield from at_once(self._quoting(found, outcome))
        elif outcome == "unfinished":
            answer = yield from at_once(self._unfinished(found))
        else:
            answer = yield from at_once(self._not_covered(found))
        ended = time.perf_counter()
        timings = Timings(_ms(searched - started), _ms(ended - searched), _ms(ended - started))
        answer = replace(answer, coverage=round(likely.probability, 3), timings=timings)
        yield Event("done", answer=_identified(answer, as_asked, standalone))

    def _request(self, question: str) -> Look | Change | None:
        """What a question wants of this machine; where nothing may look at it, only an order is told from all else."""
        if self.docker is None and not may_be_an_order(question):
            return None
        from assistant.docker.requests import read_request  # no question about the notes pays for it

        return read_request(question)

    def _running(self, request: Look | Change | None) -> str | None:
        """What is about to be run, to be shown before it is."""
        if self.docker is None or request is None:
            return None
        from assistant.docker.plan import plan_line
        from assistant.docker.refusal import DockerRefused
        from assistant.docker.requests import Look

        if not isinstance(request, Look):
            return None
        try:
            return f"Running {shlex.join(plan_line(request.line).argv)}"
        except DockerRefused:
            return None

    def _about_this_machine(self, question: str, request: Look | Change | None, output: str) -> Answer | None:
        """The answer to what asks to look at this machine, or to change it; None for all other questions."""
        if self.docker is None and request is None and not output.strip():
            return None  # most questions are about the notes, and do not pay for what follows
        from assistant import machine
        from assistant.docker.requests import Change, Look, may_be_a_look

        if output.strip():
            return machine.explained(output, self._notes_on())
        if isinstance(request, Change) and (request.is_plain or self.docker is not None):
            return machine.changed(request, self._notes_on())
        if self.docker is None or not self.docker.tiers:
            return None
        if isinstance(request, Look):
            return machine.looked(question, request, self.docker, self._notes_on())
        if self.model is not None and may_be_a_look(question):
            return machine.chosen(question, self.model, self.docker, self._notes_on())
        return None

    def _notes_on(self) -> NotesOn:
        from assistant.machine import NotesOn

        def find(question: str) -> tuple[Sequence[Evidence], float]:
            found = search(question, self.index, self.encoder)
            likely = coverage(found)
            is_answered = outcome_of(found, likely, self.index.has_word) in {"answered", "partial"}
            return (select(found, self.index), likely.probability) if is_answered else ((), 0.0)

        return NotesOn(find, self.base_url)

    def find(self, question: str, *, history: Sequence[Turn] = ()) -> tuple[Found, Coverage]:
        """What a question finds, without an answer. Raises QuestionError."""
        asked = standalone_question(checked_question(question, self.settings), history)
        found = search(asked, self.index, self.encoder)
        return found, coverage(found)

    def citation(self, number: int, passage_number: int) -> Citation:
        """The citation of one passage of the index."""
        return cite(number, self.index.passages[passage_number], self.base_url)

    @property
    def base_url(self) -> str:
        """Where the notes can be opened."""
        return self.settings.base_url or folder_url(Path(self.index.manifest.root))

    def as_runnable(self) -> Runnable[Any, Answer]:
        """The same as a LangChain Runnable: a question in, or one with its history; an Answer out."""
        from assistant.runnable import AnswerRunnable

        return AnswerRunnable(self)

    def _quoting(self, found: Found, outcome: Outcome) -> Answer:
        evidence = select(found, self.index)
        text, claims, citations = quoted(evidence, self.base_url)
        if outcome == "partial":
            sentence = self._gap(found)
            text, claims = f"{text}\n\n{sentence}", [*claims, Claim(sentence, (), "supported")]
        commands = tuple(shown_commands(evidence))
        return _answer(outcome, text, claims=tuple(claims), citations=tuple(citations), commands=commands)

    def _reworded(
        self, found: Found, likely: Coverage, outcome: Outcome, model: Model
    ) -> Generator[Event, None, Answer]:
        """The model's sentences, as far as the evidence says them; it may also say that there is no answer in it."""
        from assistant.grounding import Grounding  # and no question without a model pays for these
        from assistant.prompts import answer_messages
        from assistant.replies import Reply
        from assistant.rewording import Reworded

        yield Event("status", status="writing")
        evidence = select(found, self.index)
        text = Reworded(evidence, Grounding(evidence, self.encoder, self.index.lexical.idf), self.base_url)
        reply = Reply(model.reply(answer_messages(found.question.text, evidence, structured=model.is_structured)))
        problem = None
        try:
            with closing(iter(reply)) as sentences:
                for sentence in sentences:
                    yield from text.add(sentence)
                    if text.has_heard_enough:
                        break
        except ModelFailed as error:
            problem = str(error)
        if reply.declined and not text.kept:
            if likely.probability < SURE:
                return (yield from at_once(replace(self._not_covered(found), model=model.name)))
            problem = f"The model {model.name} found no answer in these passages."
        yield from text.complete(failed=problem is not None)
        if outcome == "partial":
            yield text.say(self._gap(found))
        return _answer(
            outcome,
            text.text,
            claims=tuple(text.claims),
            citations=tuple(text.citations),
            commands=tuple(text.commands),
            model=model.name if text.kept else QUOTES,
            notice=text.notice(problem, model.name),
        )

    def _gap(self, found: Found) -> str:
        return gap_sentence(missing_names(found, self.index.has_word))

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
    return Answer(id="", question="", standalone_question="", outcome=outcome, text=text, **parts)


def _identified(answer: Answer, question: str, standalone: str) -> Answer:
    return replace(
        answer,
        id=_answer_id(question, standalone, answer),
        question=question,
        standalone_question=standalone,
    )


def at_once(answer: Answer) -> Generator[Event, None, Answer]:
    """The events of an answer that is there in one piece."""
    for citation in answer.citations:
        yield Event("citation", citation=citation)
    yield Event("delta", text=answer.text)
    return answer


def _answer_id(question: str, standalone: str, answer: Answer) -> str:
    """From content: the same question over the same notes has the same id."""
    revisions = "".join(sorted({c.revision for c in answer.citations + answer.nearest}))
    parts = (question, standalone, answer.model, answer.outcome, answer.text, revisions)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
