"""The tools for others: what they ask is limited, counted and kept as what comes to /v1/ask."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request

from assistant.answer import Answer, Citation
from assistant.chain import Assistant
from corpus.errors import AskError
from ui.addresses import note_url
from ui.api.asking import begin, checked_length, whole
from ui.api.callers import Caller, spend, windows
from ui.api.problems import Problem
from ui.api.state import Shared, opened_notes
from ui.mcp_server import Backend, Call
from ui.notes_text import NotesText
from ui.service import Opened


class ServedBackend(Backend):
    """The notes of the service, newest first; each call of a tool is a question of whoever has sent it.

    A limit that is met is an error of the tool and not of HTTP: clients show the model no body of a 429, and a model
    that reads how long to wait does not try again at once.
    """

    def __init__(self, here: Shared) -> None:
        super().__init__(self._assistant, self._text)
        self._here = here

    async def admit(self, call: Call, text: str) -> None:
        """Count it among the questions of its caller."""
        checked_length(text)
        self._opened()  # what cannot be answered yet costs no turn
        who = _caller(call)
        try:
            spend(self._here, "ask", who, windows(who, self._here.settings))
        except Problem as problem:
            _request(call).state.outcome = "limited"
            raise AskError(problem.detail) from problem

    async def ask(self, call: Call, question: str) -> Answer:
        """Answer as /v1/ask does."""
        try:
            state = _request(call).state
            return await whole(begin(self._here, self.assistant(), question, [], _caller(call), state))
        except Problem as problem:  # too many at once, or it took too long
            raise AskError(problem.detail) from problem

    def led(self, citation: Citation) -> Citation:
        """To the note's page here, unless the notes are on the web elsewhere."""
        here = self._here
        return replace(citation, url=note_url(here.public_url, citation)) if here.leads_here else citation

    def _opened(self) -> Opened:
        try:
            return opened_notes(self._here)
        except Problem as problem:
            raise AskError(problem.detail) from problem

    def _assistant(self) -> Assistant:
        return self._opened().assistant

    def _text(self) -> NotesText:
        return self._opened().text


def _request(call: Call) -> Request:
    request = call.request_context.request
    assert isinstance(request, Request)  # noqa: S101  # over HTTP there is one
    return request


def _caller(call: Call) -> Caller:
    who = _request(call).state.who
    assert isinstance(who, Caller)  # noqa: S101  # the route puts it there
    return who
