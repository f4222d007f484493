"""Commands that stay: the chat page, the HTTP service, and the notes for other assistants."""

from __future__ import annotations

from pathlib import Path

import click

from ui.command import json_option, model_option, notes_option


@click.command()
@notes_option
@model_option
@click.option("--port", type=click.IntRange(0, 65_535), default=8501, show_default=True, help="Port (0: a free one).")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on; another lets others in.")
@click.option("--no-browser", is_flag=True, help="Open no browser.")
def ui(notes: Path | None, model: str | None, port: int, host: str, no_browser: bool) -> int:
    """Open the chat page in a browser."""
    from assistant.settings import load_settings
    from ui.chat.server import serve

    load_settings(notes=notes, model=model)  # says what is wrong before a server starts
    serve(notes=notes, model=model, host=host, port=port, open_browser=not no_browser)
    return 0


@click.command()
@notes_option
@model_option
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="Port (0: a free one).")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on; another lets others in.")
def serve(notes: Path | None, model: str | None, port: int, host: str) -> int:
    """Serve the HTTP API, for programs, forums and other chat clients."""
    from assistant.settings import load_settings
    from ui.api.server import run_server

    run_server(load_settings(notes=notes, model=model), host=host, port=port)
    return 0


@click.command()
@notes_option
@model_option
def mcp(notes: Path | None, model: str | None) -> int:
    """Offer the notes to an assistant on standard input and output, by the Model Context Protocol."""
    from assistant.chain import open_assistant, packaged_course
    from assistant.settings import load_settings
    from ui.mcp_server import run_stdio

    settings = load_settings(notes=notes, model=model, docker="off")
    run_stdio(open_assistant(settings=settings), settings.notes or packaged_course())
    return 0


@click.command()
@notes_option
@model_option
@click.option("--list", "is_list", is_flag=True, help="Show what was done and what waits for staff.")
@click.option("--approve", metavar="ID", help="Let the reply that waits under this id go out.")
@click.option("--reject", metavar="ID", help="Do not post the reply that waits under this id.")
@json_option
def bot(
    notes: Path | None, model: str | None, is_list: bool, approve: str | None, reject: str | None, as_json: bool
) -> int:
    """Answer in the course forum, apart from `ask serve` (docs/bot.md)."""
    from assistant.settings import load_settings
    from ui.bot.command import bot_command

    settings = load_settings(notes=notes, model=model)
    bot_command(settings, is_list=is_list, approve=approve, reject=reject, as_json=as_json)
    return 0
