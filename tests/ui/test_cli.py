from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.answer import Answer, Claim
from index.embedding import packaged_model
from index.location import index_folder
from ui.cli import EXIT_CODES, exit_code

pytestmark = pytest.mark.real

COMMAND = [sys.executable, "-c", "from ui.cli import main; main()"]
PORTS = "how do I publish a port?"
Ask = Callable[..., Any]


def _sentence(text: str) -> bool:
    """One line for the user: no traceback, not called a mistake in the program."""
    return text.startswith("ask: ") and text.count("\n") == 1 and "mistake in the program" not in text


# Exit codes


@pytest.mark.parametrize(
    ("question", "code"),
    [(PORTS, 0), ("who won the world cup in 1998?", 3), ("what is legacy linking of containers?", 3)],
)
def test_the_exit_code_tells_the_outcome(ask: Ask, notes: Path, question: str, code: int) -> None:
    assert ask("--notes", notes, question).code == code


@pytest.mark.parametrize("outcome", EXIT_CODES)
@pytest.mark.parametrize("support", ["verbatim", "supported", "weak", "unsupported"])
def test_strict_exits_with_5_for_a_claim_without_support(outcome: Any, support: Any) -> None:
    answer = Answer("id", "q", "q", outcome, "text", claims=(Claim("text", (), support),))
    assert exit_code(answer, strict=False) == EXIT_CODES[outcome]
    expected = 5 if support in {"weak", "unsupported"} else EXIT_CODES[outcome]
    assert exit_code(answer, strict=True) == expected


def test_a_quoted_answer_passes_strict(ask: Ask, notes: Path) -> None:
    assert ask("--notes", notes, "--strict", PORTS).code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--frobnicate"], "No such option '--frobnicate'"),
        (["index", "what", "is", "it"], "If it is a question, quote it: ask 'index what is it'"),
        (["lint", "--frobnicate"], "See: ask --help"),
        (["eval"], "Missing argument"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
        ([""], "The question is empty."),
        (["  \t "], "The question is empty."),
        (["x" * 100_000], "The question has 100,000 characters"),
    ],
)
def test_a_wrong_call_exits_with_2_and_says_what_to_do(ask: Ask, words: list[str], says: str) -> None:
    ended = ask(*words)
    assert ended.code == 2
    assert says in ended.err
    assert _sentence(ended.err)
    assert ended.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ["question"], ["index"], ["lint"], ["eval", "questions.jsonl"], ["doctor"], ["serve"], ["ui"], ["mcp"], ["bot"],
        ["recheck"],
    ],
    ids=lambda words: words[0],
)  # fmt: skip
@pytest.mark.parametrize("empty", ["", " "])
def test_notes_without_a_name_are_a_wrong_call(ask: Ask, words: list[str], empty: str) -> None:
    ended = ask(*words, "--notes", empty)
    assert (ended.code, ended.out) == (2, "")
    assert "the path of the notes is empty" in ended.err
    assert _sentence(ended.err)


@pytest.mark.parametrize("command", ["index", "lint"])
def test_a_path_without_a_name_is_a_wrong_call(ask: Ask, command: str) -> None:
    ended = ask(command, "")
    assert ended.code == 2
    assert "the path of the notes is empty" in ended.err


# What a question prints


def test_a_piped_answer_is_plain_with_its_sources(ask: Ask, notes: Path) -> None:
    ended = ask("--notes", notes, "how", "do", "I", "publish", "a", "port?")
    assert "`docker run -p 8080:80 web`" in ended.out
    assert "\nSources:\n[1] Docker > Ports, note.md:5\n" in ended.out
    assert "\x1b" not in ended.out


def test_nothing_but_the_answer_goes_to_standard_output(ask: Ask, own_notes: Path) -> None:
    first, again = ask("--notes", own_notes, PORTS), ask("--notes", own_notes, PORTS)
    assert "Encoding the notes" in first.err
    assert again.err == ""
    assert first.out == again.out


def test_json_is_the_answer_with_its_schema_first(ask: Ask, notes: Path) -> None:
    ended = ask("--notes", notes, "--json", PORTS)
    answer = json.loads(ended.out)
    assert next(iter(answer)) == "schema"
    assert (answer["outcome"], answer["question"], answer["model"]) == ("answered", PORTS, "quotes")
    assert ended.err == ""


def test_jsonl_is_a_status_then_the_parts_then_the_whole(ask: Ask, notes: Path) -> None:
    events = [json.loads(line) for line in ask("--notes", notes, "--jsonl", PORTS).out.splitlines()]
    names = [event["event"] for event in events]
    assert names == ["status", *["citation"] * (len(events) - 3), "delta", "done"]
    assert [event["citation"] for event in events[1:-2]] == events[-1]["answer"]["citations"]
    assert events[-2]["text"] == events[-1]["answer"]["text"]


def test_sources_shows_what_was_found_without_an_answer(ask: Ask, notes: Path) -> None:
    ended = ask("--notes", notes, "--sources", PORTS)
    assert ended.code == 0
    assert re.match(r"coverage [01]\.\d\d\n\[1\] +-?\d+\.\d\d  Docker > Ports, note\.md:5\n", ended.out)


def test_sources_as_json(ask: Ask, notes: Path) -> None:
    found = json.loads(ask("--notes", notes, "--sources", "--json", PORTS).out)
    assert found["question"] == PORTS
    assert found["hits"][0]["heading"] == ["Docker", "Ports"]


def test_c_goes_on_with_the_last_conversation(ask: Ask, notes: Path) -> None:
    ask("--notes", notes, PORTS)
    alone = json.loads(ask("--notes", notes, "--json", "and udp?").out)
    ask("--notes", notes, PORTS)
    followed = json.loads(ask("--notes", notes, "--json", "-c", "and udp?").out)
    assert alone["standalone_question"] == "and udp?"
    assert "port" in followed["standalone_question"]
    assert 6 in [citation["start_line"] for citation in followed["citations"]]


def test_a_damaged_conversation_is_as_none(ask: Ask, notes: Path, home: Path) -> None:
    ask("--notes", notes, PORTS)
    file = index_folder(notes, home) / "conversation.json"
    assert "publish" in file.read_text()
    file.write_text('[{"role": 1')
    answer = json.loads(ask("--notes", notes, "--json", "-c", "and udp?").out)
    assert answer["standalone_question"] == "and udp?"


@pytest.mark.parametrize(
    "question",
    [
        "\N{GRINNING FACE}\N{PARTY POPPER}",
        "Wie ver\xf6ffentliche ich einen Port?",
        "\u30dd\u30fc\u30c8\u3092\u516c\u958b\u3059\u308b\u306b\u306f",
        "how\0do I\x1b[31m publish\x07 a port\u202e",
        "lone \ud800 surrogates \udfff",
        "--",
    ],
)
@pytest.mark.parametrize("form", ["--json", "--jsonl", "--sources", "--strict"])
def test_any_question_ends_in_an_honest_outcome(ask: Ask, notes: Path, question: str, form: str) -> None:
    ended = ask("--notes", notes, form, "what about", question)
    assert ended.code in {0, 3}
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.out.replace("\\u001b", "")


def test_notes_edited_between_two_questions_are_found(ask: Ask, own_notes: Path) -> None:
    before = ask("--notes", own_notes, "what does a walrus eat?")
    with (own_notes / "note.md").open("a") as note:
        note.write("\n## Walruses\n\n- a walrus eats clams from the sea floor\n")
    after = ask("--notes", own_notes, "what does a walrus eat?")
    assert before.code == 3
    assert after.code == 0
    assert "clams" in after.out


# Notes, settings and folders that are wrong


def test_an_empty_folder_of_notes_is_told(ask: Ask, tmp_path: Path) -> None:
    ended = ask("--notes", tmp_path, PORTS)
    assert ended.code == 1
    assert ended.err.splitlines()[-1].startswith("ask: ")
    assert "Traceback" not in ended.err


def test_notes_that_are_not_there_are_told(ask: Ask, tmp_path: Path) -> None:
    ended = ask("--notes", tmp_path / "nowhere", PORTS)
    assert ended.code == 1
    assert "There are no notes at" in ended.err


def test_an_unknown_setting_is_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_FOO", "1")
    ended = ask(PORTS)
    assert (ended.code, ended.out) == (2, "")
    assert "There is no setting ASK_FOO" in ended.err


@pytest.mark.parametrize("toml", ["not toml", "frobnicate = 1", "max_question = 0", "notes = [1]", "\x00"])
def test_a_bad_settings_file_is_told(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str) -> None:
    (tmp_path / "ask.toml").write_text(toml)
    monkeypatch.chdir(tmp_path)
    ended = ask(PORTS)
    assert ended.code == 2
    assert _sentence(ended.err)


def test_a_file_where_the_data_folder_should_be_is_told(
    ask: Ask, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("ASK_HOME", str(tmp_path / "home"))
    ended = ask("--notes", notes, PORTS)
    assert ended.code == 1
    assert str(tmp_path / "home") in ended.err
    assert "Traceback" not in ended.err
    assert "mistake in the program" not in ended.err


# The other commands


def test_index_says_what_was_indexed_and_then_that_nothing_changed(ask: Ask, own_notes: Path) -> None:
    assert re.match(r"Indexed 1 notes, 4 passages: \d+ encoded", ask("index", own_notes).out)
    assert ask("index", own_notes).out == "Nothing has changed: 1 notes, 4 passages.\n"
    assert ask("index", "--rebuild", own_notes).out.startswith("Indexed 1 notes")


def test_index_as_json(ask: Ask, own_notes: Path) -> None:
    ended = ask("index", "--json", own_notes)
    report = json.loads(ended.out)
    assert (report["indexed"], report["passages"], report["up_to_date"]) == (1, 4, False)
    assert ended.err == ""


def test_index_names_what_it_skipped_and_why(ask: Ask, own_notes: Path) -> None:
    (own_notes / "away.md").symlink_to("/etc/hostname")
    (own_notes / "latin.md").write_bytes("# Caf\xe9\n\n- th\xe9\n".encode("latin-1"))
    ended = ask("index", own_notes)
    assert ended.code == 0
    assert "Indexed 2 notes" in ended.out
    assert "1 file was skipped." in ended.out
    assert "away.md" in ended.err
    assert "latin.md is not UTF-8" in ended.err


def test_lint_names_problems_and_exits_with_1_for_errors(ask: Ask, own_notes: Path) -> None:
    (own_notes / "broken.md").write_text("# Broken\n\n{! shell/gone.sh !}\n")
    ended = ask("lint", own_notes)
    assert ended.code == 1
    assert "broken.md:3: error: " in ended.out
    report = json.loads(ask("lint", "--json", own_notes).out)
    assert report["errors"] == 1
    assert report["errors"] + report["warnings"] == len(report["problems"])


def test_lint_of_notes_without_errors_exits_with_0(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Tea\n\n- boil water\n")
    ended = ask("lint", tmp_path)
    assert (ended.code, ended.out) == (0, "Nothing to mend.\n")


def _question_file(folder: Path, *rows: object) -> Path:
    file = folder / "questions.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return file


GOLD = {"id": "1", "kind": "single", "label": "answerable", "question": PORTS, "gold_headings": ["Docker > Ports"]}
OTHER = {"id": "2", "kind": "single", "label": "out_of_domain", "question": "who won the world cup in 1998?"}


def test_eval_measures_a_question_file(ask: Ask, notes: Path, tmp_path: Path) -> None:
    file = _question_file(tmp_path, GOLD, OTHER)
    measured = json.loads(ask("eval", file, "--notes", notes, "--json", "--per-question").out)
    assert (measured["questions"], measured["first_right"], measured["outcome"]) == (2, 1.0, 1.0)
    assert measured["auc"] == {"out_of_domain": 1.0}
    assert [row["id"] for row in measured["per_question"]] == ["1", "2"]
    table = ask("eval", file, "--notes", notes)
    assert table.code == 0
    assert re.search(r"^first citation right +1$", table.out, re.MULTILINE)


@pytest.mark.parametrize("row", ["{", "[]", "1", '{"id": "1"}', json.dumps({**GOLD, "label": "x"})])
def test_eval_tells_the_line_that_is_no_question(ask: Ask, tmp_path: Path, row: str) -> None:
    ended = ask("eval", _question_file(tmp_path, GOLD, row))
    assert ended.code == 1
    assert "Line 2 of " in ended.err
    assert _sentence(ended.err)


def test_eval_tells_the_line_of_a_question_that_is_too_long_before_it_asks_any(
    ask: Ask, notes: Path, tmp_path: Path
) -> None:
    file = _question_file(tmp_path, GOLD, {**GOLD, "question": "x" * 4_001}, OTHER)
    ended = ask("eval", file, "--notes", notes)
    assert (ended.code, ended.out) == (2, "")
    assert "Line 2 of " in ended.err
    assert "4,001 characters, and at most 4,000 are searched: shorten it, or raise ASK_MAX_QUESTION." in ended.err
    assert _sentence(ended.err)


def test_doctor_tells_the_state_of_the_index(ask: Ask, own_notes: Path) -> None:
    def state() -> str:
        return str(json.loads(ask("doctor", "--json", "--notes", own_notes).out)["index"]["state"])

    assert state().startswith("not built yet")
    ask("index", own_notes)
    assert state() == "up to date"
    (own_notes / "note.md").write_text("# New\n\n- words\n")
    assert state().startswith("out of date")


def test_doctor_for_people_says_all_is_well(ask: Ask, notes: Path) -> None:
    ended = ask("doctor", "--notes", notes)
    assert ended.code == 0
    assert ended.out.endswith("All is well.\n")
    assert "max_question   4000  [default]" in ended.out


def test_doctor_says_where_a_setting_comes_from(ask: Ask, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_MAX_QUESTION", "500")
    assert "max_question   500  [ASK_MAX_QUESTION]" in ask("doctor", "--notes", notes).out


def test_doctor_exits_with_1_and_names_the_problem(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = ask("doctor", "--notes", tmp_path / "nowhere")
    assert ended.code == 1
    assert "PROBLEM       There are no notes at" in ended.out
    monkeypatch.setenv("ASK_FOO", "1")
    report = json.loads(ask("doctor", "--json").out)
    assert report["problems"] == ["There is no setting ASK_FOO. Unset it; `ask doctor` lists those there are."]


def test_the_completion_script_is_bash(ask: Ask) -> None:
    script = ask("completion", "bash")
    assert script.code == 0
    assert "_ASK_COMPLETE" in script.out
    subprocess.run(["bash", "-n"], input=script.out, text=True, check=True)


def test_sources_of_a_follow_up_are_those_that_its_answer_is_found_by(ask: Ask, own_notes: Path) -> None:
    ask("--notes", own_notes, PORTS)
    found = json.loads(ask("--notes", own_notes, "-c", "--sources", "--json", "and why that?").out)
    assert found["standalone_question"] != "and why that?"


def test_sources_as_events_are_one_object_a_line(ask: Ask, notes: Path) -> None:
    assert json.loads(ask("--notes", notes, "--sources", "--jsonl", PORTS).out.splitlines()[0])["hits"]


def test_a_note_that_could_not_be_read_is_told_beside_the_answer(ask: Ask, own_notes: Path) -> None:
    (own_notes / "huge.md").write_bytes(b"\0" * 1000)
    ended = ask("--notes", own_notes, PORTS)
    assert ended.code == 0
    assert "a file of these notes could not be read: huge.md is a binary file, not text" in ended.err


def test_notes_may_be_named_by_an_option_too(ask: Ask, notes: Path) -> None:
    assert ask("lint", "--notes", notes).out == ask("lint", notes).out
    assert ask("index", "--notes", notes).code == 0


def test_a_name_that_would_act_on_a_terminal_is_told_without_it(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "a\x1b]0;owned\x07b.md").write_bytes(b"\0" * 1000)
    ended = ask("--notes", tmp_path, PORTS)
    assert ended.code == 1
    assert "\x1b" not in ended.err


@pytest.mark.slow
def test_other_weights_under_the_same_name_are_noticed(
    process: Ask, own_notes: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(packaged_model(), model)
    settings = {**environment, "ASK_ENCODER": str(model)}
    assert process("--notes", own_notes, PORTS, env=settings).returncode == 0
    os.utime(model / "model.safetensors")
    assert process("--notes", own_notes, PORTS, env=settings).returncode == 0  # touched, and the same
    with (model / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, os.SEEK_END)
        last = weights.read(1)
        weights.seek(-1, os.SEEK_END)
        weights.write(bytes([last[0] ^ 1]))
    refused = process("--notes", own_notes, PORTS, env=settings)
    assert refused.returncode == 1
    assert b"The index was made by another version of the encoder" in refused.stderr
    assert b"ask index PATH --rebuild" in refused.stderr
    assert process("index", "--rebuild", own_notes, env=settings).returncode == 0
    assert process("--notes", own_notes, PORTS, env=settings).returncode == 0
