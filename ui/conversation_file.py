"""The last conversation over some notes, for `ask -c`: beside their index, the newest turns only."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from assistant.answer import Answer, Turn

FILE = "conversation.json"
MAX_TURNS = 12
MAX_CHARACTERS = 2_000


def load_turns(folder: Path) -> list[Turn]:
    """The turns so far; none if there is no such file or it is damaged."""
    try:
        rows = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return [Turn(row["role"], str(row["content"])) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def save_turns(folder: Path, history: Sequence[Turn], answer: Answer) -> None:
    """Remember one more exchange. A folder that cannot be written is no reason to fail: it is only not remembered."""
    turns = [*history, Turn("user", answer.question), Turn("assistant", answer.text)][-MAX_TURNS:]
    rows = [{"role": turn.role, "content": turn.content[:MAX_CHARACTERS]} for turn in turns]
    scratch = folder / f"{FILE}.{os.getpid()}"
    try:
        scratch.write_text(json.dumps(rows), encoding="utf-8")
        scratch.replace(folder / FILE)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
