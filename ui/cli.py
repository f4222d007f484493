"""`ask`: questions and all the rest, from a terminal.

What is imported at the top is what `ask --help` costs; everything else is imported by the command
that needs it.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corpus.errors import AskError, UsageProblem
from ui.command import docker_options, json_option, model_option, notes_option, path_argument, print_json
from ui.journal_command import journal
from ui.keys_command import keys
from ui.question_words import separated
from ui.server_commands import bot, mcp, serve, ui
from ui.staff_commands import gaps, recheck

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.console import Console

    from assistant.answer import Answer, Event, Turn
    from assistant.chain import Assistant
    from assistant.docker.plan import Plan
    from assistant.settings import Settings
    from index.build import BuildReport
    from ui.building import BuildProgress

EXIT_CODES = {"answered": 0, "partial": 0, "tool": 0, "unfinished": 3, "not_covered": 3, "refused": 4}
EXIT_ERROR, EXIT_USAGE, EXIT_STRICT, EXIT_INTERRUPTED = 1, 2, 5, 130
QUESTION_COMMAND = "question"


class AskGroup(click.Group):
    """A group whose default command is a question: `ask how do I expose a port`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Everything that does not start with the name of a command is a question."""
        named = {*self.commands, "--help", "-h", "--version"} - {QUESTION_COMMAND}
        if args and args[0] not in named:
            args = [QUESTION_COMMAND, *args]
        elif not args and not ctx.resilient_parsing and not sys.stdin.isatty():
            args = [QUESTION_COMMAND]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; that nobody reads on, as with `ask ... | head`, is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter would complain at its end
            return 0

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the options of a question beside the commands."""
        return super().shell_complete(ctx, incomplete) + self.commands[QUESTION_COMMAND].shell_complete(ctx, incomplete)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the options of a question first, then the commands."""
        self.commands[QUESTION_COMMAND].format_options(ctx, formatter)
        super().format_commands(ctx, formatter)


class QuestionCommand(click.Command):
    """The default command: nobody types its name, so nobody is shown it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Tell the words of the question from the options around it."""
        if not ctx.resilient_parsing:  # else the shell asks how an unfinished line may go on
            options = {
                name: not option.is_flag
                for option in self.get_params(ctx)
                if isinstance(option, click.Option)
                for name in (*option.opts, *option.secondary_opts)
            }
            args = separated(args, options)
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """`ask [OPTIONS] QUESTION...`."""
        del ctx
        formatter.write_usage("ask", "[OPTIONS] QUESTION...")


@click.group(
    cls=AskGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 answered, 1 error, 2 wrong call, 3 not in the notes or unfinished, 4 refused, "
    "5 a claim is not supported (--strict), 130 interrupted.",
    subcommand_metavar="QUESTION... | COMMAND",
    no_args_is_help=True,
)
@click.version_option(package_name="ask-the-notes", prog_name="ask")
def cli() -> None:
    """Ask a question and get an answer from your notes, with citations.

    \b
      ask "How do I expose a port?"
      ask --notes ~/my-notes how do I list images
      docker logs web | ask "why does it exit?"

    Options stand before the question or after it; between its words they are part of it, and so are -c and -h
    after a question of several words. In quotes the question is one word.
    """


@cli.command(QUESTION_COMMAND, cls=QuestionCommand, hidden=True)
@click.argument("words", nargs=-1)
@notes_option
@model_option
@json_option
@click.option("--jsonl", is_flag=True, help="Print events, one JSON object a line; the last has the whole answer.")
@click.option("-c", "--continue", "go_on", is_flag=True, help="Go on with the last conversation over these notes.")
@click.option("--sources", is_flag=True, help="Show what was found, without an answer.")
@click.option("--strict", is_flag=True, help="Exit with 5 if any claim is not supported by the notes.")
@docker_options[0]
@docker_options[1]
def question(
    words: tuple[str, ...],
    notes: Path | None,
    model: str | None,
    as_json: bool,
    jsonl: bool,
    go_on: bool,
    sources: bool,
    strict: bool,
    docker: bool | None,
    docker_logs: bool,
) -> int:
    """Answer a question (the default)."""
    from assistant.chain import checked_question
    from assistant.settings import load_settings
    from ui.conversation_file import load_turns, save_turns
    from ui.standard_input import StandardInput

    asked = " ".join(word for word in words if word != "-")
    piped = StandardInput.start(is_question=words in {(), ("-",)})
    looks = "logs" if docker_logs else None if docker is None else "on" if docker else "off"
    settings = load_settings(notes=notes, model=model, docker=looks)
    if not piped.is_context:  # nothing to load meanwhile: say what is wrong before an index is built
        checked_question(piped.joined_to(asked), settings)
    assistant = _assistant(settings, quiet=as_json or jsonl)
    if assistant.docker is not None:
        assistant.docker.surface, assistant.docker.confirm = "cli", _agrees
    text, output = piped.beside(asked, most=settings.max_question)
    history: Sequence[Turn] = load_turns(assistant.index.folder) if go_on else ()
    if sources:
        text = f"{text}\n{output}".strip()
        return _show_sources(assistant, text, history, as_json=as_json or jsonl, compact=jsonl)
    events = assistant.stream(text, history=history, output=output)
    answer = _answer(events, as_json=as_json, jsonl=jsonl, is_written=assistant.model is not None)
    save_turns(assistant.index.folder, [*history], answer)
    return exit_code(answer, strict=strict)


def _agrees(plan: Plan) -> bool:
    """Ask whether a command that a model has proposed may run; without a terminal nobody can say yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(f"The model proposes: {shlex.join(plan.argv)}\nRun it?", err=True)


def exit_code(answer: Answer, *, strict: bool) -> int:
    """What `ask` ends with after this answer."""
    if strict and any(claim.support in {"weak", "unsupported"} for claim in answer.claims):
        return EXIT_STRICT
    return EXIT_CODES[answer.outcome]


def _answer(events: Generator[Event, None, None], *, as_json: bool, jsonl: bool, is_written: bool) -> Answer:
    """Show an answer, and what a model writes while it does so (`is_written`: one does); returns it."""
    from ui.rendering import as_plain, as_terminal, while_written

    rich = _is_rich() and not (as_json or jsonl)
    answer = None
    with closing(events), while_written(_console() if rich and is_written else None) as shown:
        for event in events:
            answer = event.answer or answer
            shown(event)
            if jsonl:
                print_json(event.to_json(), compact=True)
    if answer is None:
        raise UsageProblem("There is no answer. Ask again.")
    if as_json:
        print_json(answer.to_json())
    elif rich:
        as_terminal(answer, _console())
    elif not jsonl:
        click.echo(as_plain(answer))
    return answer


def _show_sources(assistant: Assistant, text: str, history: Sequence[Turn], *, as_json: bool, compact: bool) -> int:
    from dataclasses import asdict

    from ui.rendering import heading, place, printable

    found, likely = assistant.find(text, history=history)
    citations = [(hit, assistant.citation(n, hit.number)) for n, hit in enumerate(found.hits[:10], start=1)]
    if as_json:
        hits = [{"score": round(hit.score, 3), "dense": round(hit.dense, 3), **asdict(c)} for hit, c in citations]
        report = {"question": text, "coverage": round(likely.probability, 3), "hits": hits}
        print_json({**report, "standalone_question": found.question.text}, compact=compact)
    else:
        click.echo(f"coverage {likely.probability:.2f}")
        for hit, citation in citations:
            click.echo(printable(f"[{citation.number}] {hit.score:6.2f}  {heading(citation)}, {place(citation)}"))
            click.echo(printable(f"            {' '.join(citation.quote.split())[:160]}"))
    return 0 if citations else EXIT_CODES["not_covered"]


@cli.command()
@path_argument
@notes_option
@json_option
@click.option("--rebuild", is_flag=True, help="Start from nothing.")
@click.option("--watch", is_flag=True, help="Stay, and update whenever a note changes.")
def index(path: Path | None, notes: Path | None, as_json: bool, rebuild: bool, watch: bool) -> int:
    """Build or update the index of some notes."""
    import time

    from assistant.chain import packaged_course, update_index
    from assistant.settings import load_settings
    from corpus.errors import NotesError
    from ui.rendering import printable

    settings = load_settings(notes=path or notes)
    chosen = settings.notes or packaged_course()
    said = ""
    while True:
        try:
            with _progress(quiet=as_json) as progress:
                report = update_index(chosen, settings=settings, progress=progress.update, rebuild=rebuild)
        except NotesError as error:
            if not watch:
                raise
            if str(error) != said:  # an editor or a checkout may take a note away for a moment
                said = str(error)
                click.echo(printable(f"ask: {said}"), err=True)
        else:
            said = ""
            if not (watch and report.up_to_date):
                _show_report(report, as_json=as_json, compact=watch)
        if not watch:
            return 0
        rebuild = False
        time.sleep(1)


def _show_report(report: BuildReport, *, as_json: bool, compact: bool) -> None:
    from ui.building import describe
    from ui.rendering import printable

    if as_json:
        print_json(describe(report), compact=compact)
        return
    click.echo(describe(report)["summary"])
    for item in (*report.skipped, *report.warnings):
        click.echo(printable(f"  {item.path} {item.reason}"), err=True)


@cli.command()
@path_argument
@notes_option
@json_option
def lint(path: Path | None, notes: Path | None, as_json: bool) -> int:
    """Find what should be mended in some notes; exit 1 if there are errors."""
    from dataclasses import asdict

    from assistant.chain import packaged_course
    from assistant.settings import load_settings
    from corpus.documents import read_notes
    from corpus.lint import lint_notes
    from ui.rendering import printable

    chosen = load_settings(notes=path or notes).notes or packaged_course()
    problems = lint_notes(read_notes(chosen), whole_folder=chosen.is_dir())
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        print_json({"errors": errors, "warnings": len(problems) - errors, "problems": [asdict(p) for p in problems]})
    else:
        for p in problems:
            click.echo(printable(f"{p.document}:{p.line}: {p.severity}: {p.message} [{p.code}]"))
        click.echo(f"{errors} errors, {len(problems) - errors} warnings" if problems else "Nothing to mend.")
    return EXIT_ERROR if errors else 0


@cli.command(name="eval")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@notes_option
@model_option
@docker_options[0]
@json_option
@click.option("--per-question", is_flag=True, help="Show every question with its answer's outcome and what was right.")
def eval_(
    files: tuple[Path, ...],
    notes: Path | None,
    model: str | None,
    docker: bool | None,
    as_json: bool,
    per_question: bool,
) -> int:
    """Measure the answers over files of questions with gold."""
    from assistant.evaluation import evaluate, figures, read_questions
    from assistant.settings import load_settings
    from ui.figures import figures_json, figures_table, question_row
    from ui.rendering import printable

    looks = None if docker is None else "logs" if docker else "off"
    settings = load_settings(notes=notes, model=model, docker=looks)
    questions = [question for file in files for question in read_questions(file, most=settings.max_question)]
    assistant = _assistant(settings, quiet=as_json)
    if assistant.docker is not None:
        assistant.docker.per_minute = 1_000_000
    with _progress(quiet=as_json) as progress:
        judged = evaluate(
            questions,
            lambda gold: assistant.ask(gold.question, history=gold.history),
            progress=lambda done, total: progress.update("asking", done, total),
        )
    measured = figures(judged)
    if as_json:
        rows = {"per_question": [question_row(j) for j in judged]} if per_question else {}
        print_json({**figures_json(measured), **rows})
        return 0
    if per_question:
        for j in judged:
            click.echo(printable("  ".join(str(value) for value in question_row(j).values())))
    click.echo(figures_table(measured))
    return 0


@cli.command()
@notes_option
@model_option
@json_option
def doctor(notes: Path | None, model: str | None, as_json: bool) -> int:
    """Show versions, settings, the state of the index, what is off and how to turn it on."""
    from ui.checkup import checkup, checkup_lines
    from ui.rendering import printable

    report = checkup(notes, model)
    if as_json:
        print_json(report)
    else:
        click.echo(printable("\n".join(checkup_lines(report))))
    return EXIT_ERROR if report["problems"] else 0


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--check", "is_check", is_flag=True, help="Judge command lines from standard input, and run none.")
@json_option
@click.argument("argv", nargs=-1, type=click.UNPROCESSED)
def docker(argv: tuple[str, ...], is_check: bool, as_json: bool) -> int:
    """Run one docker command that only reads, through the same fence: ask docker ps -a."""
    from assistant.docker.tool import DockerTool, allowed_tiers, audit_log
    from assistant.settings import load_settings
    from index.location import ask_home
    from ui.docker_command import check_lines, show_run

    if is_check:
        return check_lines(sys.stdin.buffer, sys.stdout)
    if not argv:
        raise UsageProblem("Which docker command? For instance: ask docker ps -a")
    host = load_settings().docker_host
    # Who types the command agrees to all that only reads.
    tool = DockerTool(allowed_tiers("logs"), host, surface="cli", audit=audit_log(ask_home()))
    words = ["docker", *(argv[1:] if argv[0] == "docker" else argv)]
    run = tool.run(f"docker {argv[0]}" if len(argv) == 1 and " " in argv[0] else words)
    return show_run(run, as_json=as_json)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script for a shell: eval "$(ask completion bash)"."""
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    if completer is None:
        raise UsageProblem(f"There is no completion for {shell}.")
    click.echo(completer(cli, {}, "ask", "_ASK_COMPLETE").source())
    return 0


for command in (bot, gaps, journal, keys, mcp, recheck, serve, ui):
    cli.add_command(command)


def _assistant(settings: Settings, *, quiet: bool) -> Assistant:
    from assistant.chain import open_assistant
    from ui.rendering import printable

    with _progress(quiet=quiet) as progress:
        assistant = open_assistant(settings=settings, progress=progress.update)
    skipped = assistant.index.manifest.skipped
    if skipped:  # who reads "the notes do not say" has to know what was not read
        files = "a file" if len(skipped) == 1 else f"{len(skipped)} files"
        first = f"{skipped[0].path} {skipped[0].reason}"
        click.echo(printable(f"ask: {files} of these notes could not be read: {first}"), err=True)
    return assistant


def _progress(*, quiet: bool) -> BuildProgress:
    from ui.building import BuildProgress

    return BuildProgress(quiet=quiet)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _is_rich() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def main(args: Sequence[str] | None = None) -> None:
    """The `ask` command: runs it and exits. No traceback reaches a user."""
    _open_streams()
    sys.exit(run(args))


def _open_streams() -> None:
    """Open what the caller has closed, or the next file, perhaps one of the index, would take its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # notes may have characters that the terminal does not


def run(args: Sequence[str] | None = None) -> int:
    """Run `ask` and return its exit code."""
    try:
        code = cli.main(args=None if args is None else list(args), prog_name="ask", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except AskError as error:
        from ui.rendering import printable

        click.echo(printable(f"ask: {error}"), err=True)
        return EXIT_USAGE if isinstance(error, UsageProblem) else EXIT_ERROR
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_USAGE
    except click.ClickException as error:
        words = list(sys.argv[1:] if args is None else args)
        click.echo(f"ask: {error.format_message().rstrip('.')}. {_advice(words)}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("ask: interrupted", err=True)
        return EXIT_INTERRUPTED
    except OSError as error:
        click.echo(f"ask: {error.strerror or error}: {error.filename or 'output'}", err=True)
        return EXIT_ERROR
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        click.echo(
            f"ask: {type(error).__name__}: {error}. This is a mistake in the program; PYTHONDEVMODE=1 shows where: "
            "please report it.",
            err=True,
        )
        return EXIT_ERROR


def _advice(words: Sequence[str]) -> str:
    """What to do about a wrong call: often it was meant as a question, with a flag or a command's name in it."""
    question = " ".join(words)
    if len(words) < 3 or words[0].startswith("-") or len(question) > 200:
        return "See: ask --help"
    return f"If it is a question, quote it: ask {shlex.quote(question)}"
