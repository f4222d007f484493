from __future__ import annotations

import threading
from pathlib import Path

import pytest

from corpus.errors import IndexBusy
from index.location import (
    ask_home,
    build_lock,
    current_generation,
    generation_folder,
    index_folder,
    new_generation,
    remove_all_but,
    switch_to,
)


def no_news(seconds: float) -> None:
    """Nobody waits."""


def test_the_home_is_what_ask_home_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASK_HOME", str(tmp_path / "here"))
    assert ask_home() == tmp_path / "here"
    assert not (tmp_path / "here").exists()


def test_a_tilde_in_the_home_is_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_HOME", "~/ask")
    assert ask_home() == Path.home() / "ask"


def test_without_ask_home_it_is_the_platforms_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ASK_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert ask_home().name == "ask-the-notes"


def test_the_same_notes_have_the_same_folder_whatever_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "My Notes").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "My Notes")
    folder = index_folder(tmp_path / "My Notes", tmp_path)
    assert folder == index_folder(tmp_path / "link", tmp_path)
    assert folder == index_folder(tmp_path / "x" / ".." / "My Notes", tmp_path)
    assert folder.parent == tmp_path / "indexes"
    assert folder.name.startswith("my-notes-")


def test_notes_of_the_same_name_have_different_folders(tmp_path: Path) -> None:
    assert index_folder(tmp_path / "a" / "notes", tmp_path) != index_folder(tmp_path / "b" / "notes", tmp_path)


def test_a_name_with_no_letters_still_has_a_folder(tmp_path: Path) -> None:
    assert index_folder(tmp_path / "日本", tmp_path).name.startswith("notes-")


def test_there_is_no_generation_before_the_first_build(tmp_path: Path) -> None:
    assert current_generation(tmp_path / "nowhere") is None


def test_a_mark_that_is_no_number_is_no_generation(tmp_path: Path) -> None:
    (tmp_path / "current").write_bytes(b"\xff\xfe")
    assert current_generation(tmp_path) is None


def test_a_generation_is_in_use_only_after_the_switch(tmp_path: Path) -> None:
    number = new_generation(tmp_path)
    assert current_generation(tmp_path) is None
    switch_to(tmp_path, number)
    assert current_generation(tmp_path) == number
    assert generation_folder(tmp_path, number).is_dir()


def test_a_new_generation_has_a_number_that_none_has_had(tmp_path: Path) -> None:
    first = new_generation(tmp_path)
    switch_to(tmp_path, first)
    half_made = new_generation(tmp_path)
    assert new_generation(tmp_path) > half_made > first


def test_all_but_one_generation_are_removed(tmp_path: Path) -> None:
    first, second, third = (new_generation(tmp_path) for _ in range(3))
    assert remove_all_but(tmp_path, second) == [first, third]
    assert [path.name for path in (tmp_path / "generations").iterdir()] == [str(second)]


def test_the_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    told: list[float] = []
    with build_lock(tmp_path, wait_seconds=0, waiting=no_news):

        def second() -> None:
            with (
                pytest.raises(IndexBusy, match="Wait until it is done"),
                build_lock(tmp_path, wait_seconds=2.5, waiting=told.append),
            ):
                pass

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert 1 <= len(told) <= 3
    assert told == sorted(told)


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), build_lock(tmp_path, wait_seconds=0, waiting=no_news):
        raise KeyError
    with build_lock(tmp_path, wait_seconds=0, waiting=no_news):
        pass
