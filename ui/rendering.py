"""Answer -> what a terminal shows, or plain Markdown when the output goes elsewhere."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assistant.answer import Answer, Citation, Event, ToolRun
from assistant.docker.redaction import REDACTED
from assistant.marks import with_marks
from assistant.quoting import code_block

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.markdown import Markdown
    from rich.segment import Segment
    from rich.text import Text

OUTCOMES = {
    "answered": "",
    "partial": "The notes hold part of the answer.",
    "unfinished": "Not written yet.",
    "not_covered": "Not in the notes.",
    "tool": "From this machine.",
    "refused": "Not done.",
}
STATUSES = {"searching": "Searching the notes", "writing": "Waiting for the model"}
MAX_OUTPUT_LINES = 40  # of a command, on a terminal
WEAK = "(?)"
WEAK_MEANS = f"{WEAK} not word for word in the notes: compare the passage quoted below."
_TYPES_THAT_ACT = frozenset({"Cc", "Cf", "Co", "Cs"})  # controls, bidi marks, private use, lone surrogates


def printable(text: str) -> str:
    """Without anything that acts on a terminal: escape sequences, other controls, marks that turn the text round."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _TYPES_THAT_ACT)


def place(citation: Citation) -> str:
    """Where a citation stands: `notes.md:12-13`, and the line that includes it."""
    lines = str(citation.start_line)
    if citation.end_line != citation.start_line:
        lines += f"-{citation.end_line}"
    where = f"{_one_line(citation.document)}:{lines}"
    if citation.via is not None:
        where += f" (included by {_one_line(citation.via.document)}:{citation.via.start_line})"
    return where


def heading(citation: Citation) -> str:
    """The heading path on one line; of a very long heading its beginning."""
    names = [name if len(name) <= 80 else name[:79] + "\u2026" for name in map(_one_line, citation.heading)]
    return " > ".join(names) or _one_line(citation.document)


def _one_line(name: str) -> str:
    """A file may have a line end in its name, and must not add a line to what is printed."""
    return " ".join(name.split())


def as_plain(answer: Answer) -> str:
    """The answer as Markdown with its sources below: for pipes and files."""
    lines = [line for run in answer.tool_runs if run.allowed for line in (*_run_lines(run), "")]
    lines += [with_doubts(answer).strip("\n")]
    lines += [line for remark in remarks(answer) for line in ("", remark)]
    if answer.citations:
        lines += ["", "Sources:", *(f"[{c.number}] {heading(c)}, {place(c)}" for c in answer.citations)]
    if answer.nearest:
        lines += ["", "The nearest that is written:", *(f"- {heading(c)}, {place(c)}" for c in answer.nearest)]
    return printable("\n".join(lines))


def as_terminal(answer: Answer, console: Console) -> None:
    """Print the answer: rendered Markdown, marks and sources that can be clicked where the terminal can."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    if OUTCOMES[answer.outcome]:
        parts.append(Text(OUTCOMES[answer.outcome], style="bold yellow"))
    parts += [_run(run) for run in answer.tool_runs if run.allowed]
    parts.append(_markdown(answer))
    parts += [Text(f"\n{printable(remark)}", style="yellow") for remark in remarks(answer)]
    if answer.citations:
        parts += _sources("Sources", [(f"[{c.number}]", c) for c in answer.citations])
    if answer.nearest:
        parts += _sources("The nearest that is written", [("-", c) for c in answer.nearest])
    console.print(_Printable(Group(*parts)), crop=False)  # the lines of an output go on as docker prints them


def about_run(run: ToolRun) -> list[str]:
    """What has to be said beside an output: which engine answered, and what is not in it."""
    lines = [f"(answered by {run.engine})"] if run.engine else []
    if run.truncated:
        lines.append("(there was more; only its beginning is shown)")
    if REDACTED in run.stdout + run.stderr:
        lines.append("(values that look secret are not shown)")
    return lines


def _run_lines(run: ToolRun) -> list[str]:
    """A command with its output, as Markdown that is no Markdown inside."""
    output = "\n".join([f"$ {shlex.join(run.argv)}", *_output_lines(run)])
    return [*code_block(output, "text").split("\n"), *about_run(run)]


def _output_lines(run: ToolRun) -> list[str]:
    """What a command printed; of a long output the beginning, and how to see all of it."""
    lines = f"{run.stdout}{run.stderr}".rstrip("\n").split("\n")
    if len(lines) <= MAX_OUTPUT_LINES:
        return lines
    again = shlex.join(["ask", *run.argv])
    return [*lines[:MAX_OUTPUT_LINES], f"... {len(lines) - MAX_OUTPUT_LINES} more lines: {again}"]


def _run(run: ToolRun) -> Text:
    """The same for a terminal."""
    from rich.text import Text

    text = Text(f"$ {shlex.join(run.argv)}\n", style="bold", no_wrap=True, overflow="ignore")
    text.append(printable("\n".join(_output_lines(run))) + "\n", style="not bold")
    text.append(printable("".join(f"{line}\n" for line in about_run(run))), style="not bold dim")
    return text


@contextmanager
def while_written(console: Console | None) -> Iterator[Callable[[Event], None]]:
    """Shows what a model writes while it does so; it is gone at the end. Without a console nothing is shown."""
    if console is None:
        yield lambda _: None
        return
    from rich.live import Live
    from rich.markdown import Markdown
    from rich.spinner import Spinner

    text = ""

    def shown(event: Event) -> None:
        nonlocal text
        text += event.text or ""
        if event.event == "status":
            live.update(Spinner("dots", STATUSES.get(event.status or "", event.status or "")))
        elif event.event == "delta":
            live.update(_Printable(Markdown(printable(text), hyperlinks=False)), refresh=True)

    with Live(console=console, transient=True, auto_refresh=True) as live:
        yield shown


def remarks(answer: Answer) -> list[str]:
    """What has to be said about a text beside it: why it is quoted, and what a mark of doubt means."""
    doubts = [WEAK_MEANS] if any(claim.support == "weak" for claim in answer.claims) else []
    wrong = [
        f"{command.text}: {command.problem}" + (f". Better: {command.suggestion}" if command.suggestion else "")
        for command in answer.commands
        if command.severity in {"error", "warn"}
    ]
    return wrong + doubts + ([answer.notice] if answer.notice else [])


def with_doubts(answer: Answer) -> str:
    """The text, with a mark behind each claim that the notes support only in part."""
    text, place = answer.text, 0
    for claim in answer.claims:  # in order, or the mark would go to an earlier sentence with the same words
        found = text.find(claim.text, place)
        if found < 0:
            continue
        place = found + len(claim.text)
        if claim.support == "weak":
            text = f"{text[:place]} {WEAK}{text[place:]}"
            place += len(WEAK) + 1
    return text


def _markdown(answer: Answer) -> Markdown:
    """The text as rich shows it. Its parser takes no file: links, so those to our sources are let through by name."""
    from markdown_it import MarkdownIt
    from rich.markdown import Markdown

    sources = {citation.url for citation in answer.citations}

    class Parser(MarkdownIt):
        def validateLink(self, url: str) -> bool:  # noqa: N802  # the name is markdown-it's
            return url in sources or super().validateLink(url)

    text = printable(_linked(answer))
    shown = Markdown(text, hyperlinks=True)
    shown.parsed = Parser().enable(["strikethrough", "table"]).parse(text)  # what rich enables
    return shown


class _Printable:
    """Anything, laid out and then without what acts on a terminal: Markdown may spell that `&#x202e;`."""

    def __init__(self, shown: RenderableType) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Segment]:
        from rich.segment import Segment

        for text, style, control in console.render(self._shown, options):
            if control is None:
                yield Segment(printable(text), style)


def _sources(title: str, citations: Sequence[tuple[str, Citation]]) -> Iterable[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    yield Text(f"\n{title}", style="bold")
    for mark, citation in citations:
        yield Padding(_source(mark, citation), (0, 0, 0, 1))


def _source(mark: str, citation: Citation) -> Text:
    from rich.style import Style
    from rich.text import Text

    line = Text.assemble(f"{mark} ", (printable(heading(citation)), "cyan"), "  ", (printable(place(citation)), "dim"))
    line.stylize(Style(link=citation.url))
    return line


def _linked(answer: Answer) -> str:
    """The text with each mark outside code turned into a link to its source."""
    urls = {citation.number: citation.url for citation in answer.citations}

    def link(number: int) -> str:
        return f"[\\[{number}\\]](<{urls[number]}>)" if number in urls else f"[{number}]"

    return with_marks(with_doubts(answer), link)
