"""The assistant as a LangChain Runnable: invoke, ainvoke, stream, batch; callbacks and tracing pass through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig

from assistant.answer import Answer, Turn
from corpus.errors import QuestionError

if TYPE_CHECKING:
    from assistant.chain import Assistant

Input = str | Mapping[str, Any]
ROLES = ("user", "assistant")
TAKES = (
    'Ask with a question, or {"question": ..., "history": [{"role": ..., "content": ...}, ...]}: all of it text, '
    "the roles user and assistant."
)


class AnswerRunnable(Runnable[Input, Answer]):
    """Takes a question, or `{"question": ..., "history": [{"role": ..., "content": ...}, ...]}`.

    `stream` yields the answer as it grows, each with the text and citations so far; the last one is whole.
    """

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:  # noqa: A002  # as LangChain names it
        """The whole answer. Raises AskError."""
        del kwargs
        return self._call_with_config(self._ask, input, config)

    def stream(
        self,
        input: Input,  # noqa: A002  # as LangChain names it
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[Answer]:
        """The answer as it grows. Raises AskError."""
        del kwargs
        yield from self._transform_stream_with_config(iter([input]), self._grow, config)

    def _ask(self, value: Input) -> Answer:
        question, history = _asked(value)
        return self._assistant.ask(question, history=history)

    def _grow(self, values: Iterator[Input]) -> Iterator[Answer]:
        for question, history in map(_asked, values):
            so_far = Answer("", question, question, "answered", "")
            for event in self._assistant.stream(question, history=history):
                if event.citation is not None:
                    so_far = replace(so_far, citations=(*so_far.citations, event.citation))
                elif event.text is not None:
                    so_far = replace(so_far, text=so_far.text + event.text)
                    yield so_far
                elif event.answer is not None:
                    yield event.answer


def _asked(value: Input) -> tuple[str, Sequence[Turn]]:
    given: Mapping[str, Any] = {"question": value} if isinstance(value, str) else value
    try:
        question, history = given["question"], given.get("history", ())
        turns = [turn if isinstance(turn, Turn) else Turn(turn["role"], turn["content"]) for turn in history]
    except (KeyError, TypeError, AttributeError) as error:
        raise QuestionError(TAKES) from error
    texts = [question, *(turn.content for turn in turns)]
    if not all(isinstance(text, str) for text in texts) or any(turn.role not in ROLES for turn in turns):
        raise QuestionError(TAKES)
    return question, turns
