from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.settings import FILE, FROM_ANY_FOLDER, PREFIX, Settings, load_settings, settings_files
from corpus.errors import SettingsError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_without_anything_every_setting_has_its_default() -> None:
    assert load_settings() == Settings.model_construct()
    assert settings_files() == []


def test_a_flag_goes_before_the_environment_that_before_the_file_that_before_the_default(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = [load_settings().max_question]
    (here / FILE).write_text("max_question = 300\n")
    read.append(load_settings().max_question)
    monkeypatch.setenv("ASK_MAX_QUESTION", "200")
    read.append(load_settings().max_question)
    read.append(load_settings(max_question=100).max_question)
    assert read == [4_000, 300, 200, 100]


def test_a_flag_that_is_not_given_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_NOTES", "/somewhere")
    assert load_settings(notes=None).notes == Path("/somewhere")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_MAX_QUESTION", "")
    assert load_settings().max_question == 4_000


def test_the_file_of_the_current_folder_goes_before_that_of_the_data_folder(here: Path, ask_home: Path) -> None:
    (ask_home / FILE).write_text("max_question = 300\n")
    assert load_settings().max_question == 300
    (here / FILE).write_text("wait_seconds = 5\n")
    assert (load_settings().max_question, load_settings().wait_seconds) == (300, 5.0)
    (here / FILE).write_text("max_question = 200\n")
    assert load_settings().max_question == 200
    assert [file.path for file in settings_files()] == [here / FILE, ask_home / FILE]


OTHERS = {
    "docker": "logs",
    "docker_host": "unix:///tmp/engine.sock",
    "model": "openai:gpt-4o-mini",
    "model_url": "http://evil.example/v1",
    "store": "http://evil.example",
    "journal": "postgresql://evil.example/journal",
    "encoder": "somebody/else",
    "embed_origins": ["https://evil.example"],
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_reaches_out_is_left_out_of_the_file_of_the_current_folder(
    here: Path, ask_home: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    line = f"{name} = {json.dumps(OTHERS[name])}\n"
    (here / FILE).write_text(f"max_question = 200\n{line}")
    settings = load_settings()
    assert getattr(settings, name) == Settings.model_fields[name].default
    assert settings.max_question == 200
    load_settings()
    (said,) = caplog.messages  # once, however often they are read
    assert said.startswith(
        f"ask: {name} in the ask.toml of the current folder: left out, it may be somebody else's file."
    )
    assert f"{ask_home / FILE} or as ASK_{name.upper()}." in said
    (here / FILE).rename(ask_home / FILE)
    assert getattr(load_settings(), name) != Settings.model_fields[name].default


def test_only_what_is_named_is_taken_from_any_folder(here: Path) -> None:
    lines = [f"{name} = {json.dumps(str(value))}" for name, value in dict.fromkeys(Settings.model_fields, "1").items()]
    (here / FILE).write_text("\n".join(lines))
    (file,) = settings_files()
    assert set(file.values) == FROM_ANY_FOLDER
    assert set(file.left_out) == set(Settings.model_fields) - FROM_ANY_FOLDER


def test_the_data_folder_is_the_users_own_as_the_current_folder_too(
    ask_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ask_home / FILE).write_text('docker = "on"\n')
    monkeypatch.chdir(ask_home)
    assert load_settings().docker == "on"


def test_reading_settings_makes_nothing(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_HOME", str(tmp_path / "new"))
    load_settings()
    assert not (tmp_path / "new").exists()
    assert list(here.iterdir()) == []


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_MAXQUESTION", "1")
    with pytest.raises(SettingsError, match="There is no setting ASK_MAXQUESTION. Unset it"):
        load_settings()


def test_an_unknown_name_in_the_file_is_refused(here: Path) -> None:
    (here / FILE).write_text("colour = 1\n")
    with pytest.raises(SettingsError, match=r"There is no setting 'colour' \(in ask.toml\)"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_question", "0"), ("max_question", "100001"), ("max_question", "many"), ("wait_seconds", "-1"),
        ("wait_seconds", "nan"), ("store", "localhost:8000"), ("base_url", "x.example/"),
        ("base_url", "file:///x/"),
    ],
)  # fmt: skip
def test_a_value_out_of_bounds_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), value)
    with pytest.raises(SettingsError, match=f"The setting (?i:ask_{name}) cannot be '{value}'.*It is: "):
        load_settings()


def test_a_base_is_given_the_slash_that_it_lacks() -> None:
    assert load_settings(base_url="https://x.example/notes").base_url == "https://x.example/notes/"


def test_a_tilde_in_a_file_of_settings_is_the_home(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    (here / FILE).write_text('notes = "~/notes"\n')
    assert load_settings().notes == Path("/home/someone/notes")


@pytest.mark.parametrize(("name", "value"), [("max_question", 1), ("max_question", 100_000), ("wait_seconds", 0)])
def test_the_bounds_themselves_are_allowed(name: str, value: int) -> None:
    assert getattr(load_settings(**{name: value}), name) == value


@pytest.mark.parametrize("content", [b"not toml", b"\xff\xfe", b"max_question = 1\nmax_question = 2\n"])
def test_a_file_that_is_not_toml_is_named(here: Path, content: bytes) -> None:
    (here / FILE).write_bytes(content)
    with pytest.raises(SettingsError, match="ask.toml cannot be read: .* Mend or remove it."):
        load_settings()


def test_every_setting_has_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert (field.description or "").endswith("."), name
