"""Notes -> Problem: what course staff should mend, found without a model or an index."""

from __future__ import annotations

import re
import subprocess
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shutil import which
from typing import Literal

from markdown_it.token import Token

from corpus.commands import commands
from corpus.docker.cli import check
from corpus.docker.words import BLANK
from corpus.documents import Document, Notes, Origin, folder_files
from corpus.passages import section_passages
from corpus.sections import Section, code_lines, document_sections, fence_is_closed

Severity = Literal["error", "warning"]
SCRIPT_SUFFIXES = (".sh", ".bash")
SHELL_LANGUAGES = frozenset({"sh", "shell", "bash"})
_BASH_SECONDS = 10
_INCLUDE_IN_LINE = re.compile(r"\{![^!{}`]{1,300}!\}")

_INCLUDE_FAULTS = {
    "missing": ("missing-include", "the included file {0} does not exist"),
    "outside": ("include-outside", "the include {0} leaves the notes' folder"),
    "cycle": ("include-cycle", "the include {0} includes itself, directly or through others"),
    "depth": ("include-depth", "the include {0} stands too deep in other includes"),
    "unreadable": ("unreadable-include", "the included file {0} cannot be read as text"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: `line` is 1-based in `document`, `code` is stable and meant for scripts."""

    code: str
    severity: Severity
    document: str
    line: int
    message: str
    heading: tuple[str, ...] = ()


def lint_notes(notes: Notes, *, whole_folder: bool = True) -> list[Problem]:
    """All problems, by document and line. Scripts nobody includes are looked for in a whole folder only."""
    problems = [Problem("skipped-file", "error", s.path, 1, f"was not read: it {s.reason}") for s in notes.skipped]
    problems += [Problem("encoding", "warning", w.path, 1, w.reason) for w in notes.warnings]
    for document in notes.documents:
        sections = document_sections(document, empty_lead=True)
        problems += _include_problems(document, sections)
        problems += _unread_includes(document, sections)
        problems += _stub_problems(sections)
        problems += _duplicate_headings(sections)
        problems += _bare_scripts(document, sections)
        for section in sections:
            problems += _open_ends(section)
            problems += _shell_problems(section)
            problems += _docker_problems(section)
    if whole_folder:
        problems += _orphan_scripts(notes)
    # What is wrong in a file that several notes include is said once.
    once = {(p.document, p.line, p.code, p.message): p for p in reversed(problems)}
    return [once[key] for key in sorted(once)]


def _docker_problems(section: Section) -> Iterator[Problem]:
    """Docker commands that the CLI does not take, or takes otherwise than they are meant.

    A placeholder between angle brackets is one in a snippet only: it is there to be copied, and a shell reads `<name>`
    as a file. In capitals, or in a sentence, it is how commands are explained.
    """
    for passage in section_passages(section):
        is_snippet = passage.kind == "code"
        for line in commands(passage, "docker"):
            verdict = check(line, is_whole=is_snippet)
            is_a_trap = verdict.severity == "placeholder" and is_snippet and BLANK.search(line) is not None
            if verdict.severity in {"error", "warn"} or is_a_trap:
                severity: Severity = "error" if verdict.severity == "error" else "warning"
                better = f". Better: {verdict.suggestion}" if verdict.suggestion else ""
                message = f"{line}: {verdict.problem}{better}"
                yield Problem(
                    "docker-command", severity, passage.document, passage.start_line, message, passage.heading
                )


def _include_problems(document: Document, sections: list[Section]) -> Iterator[Problem]:
    for include in document.includes:
        if include.fault is not None:
            code, sentence = _INCLUDE_FAULTS[include.fault]
            heading, message = _heading_at(include.at, sections), sentence.format(include.target)
            yield Problem(code, "error", include.document, include.line, message, heading)


def _unread_includes(document: Document, sections: list[Section]) -> Iterator[Problem]:
    for number, line in enumerate(document.lines):
        found = _INCLUDE_IN_LINE.search(line) if "{!" in line and "`" not in line else None
        if found:
            origin, heading = document.origins[number], _heading_at(number, sections)
            message = f"{found[0]} is not included: an include must stand alone on its line"
            yield Problem("inline-include", "warning", origin.document, origin.line, message, heading)


def _heading_at(line: int, sections: list[Section]) -> tuple[str, ...]:
    """The heading over line `line` (0-based) of the resolved text."""
    count = bisect_right(sections, line + 1, key=lambda section: section.start_line)
    return sections[count - 1].heading if count else ()


def _stub_problems(sections: list[Section]) -> Iterator[Problem]:
    for section in sections:
        if section.state == "unfinished" and section.heading:
            message = f'nothing is written under "{section.title}"'
        elif section.state == "missing_include":
            place = f'under "{section.title}"' if section.heading else "before the first heading"
            targets = ", ".join(i.target for i in section.missing)
            message = f"{place} stands only an include that cannot be had ({targets})"
        else:
            continue
        yield _problem("unfinished-section", "warning", section, section.start_line - 1, message)


def _duplicate_headings(sections: list[Section]) -> Iterator[Problem]:
    first: dict[tuple[str, ...], Origin] = {}
    for section in sections:
        key = tuple(h.casefold() for h in section.heading)
        origin = section.document.origins[section.start_line - 1]
        if key and key in first:
            there = f"line {first[key].line}"
            if first[key].document != origin.document:
                there += f" of {first[key].document}"
            message = f'the heading "{section.title}" stands already in {there}, under the same parent'
            yield _problem("duplicate-heading", "warning", section, section.start_line - 1, message)
        first.setdefault(key, origin)


def _open_ends(section: Section) -> Iterator[Problem]:
    """Fences and HTML comments that swallow what comes after them."""
    for token in section.blocks:
        if token.map is None:
            continue
        if token.type == "fence" and not fence_is_closed(token):
            message = "the code fence that starts here is never closed"
            yield _problem("unclosed-fence", "error", section, token.map[0], message)
        if token.type == "html_block" and token.content.lstrip().startswith("<!--") and "-->" not in token.content:
            message = "the comment that starts here is never closed: nothing after it is read"
            yield _problem("unclosed-comment", "error", section, token.map[0], message)


def _bare_scripts(document: Document, sections: list[Section]) -> Iterator[Problem]:
    verbatim = {"fence", "code_block", "html_block"}
    tokens = [t for s in sections for t in s.blocks if t.type in verbatim]
    shown = {line for token in tokens if token.map for line in range(*token.map)}
    hidden = shown | document.gaps
    for include in document.includes:
        if (include.resolved or "").endswith(SCRIPT_SUFFIXES) and include.at not in hidden:
            heading = _heading_at(include.at, sections)
            message = f"the script {include.target} is included outside a code fence: its comments become headings"
            yield Problem("unfenced-script", "warning", include.document, include.line, message, heading)


def _shell_problems(section: Section) -> Iterator[Problem]:
    bash = which("bash")
    for token in section.blocks:
        if bash is None or token.map is None or token.type not in {"fence", "code_block"}:
            continue
        begin = token.map[0] + (token.type == "fence")
        script = _shell_lines(token, section.document.origins[begin : token.map[1]])
        fault = _bash_fault(bash, "\n".join(script)) if any(script) else None
        if fault is not None:
            line = begin + min(fault[0], len(script) - 1)
            yield _problem("shell-syntax", "error", section, line, f"bash cannot parse this snippet: {fault[1]}")


def _shell_lines(token: Token, origins: Sequence[Origin]) -> list[str]:
    """The lines of a code block, with those that are no shell left empty: scripts are shell in any block."""
    shell = token.info.split()[:1] and token.info.split()[0].lower() in SHELL_LANGUAGES
    pairs = zip(code_lines(token), origins, strict=False)
    return [line if shell or origin.document.endswith(SCRIPT_SUFFIXES) else "" for line, origin in pairs]


def _bash_fault(bash: str, script: str) -> tuple[int, str] | None:
    """What `bash -n` (parse, run nothing) says of a script: line from 0, and its words."""
    try:
        done = subprocess.run(
            [bash, "--norc", "--noprofile", "-n"],
            input=script + "\n",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_BASH_SECONDS,
            env={"LC_ALL": "C"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 0, f"it takes longer than {_BASH_SECONDS} s"
    except OSError:  # no process to be had: nothing is known about the snippet
        return None
    if done.returncode == 0:
        return None
    where, _, message = done.stderr.strip().split("\n")[0].partition(": line ")[2].partition(": ")
    return (int(where) - 1 if where.isdigit() else 0), message or "syntax error"


def _orphan_scripts(notes: Notes) -> Iterator[Problem]:
    included = {i.resolved for d in notes.documents for i in d.includes}
    for name in folder_files(notes.root, SCRIPT_SUFFIXES)[0]:
        if name not in included:
            yield Problem("orphan-script", "warning", name, 1, "no note includes this script")


def _problem(code: str, severity: Severity, section: Section, line: int, message: str) -> Problem:
    """A problem in line `line` (0-based) of the resolved text, told by where that line stands on disk."""
    origin = section.document.origins[line]
    return Problem(code, severity, origin.document, origin.line, message, section.heading)
