"""A question about this machine -> Answer: a read-only command, its output, what the notes say on what stands out.

What a command printed is never searched for further commands and goes to no model: it is shown, and looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assistant.answer import Answer, Citation, Claim, Outcome, ShownCommand, ToolRun
from assistant.docker.endpoint import EngineUnavailable
from assistant.docker.findings import Finding, findings
from assistant.docker.policy import allowed
from assistant.docker.policy import refused as refused_commands
from assistant.docker.requests import Change, Look, read_request
from assistant.docker.tool import DockerTool
from assistant.evidence import Evidence
from assistant.quoting import quoted, shown_commands
from corpus.errors import ModelFailed

if TYPE_CHECKING:
    from assistant.models import Model

MAX_COMMANDS = 3  # for one question, whoever proposes them


@dataclass(frozen=True, slots=True)
class NotesOn:
    """The notes as far as they explain something: `find` gives the passages that answer a question, or none."""

    find: Callable[[str], tuple[Sequence[Evidence], float]]  # and how likely they answer it
    base_url: str

    def on(self, outcome: Outcome, standing_out: Sequence[Finding]) -> Answer:
        """An answer of findings, each with what the notes say on it below."""
        parts: list[str] = []
        claims: list[Claim] = []
        citations: list[Citation] = []
        numbers: dict[int, int] = {}
        commands: list[ShownCommand] = []
        coverage = 0.0
        for finding in standing_out:
            parts.append(finding.sentence)
            claims.append(Claim(finding.sentence, (), "supported"))
            evidence, likely = self.find(finding.query) if finding.query else ((), 0.0)
            sections = {item.section for item in evidence if finding.mention in item.passage.text}
            new = [item for item in evidence if item.number not in numbers and item.section in sections]
            if not new:
                continue
            coverage = max(coverage, likely)
            text, said, cited = quoted(new, self.base_url, cited=numbers)
            numbers |= {item.number: citation.number for item, citation in zip(new, cited, strict=True)}
            parts.append(text)
            claims += said
            citations += cited
            commands += shown_commands(new)
        return Answer(
            id="",
            question="",
            standalone_question="",
            outcome=outcome,
            text="\n\n".join(part.strip("\n") for part in parts),
            claims=tuple(claims),
            citations=tuple(citations),
            commands=tuple({command.text: command for command in commands}.values()),
            coverage=round(coverage, 3),
        )


def looked(question: str, look: Look, tool: DockerTool, notes: NotesOn, *, user: str = "") -> Answer | None:
    """Run what shows it, and say what stands out; None if it is about a container that is not there after all."""
    try:
        if look.names:  # a word of the question is a container only if there is one of that name
            again = read_request(question, tool.containers(user=user))
            if not isinstance(again, Look):
                return _no_such_container(look.names[0], tool, notes, user) if look.is_certain else None
            look = again
        run = tool.run(look.line, user=user)
    except EngineUnavailable as error:
        return notes.on("refused", [Finding(f"Nothing was run. {error}", "")])
    return shown([run], notes, look.names) if run.allowed else refused(run, look.line, notes)


def _no_such_container(name: str, tool: DockerTool, notes: NotesOn, user: str) -> Answer:
    run = tool.run("docker ps -a", user=user)
    sentence = f"There is no container `{name}` on this machine. These are there:"
    return replace(notes.on("tool", [Finding(sentence, "")]), tool_runs=(run,))


def chosen(question: str, model: Model, tool: DockerTool, notes: NotesOn, *, user: str = "") -> Answer | None:
    """Run what a model chooses to look at, as far as it is allowed; None if it chooses nothing.

    The model sees the question alone, chooses once, and is told nothing of what came out.
    """
    from assistant.docker.langchain_tool import docker_tool, words_of
    from assistant.prompts import look_messages

    try:
        calls = model.tool_calls(look_messages(question), docker_tool(tool))
        runs = [tool.run(words_of(call), proposed_by=model.name, user=user) for call in calls[:MAX_COMMANDS]]
    except ModelFailed:
        return None
    except EngineUnavailable as error:
        return notes.on("refused", [Finding(f"Nothing was run. {error}", "")])
    if not runs:
        return None
    ran = [run for run in runs if run.allowed]
    return shown(ran, notes) if ran else refused(runs[0], " ".join(words_of(calls[0])), notes)


def shown(runs: Sequence[ToolRun], notes: NotesOn, names: Sequence[str] = ()) -> Answer:
    """The answer that some commands have given."""
    standing_out: list[Finding] = []
    for run in runs:
        output = run.stdout if run.exit_code == 0 else f"{run.stdout}\n{run.stderr}"
        if run.allowed and run.exit_code != 0:
            standing_out.append(Finding("The command did not succeed: see what it printed.", ""))
        standing_out += findings(output, run.argv[1:], names)
    if not standing_out:
        standing_out = [_on_command("Nothing stands out in it.", " ".join(runs[0].argv))]
    return replace(notes.on("tool", standing_out), tool_runs=tuple(runs))


def refused(run: ToolRun, line: str, notes: NotesOn) -> Answer:
    """Say why nothing was run, and what the notes say on the command."""
    answer = notes.on("refused", [_on_command(f"Nothing was run: {run.reason}.", line)])
    return replace(answer, tool_runs=(run,))


def changed(change: Change, notes: NotesOn) -> Answer:
    """Refuse what would change the machine, and say what the notes say on doing it."""
    command = f"docker {change.command}"
    reason = f"`{command}` would change something, and here things are only looked at. Run it yourself if you mean it"
    return notes.on("refused", [_on_command(f"Nothing was run: {reason}.", command)])


def explained(output: str, notes: NotesOn) -> Answer | None:
    """What the notes say on output that was piped in; None if nothing stands out in it of which they say anything."""
    standing_out = [finding for finding in findings(output) if notes.find(finding.query)[0]]
    return notes.on("answered", standing_out) if standing_out else None


def _on_command(sentence: str, line: str) -> Finding:
    """A sentence with what the notes say on the command of a line."""
    words = line.split()
    length = next((n for n in (3, 2, 1) if tuple(words[1 : n + 1]) in {**allowed(), **refused_commands()}), 1)
    command = " ".join(words[: length + 1])
    return Finding(sentence, f"what does {command} do", command)
