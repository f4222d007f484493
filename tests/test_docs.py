"""The documents say what the program does: help texts, settings, fields, examples.

`UPDATE_DOCS=1 python -m pytest tests/test_docs.py` writes docs/cli.md anew.
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from assistant.answer import Answer, Citation
from assistant.settings import Settings
from ui.cli import QUESTION_COMMAND, cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}


def _help_page() -> str:
    parts = ["# The command line", "", "Made from `ask --help`; a test keeps it so.", ""]
    names = [name for name in cli.list_commands(click.Context(cli)) if name != QUESTION_COMMAND]
    for name in ["", *names]:
        shown = CliRunner().invoke(cli, [*([name] if name else []), "--help"], prog_name="ask", terminal_width=100)
        parts += [f"## ask {name}".rstrip(), "", "```text", shown.output.rstrip(), "```", ""]
    return "\n".join(parts)


def test_the_help_texts_are_in_the_docs() -> None:
    page = ROOT / "docs" / "cli.md"
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(_help_page(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == _help_page()


def test_the_readme_is_short_and_names_every_command() -> None:
    assert README.count("\n") < 150
    for name in cli.commands:
        assert name == QUESTION_COMMAND or f"ask {name}" in README, name


def test_every_setting_has_its_sentence_in_the_docs() -> None:
    page = DOCS["settings.md"]
    for name, setting in Settings.model_fields.items():
        assert f"`ASK_{name.upper()}`" in page
        assert str(setting.description) in page


@pytest.mark.parametrize("fields", [Answer, Citation], ids=["answer", "citation"])
def test_every_field_of_the_contract_is_in_the_docs(fields: type) -> None:
    for field in dataclasses.fields(fields):
        assert f"`{field.name}`" in DOCS["answer.md"], field.name


def test_links_between_documents_lead_somewhere() -> None:
    for name, text in {"README.md": README, **{f"docs/{n}": t for n, t in DOCS.items()}}.items():
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"


@pytest.mark.real
def test_the_python_examples_run() -> None:
    examples = {
        "README.md": "answered (",
        "docs/index.md": "'heading': ",
        "docs/model.md": "You publish a port with `-p HOST_PORT:CONTAINER_PORT`, host first. [1]",
    }
    for document, expected in examples.items():
        parts = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
        code = "\n".join(parts)  # each goes on where the one before ended
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout, done.stdout
