from __future__ import annotations

import hashlib
import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.docker import endpoint
from assistant.docker.endpoint import EngineUnavailable, find_engine

USUAL = Path("/var/run/docker.sock")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a short name, for a socket's path has to be short; the engine of this machine is not seen."""
    is_socket = endpoint._is_socket
    monkeypatch.setattr(endpoint, "_is_socket", lambda place: place != USUAL and is_socket(place))
    with tempfile.TemporaryDirectory(prefix="ask-", dir="/tmp") as name:
        yield Path(name)


def _listen(place: Path) -> Path:
    """A socket at this place; it stays there when it is closed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
    return place


def _context(config: Path, name: str, meta: object, *, current: bool = True) -> None:
    """The files of a context as the CLI keeps them."""
    place = config / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(meta))
    if current:
        (config / "config.json").write_text(json.dumps({"auths": {}, "currentContext": name}))


def _meta(host: object) -> dict[str, object]:
    return {"Name": "x", "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}


def test_the_setting_goes_first(folder: Path) -> None:
    ours, theirs = _listen(folder / "a.sock"), _listen(folder / "b.sock")
    env = {"HOME": str(folder), "DOCKER_HOST": f"unix://{theirs}"}
    assert find_engine(f"unix://{ours}", env) == ours
    assert find_engine(None, env) == theirs
    assert find_engine("", env) == theirs


def test_docker_host_goes_before_a_context(folder: Path) -> None:
    ours, theirs = _listen(folder / "a.sock"), _listen(folder / "b.sock")
    _context(folder / ".docker", "mine", _meta(f"unix://{theirs}"))
    env = {"HOME": str(folder)}
    assert find_engine(None, {**env, "DOCKER_HOST": f"unix://{ours}"}) == ours
    assert find_engine(None, env) == theirs


def test_docker_context_goes_before_the_current_one(folder: Path) -> None:
    ours = _listen(folder / "a.sock")
    _context(folder / "config", "other", _meta(f"unix://{ours}"), current=False)
    _context(folder / "config", "remote", _meta("ssh://host"))
    env = {"HOME": str(folder), "DOCKER_CONFIG": str(folder / "config"), "DOCKER_CONTEXT": "other"}
    assert find_engine(None, env) == ours


@pytest.mark.parametrize("place", [".docker/run/docker.sock", ".docker/desktop/docker.sock"])
def test_the_usual_places_of_a_home_are_looked_at(folder: Path, place: str) -> None:
    ours = _listen(folder / place)
    assert find_engine(None, {"HOME": str(folder)}) == ours


def test_the_socket_of_a_rootless_engine_is_found(folder: Path) -> None:
    _listen(folder / ".docker/run/docker.sock")
    ours = _listen(folder / "run" / "docker.sock")
    assert find_engine(None, {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}) == ours


def test_the_default_context_means_the_usual_places(folder: Path) -> None:
    ours = _listen(folder / ".docker/run/docker.sock")
    env = {"HOME": str(folder), "DOCKER_CONTEXT": "default"}
    assert find_engine(None, env) == ours


@pytest.mark.parametrize("config", ["", "{", "[]", '{"currentContext": 3}', '{"currentContext": ""}', "[" * 100_000])
def test_a_config_that_cannot_be_read_names_no_context(folder: Path, config: str) -> None:
    ours = _listen(folder / ".docker/run/docker.sock")
    (folder / ".docker" / "config.json").write_text(config)
    assert find_engine(None, {"HOME": str(folder)}) == ours


def test_without_an_engine_it_is_said_what_to_do(folder: Path) -> None:
    with pytest.raises(EngineUnavailable, match="There is no Docker engine.*set ASK_DOCKER_HOST"):
        find_engine(None, {"HOME": str(folder)})


@pytest.mark.parametrize("place", ["a.sock", "file", "folder"])
def test_where_nothing_listens_is_no_engine(folder: Path, place: str) -> None:
    (folder / "file").write_text("")
    (folder / "folder").mkdir()
    with pytest.raises(EngineUnavailable, match=f"DOCKER_HOST names .*/{place}, where no engine listens"):
        find_engine(None, {"HOME": str(folder), "DOCKER_HOST": f"unix://{folder / place}"})


def test_a_usual_place_that_is_no_socket_is_passed_over(folder: Path) -> None:
    (folder / ".docker/run").mkdir(parents=True)
    (folder / ".docker/run/docker.sock").write_text("")
    ours = _listen(folder / ".docker/desktop/docker.sock")
    assert find_engine(None, {"HOME": str(folder)}) == ours


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("tcp://10.0.0.1:2375", "tcp"),
        ("tcp://127.0.0.1:2375", "tcp"),
        ("ssh://me@host", "ssh"),
        ("http://host", "http"),
        ("https://host", "https"),
        ("fd://3", "fd"),
        ("npipe:////./pipe/docker_engine", "npipe"),
        ("UNIX:///x", "UNIX"),
        ("10.0.0.1:2375", "10.0.0.1:2375"),
        ("/var/run/docker.sock", "/var/run/docker.sock"),
        (" unix:///x", " unix"),
    ],
)
@pytest.mark.parametrize("source", ["the setting docker_host", "DOCKER_HOST", "the docker context 'prod'"])
def test_another_machine_is_never_asked_and_the_source_is_named(
    folder: Path, address: str, kind: str, source: str
) -> None:
    _listen(folder / ".docker/run/docker.sock")  # would be found, were the other passed over
    env = {"HOME": str(folder)}
    setting = address if source.startswith("the setting") else None
    if source == "DOCKER_HOST":
        env[source] = address
    elif setting is None:
        _context(folder / ".docker", "prod", _meta(address))
    with pytest.raises(EngineUnavailable) as error:
        find_engine(setting, env)
    assert str(error.value) == (
        f"Only an engine of this machine is asked, by its socket (unix://...); {source} names one by {kind}."
    )


@pytest.mark.parametrize(
    "meta",
    [None, [], {}, {"Endpoints": []}, {"Endpoints": {"docker": 1}}, _meta(None), _meta(["unix:///x"]), _meta("")],
)
def test_a_context_that_cannot_be_read_is_not_passed_over(folder: Path, meta: object) -> None:
    _listen(folder / ".docker/run/docker.sock")
    _context(folder / ".docker", "prod", meta)
    with pytest.raises(EngineUnavailable, match="the docker context 'prod' names"):
        find_engine(None, {"HOME": str(folder)})


def test_a_context_that_is_not_there_is_not_passed_over(folder: Path) -> None:
    _listen(folder / ".docker/run/docker.sock")
    with pytest.raises(EngineUnavailable, match="the docker context '../x' names"):
        find_engine(None, {"HOME": str(folder), "DOCKER_CONTEXT": "../x"})


@pytest.mark.parametrize("address", ["unix://", "unix://docker.sock", "unix://./x", "unix://~/docker.sock"])
def test_a_socket_is_named_by_its_whole_path(folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    _listen(folder / "docker.sock")
    with pytest.raises(EngineUnavailable, match="where no engine listens"):
        find_engine(address, {"HOME": str(folder)})


def test_the_environment_of_the_process_is_the_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = _listen(folder / "a.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{ours}")
    assert find_engine() == ours
