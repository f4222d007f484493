"""Answer: the one contract of all surfaces. `to_json` is what the CLI, the HTTP API and MCP send."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA = 1
QUOTES = "quotes"  # the model of an answer that no model wrote
NOT_IN_THE_NOTES = "The notes do not say."

Outcome = Literal["answered", "partial", "unfinished", "not_covered", "tool", "refused"]
Support = Literal["verbatim", "supported", "weak", "unsupported"]
CommandSeverity = Literal["error", "warn", "placeholder", "variable", "mention"]
CommandStatus = Literal["in_notes", "valid", "invalid", "unknown"]


@dataclass(frozen=True, slots=True)
class Via:
    """The lines of the including note, for a citation out of an included file."""

    document: str
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Citation:
    """Where something stands in the notes; `quote` is verbatim from those lines (1-based, both included)."""

    number: int
    document: str
    heading: tuple[str, ...]
    parents: tuple[str, ...]
    start_line: int
    end_line: int
    quote: str
    anchor: str
    url: str
    revision: str
    via: Via | None = None

    @property
    def note(self) -> str:
        """The note that a reader opens: of an included file, the one that includes it."""
        return self.via.document if self.via is not None else self.document

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Citation:
        """The citation out of an answer's JSON."""
        via = Via(**row["via"]) if row["via"] is not None else None
        return cls(**{**row, "heading": tuple(row["heading"]), "parents": tuple(row["parents"]), "via": via})


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence (or bullet, or code block) of the text, and the numbers of the citations it stands on."""

    text: str
    citations: tuple[int, ...]
    support: Support


@dataclass(frozen=True, slots=True)
class ShownCommand:
    """A docker command that the text shows, and what there is to know of it: `severity` as corpus.docker.cli has it."""

    text: str
    status: CommandStatus
    problem: str | None = None
    suggestion: str | None = None
    severity: CommandSeverity | None = None


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One docker command: as it was run, or as it was refused (`allowed`), with the reason.

    `exit_code` is None if it did not run or was stopped. The output is text without controls and, as far as they can
    be told, without secrets: `redactions` of them were taken out. `truncated`: there was more. `engine` is the one that
    answered.
    """

    argv: tuple[str, ...]
    allowed: bool
    reason: str | None = None
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    redactions: int = 0
    duration_ms: float = 0.0
    engine: str | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds spent on searching, on answering, and on all of it."""

    search_ms: float = 0.0
    answer_ms: float = 0.0
    total_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one question: text for the reader, and everything a surface needs to show its sources.

    `coverage` is the calibrated probability that the notes answer the question. `nearest` is filled
    when the outcome is unfinished or not_covered. `text` has markers `[1]` outside code. `notice` says,
    for a question that a model was to answer, why some or all of the text is quoted instead.
    """

    id: str
    question: str
    standalone_question: str
    outcome: Outcome
    text: str
    claims: tuple[Claim, ...] = ()
    citations: tuple[Citation, ...] = ()
    commands: tuple[ShownCommand, ...] = ()
    tool_runs: tuple[ToolRun, ...] = ()
    nearest: tuple[Citation, ...] = ()
    coverage: float = 0.0
    model: str = QUOTES
    notice: str | None = None
    timings: Timings = field(default_factory=Timings)
    schema: int = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """The contract as plain dictionaries and lists, `schema` first."""
        plain = _plain(self)
        return {"schema": plain.pop("schema"), **plain}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Answer:
        """The answer that `to_json` gave; fields of a later version are left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        parts = {name: value for name, value in plain.items() if name in known}
        parts["claims"] = tuple(Claim(**{**row, "citations": tuple(row["citations"])}) for row in plain["claims"])
        parts["commands"] = tuple(ShownCommand(**row) for row in plain["commands"])
        parts["tool_runs"] = tuple(ToolRun(**{**row, "argv": tuple(row["argv"])}) for row in plain["tool_runs"])
        for name in ("citations", "nearest"):
            parts[name] = tuple(Citation.from_json(row) for row in plain[name])
        parts["timings"] = Timings(**plain["timings"])
        return cls(**parts)


@dataclass(frozen=True, slots=True)
class Event:
    """What happens while a question is answered; the `delta`s together are the text of the answer of `done`."""

    event: Literal["status", "citation", "delta", "done"]
    status: str | None = None
    citation: Citation | None = None
    text: str | None = None
    answer: Answer | None = None

    def to_json(self) -> dict[str, Any]:
        """The event with what belongs to it, as plain dictionaries and lists."""
        if self.answer is not None:
            return {"event": self.event, "answer": self.answer.to_json()}
        if self.citation is not None:
            return {"event": self.event, "citation": _plain(self.citation)}
        return {"event": self.event, **({"text": self.text} if self.event == "delta" else {"status": self.status})}


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation so far."""

    role: Literal["user", "assistant"]
    content: str


def _plain(record: Any) -> Any:
    """What dataclasses.asdict gives in five times the time, for it copies each string: a service waits for it."""
    if isinstance(record, tuple):
        return [_plain(each) for each in record]
    names = getattr(record, "__dataclass_fields__", None)
    return record if names is None else {name: _plain(getattr(record, name)) for name in names}
