"""Answer -> what a terminal shows, or plain Markdown when the output goes elsewhere."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from assistant.answer import Answer, Citation
from corpus.commands import CODE_SPAN_OR_FENCE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

OUTCOMES = {
    "answered": "",
    "partial": "The notes hold part of the answer.",
    "unfinished": "Not written yet.",
    "not_covered": "Not in the notes.",
    "tool": "",
    "refused": "Not done.",
}
_MARK = re.compile(r"(?<!\\)\[(\d+)\]")
_TYPES_THAT_ACT = frozenset({"Cc", "Cf", "Co", "Cs"})  # controls, bidi marks, private use, lone surrogates


def printable(text: str) -> str:
    """Without anything that acts on a terminal: escape sequences, other controls, marks that turn the text round."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _TYPES_THAT_ACT)


def place(citation: Citation) -> str:
    """Where a citation stands: `notes.md:12-13`, and the line that includes it."""
    lines = str(citation.start_line)
    if citation.end_line != citation.start_line:
        lines += f"-{citation.end_line}"
    where = f"{citation.document}:{lines}"
    if citation.via is not None:
        where += f" (included by {citation.via.document}:{citation.via.start_line})"
    return where


def heading(citation: Citation) -> str:
    """The heading path on one line; of a very long heading its beginning."""
    names = [name if len(name) <= 80 else name[:79] + "\u2026" for name in citation.heading]
    return " > ".join(names) or citation.document


def as_plain(answer: Answer) -> str:
    """The answer as Markdown with its sources below: for pipes and files."""
    lines = [answer.text.strip("\n")]
    if answer.citations:
        lines += ["", "Sources:", *(f"[{c.number}] {heading(c)}, {place(c)}" for c in answer.citations)]
    if answer.nearest:
        lines += ["", "The nearest that is written:", *(f"- {heading(c)}, {place(c)}" for c in answer.nearest)]
    return printable("\n".join(lines))


def as_terminal(answer: Answer, console: Console) -> None:
    """Print the answer: rendered Markdown, marks and sources that can be clicked where the terminal can."""
    from rich.markdown import Markdown
    from rich.padding import Padding

    if OUTCOMES[answer.outcome]:
        console.print(OUTCOMES[answer.outcome], style="bold yellow", markup=False)
    console.print(Markdown(printable(_linked(answer)), hyperlinks=True))
    if answer.citations:
        console.print("\nSources", style="bold")
        for citation in answer.citations:
            console.print(Padding(_source(f"[{citation.number}]", citation), (0, 0, 0, 1)))
    if answer.nearest:
        console.print("\nThe nearest that is written", style="bold")
        for citation in answer.nearest:
            console.print(Padding(_source("-", citation), (0, 0, 0, 1)))


def _source(mark: str, citation: Citation) -> Text:
    from rich.text import Text

    line = Text.assemble(f"{mark} ", (printable(heading(citation)), "cyan"), "  ", (printable(place(citation)), "dim"))
    line.stylize(f"link {citation.url}")
    return line


def _linked(answer: Answer) -> str:
    """The text with each mark outside code turned into a link to its source."""
    urls = {str(citation.number): citation.url for citation in answer.citations}

    def link(match: re.Match[str]) -> str:
        return f"[\\[{match[1]}\\]](<{urls[match[1]]}>)" if match[1] in urls else match[0]

    parts = CODE_SPAN_OR_FENCE.split(answer.text)
    return "".join(part if i % 2 else _MARK.sub(link, part) for i, part in enumerate(parts))
