from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.settings import FILE, Settings
from index.build import build_index
from index.embedding import HASHING_ENCODER
from index.location import index_folder
from ui.checkup import PACKAGES, checkup, checkup_lines


@pytest.fixture
def built(own_notes: Path, ask_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Notes with an index, by an encoder that needs no loading."""
    monkeypatch.setenv("ASK_ENCODER", HASHING_ENCODER)
    build_index(own_notes, index_folder(own_notes, ask_home), encoder_name=HASHING_ENCODER)
    return own_notes


def test_it_names_packages_settings_and_the_index(built: Path, ask_home: Path) -> None:
    report = checkup(built)
    assert set(report["packages"]) == set(PACKAGES)
    assert set(report["settings"]) == set(Settings.model_fields)
    assert report["home"] == str(ask_home)
    assert report["index"]["state"] == "up to date"
    assert (report["index"]["notes"], report["index"]["passages"]) == (1, 4)
    assert report["index"]["sections"] == "4, 1 of them unfinished"
    assert report["problems"] == []


def test_it_says_when_the_notes_have_changed(built: Path) -> None:
    (built / "more.md").write_text("# More\n")
    assert checkup(built)["index"]["state"].startswith("out of date")


def test_it_builds_nothing(own_notes: Path, ask_home: Path) -> None:
    assert checkup(own_notes)["index"]["state"].startswith("not built yet")
    assert not (ask_home / "indexes").exists()


def test_it_says_where_each_setting_comes_from(
    own_notes: Path, ask_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ask_home / FILE).write_text("wait_seconds = 5\n")
    monkeypatch.setenv("ASK_MAX_QUESTION", "500")
    monkeypatch.setenv("ASK_STORE", "")
    rows = checkup(own_notes)["settings"]
    assert (rows["max_question"]["value"], rows["max_question"]["from"]) == (500, "ASK_MAX_QUESTION")
    assert (rows["wait_seconds"]["value"], rows["wait_seconds"]["from"]) == (5.0, str(ask_home / FILE))
    assert (rows["store"]["value"], rows["store"]["from"]) == (None, "default")


def test_a_variable_in_small_letters_is_named_as_it_is_written(
    own_notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ask_max_question", "500")
    row = checkup(own_notes)["settings"]["max_question"]
    assert (row["value"], row["from"]) == (500, "ask_max_question")


def test_a_model_of_the_command_line_is_named_so(own_notes: Path) -> None:
    assert checkup(own_notes, "none")["settings"]["model"]["from"] == "--model"


def test_it_says_what_is_left_out_of_the_file_of_the_current_folder(
    own_notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_notes / FILE).write_text('docker = "on"\nmax_question = 200\n')
    monkeypatch.chdir(own_notes)
    report = checkup(own_notes)
    assert report["settings"]["docker"]["from"] == "default"
    assert report["settings"]["max_question"]["from"] == str(own_notes / FILE)
    (line,) = [line for line in checkup_lines(report) if line.startswith("left out")]
    assert line.startswith("left out      docker in the ask.toml of the current folder: left out, ")
    assert report["problems"] == []


@pytest.mark.parametrize("encoder", ["other-model", HASHING_ENCODER])
def test_an_index_by_another_encoder_is_a_problem(built: Path, monkeypatch: pytest.MonkeyPatch, encoder: str) -> None:
    monkeypatch.setenv("ASK_ENCODER", encoder)
    problems = checkup(built)["problems"]
    assert bool(problems) is (encoder != HASHING_ENCODER)
    assert all("ask index PATH --rebuild" in problem for problem in problems)


def test_notes_that_cannot_be_read_are_a_problem(tmp_path: Path) -> None:
    report = checkup(tmp_path)
    assert "There are no Markdown notes to read" in report["problems"][0]
    assert checkup_lines(report)[-1].startswith("PROBLEM       There are no Markdown notes")


def test_bad_settings_are_a_problem_and_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_WAIT_SECONDS", "soon")
    report = checkup(None)
    assert "wait_seconds" in report["problems"][0].lower()
    assert "index" not in report
    assert checkup_lines(report)[-1].startswith("PROBLEM")


def test_it_is_json_and_lines_for_people(built: Path) -> None:
    report = json.loads(json.dumps(checkup(built)))
    lines = checkup_lines(report)
    assert lines[-1] == "All is well."
    assert all("\n" not in line for line in lines)


def test_the_password_of_a_journal_is_not_shown(monkeypatch: pytest.MonkeyPatch, notes: Path) -> None:
    monkeypatch.setenv("ASK_JOURNAL", "postgresql+psycopg://me:hunter2@db.example:5432/journal")
    report = checkup(notes)
    assert report["settings"]["journal"]["value"] == "postgresql+psycopg://me:***@db.example:5432/journal"
    assert "hunter2" not in "\n".join(checkup_lines(report))
