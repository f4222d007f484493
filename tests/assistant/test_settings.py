from __future__ import annotations

from pathlib import Path

import pytest

from assistant.settings import FILE, PREFIX, Settings, load_settings, settings_file
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
    assert settings_file() is None


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
    assert (load_settings().max_question, load_settings().wait_seconds) == (4_000, 5.0)


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
