"""A real chat model over the real protocol: SmolLM2-135M behind llama.cpp. It invents flags; nobody may see them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.small_model import NAME, WEIGHTS, running

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
COURSE = ROOT / "corpus" / "course"
QUESTIONS = ["How do I expose a port?", "How do I stop a container?", "how do I limit memory?", "what is a volume"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    # 93 MB that only `make test` brings: who runs pytest alone can do without. In CI whatever is left out is a failure.
    if not WEIGHTS.is_file():
        pytest.skip("the small chat model is not here: python tests/bench/small_model.py --fetch")
    with running() as url:
        yield url


def ask(address: str, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from ui.cli import main; main()", *words]
    settings = {"ASK_HOME": str(home), "ASK_MODEL": NAME, "ASK_MODEL_URL": address, "HF_HUB_OFFLINE": "1"}
    path = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(home)}
    return subprocess.run(
        command, env={**settings, **path}, cwd=home, capture_output=True, text=True, check=False, timeout=240
    )


@pytest.mark.parametrize("question", QUESTIONS)
def test_nothing_that_it_invents_is_shown(address: str, home: Path, question: str) -> None:
    done = ask(address, home, "--json", question)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    notes = " ".join(" ".join(path.read_text().split()) for path in [*COURSE.glob("*.md"), *COURSE.glob("shell/*")])
    assert answer["outcome"] == "answered"
    assert answer["claims"]
    for claim in answer["claims"]:
        assert claim["support"] != "unsupported"
        assert claim["citations"]
    for command in answer["commands"]:
        assert " ".join(command["text"].split()) in notes.replace("`", "")


def test_doctor_asks_it_for_a_word_and_says_where_text_goes(address: str, home: Path) -> None:
    done = ask(address, home, "doctor")
    assert f"questions and passages go to {address}, on this machine" in done.stdout
    assert "PROBLEM" not in done.stdout


def test_doctor_says_what_is_wrong_in_a_line(home: Path) -> None:
    done = ask("http://127.0.0.1:9/v1", home, "doctor")
    assert done.returncode == 1
    assert "PROBLEM       The model openai:smollm2 cannot be reached: check the network and the address." in done.stdout
