"""`ask docker`: a run as a terminal shows it, and the verdicts of `--check`."""

from __future__ import annotations

import json
import shlex
from typing import IO

import click

from assistant.answer import ToolRun
from assistant.docker.plan import plan_text
from assistant.docker.refusal import DockerRefused
from ui.rendering import about_run, printable

OK, FAILED, REFUSED = 0, 1, 4


def check_lines(lines: IO[bytes], out: IO[str]) -> int:
    """One JSON verdict a line: {command, verdict, argv, reason}. Nothing is run."""
    for data in lines:
        text = data.removesuffix(b"\n").decode("utf-8", "replace")
        out.write(json.dumps(verdict(text), ensure_ascii=False) + "\n")
        out.flush()
    return OK


def verdict(text: str) -> dict[str, object]:
    """What would become of a command line, or of a JSON list of words."""
    try:
        plan = plan_text(text)
    except DockerRefused as error:
        return {"command": text, "verdict": "refuse", "argv": None, "reason": str(error)}
    return {"command": text, "verdict": "allow", "argv": list(plan.argv), "reason": None}


def show_run(run: ToolRun, *, as_json: bool) -> int:
    """Print the output as it came, all else to stderr; returns the exit code of `ask`."""
    from dataclasses import asdict

    if as_json:
        click.echo(json.dumps(asdict(run), ensure_ascii=False, indent=2).encode("utf-8", "replace"))
    elif run.allowed:
        click.echo(printable(f"$ {shlex.join(run.argv)}"), err=True)
        click.echo(printable(run.stdout), nl=False)
        click.echo(printable(run.stderr), nl=False, err=True)
        click.echo(printable("\n".join(about_run(run))), err=True)
    else:
        click.echo(printable(f"ask: not run: {run.reason}."), err=True)
    return REFUSED if not run.allowed else OK if run.exit_code == 0 else FAILED
