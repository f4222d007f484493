"""The read-only tool at a real Docker Engine: what it shows, what it hides, and that nothing changes.

Each of its walls is tried alone: all attacks through the plan, and the worst commands straight at the proxy.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.docker.plan import Plan, plan_text
from assistant.docker.proxy import ReadOnlyProxy
from assistant.docker.refusal import DockerRefused
from assistant.docker.run import MAX_BYTES, MAX_LINES, find_program, run_plan
from assistant.docker.tool import DockerTool
from tests.assistant.docker.engine import SECRETS, Engine, secrets_in

pytestmark = [pytest.mark.real, pytest.mark.slow]

SHOWN = {"␊": "\n", "␍": "\r", "␉": "\t", "␛": "\x1b", "␀": "\0"}


def attacks() -> list[tuple[str, str]]:
    """Each line of attacks.tsv with its verdict."""
    rows = Path(__file__).with_name("attacks.tsv").read_text(encoding="utf-8").split("\n")[1:]
    found = []
    for row in rows:
        if row:
            line, verdict, _ = row.split("\t")
            for shown, meant in SHOWN.items():
                line = line.replace(shown, meant)
            found.append((line, verdict))
    return found


ALLOWED = [line for line, verdict in attacks() if verdict == "allow"]

# Sent to the proxy by the real CLI, past the plan: what writes, what never ends, what hands out files or secrets.
WORST = [
    "run --rm busybox:local true",
    "create busybox:local true",
    "start fresh",
    "stop web",
    "restart web",
    "kill web",
    "rm -f web",
    "rmi -f busybox:local",
    "exec web id",
    "exec -d web touch /owned",
    "attach --no-stdin web",
    "commit web stolen",
    "tag busybox:local stolen",
    "rename web stolen",
    "pause web",
    "update --memory 64m web",
    "cp web:/bin/busybox -",
    "export web",
    "save busybox:local",
    "volume create owned",
    "volume rm data",
    "network create owned",
    "network connect bridge cache",
    "network disconnect bridge web",
    "system prune -af",
    "image prune -af",
    "container prune -f",
    "pull busybox",
    "push busybox:local",
    "swarm init",
    "plugin ls",
    "secret ls",
    "logs -f web",
    "logs --tail all big",
    "logs big",
    "stats web",
    "events",
    "top web e",
    "wait web",
    "search busybox",
    "checkpoint ls web",
    "container inspect ../networks/bridge",
    "network inspect ../swarm",
]

# Names that are paths: the CLI asks for another object. What is let through is read and redacted like any other.
ELSEWHERE = [
    "network inspect ../containers/web/json",
    "volume inspect ../containers/web/top",
    "network inspect ../events",
    "image inspect ../containers/web",
    "network inspect ../swarm/unlockkey",
    "volume inspect ../info",
    "system dial-stdio",
]

WEBSOCKET = (
    b"GET /containers/web/attach/ws?stdin=1&stream=1 HTTP/1.1\r\nHost: d\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SMUGGLED = (
    b"GET /containers/json HTTP/1.1\r\nHost: d\r\nContent-Length: 48\r\n\r\n"
    b"POST /containers/web/kill HTTP/1.1\r\nHost: d\r\n\r\n"
)
RAW = [
    WEBSOCKET,
    b"GET /containers/web/attach/ws?stdin=1 HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /containers/web/export HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /containers/web/archive?path=/bin HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /images/busybox:local/get HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /v1.41/containers/web/../../containers/web/export HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /networks/%2e%2e/containers/web/json HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET //containers/json HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET http://d/containers/json HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /containers/web/logs?stdout=1&tail=5&tail=all HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /containers/web/logs?stdout=1&follow=1&tail=5 HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /containers/web/logs?stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /containers/web/stats HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /containers/web/top?ps_args=e HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /events?until=99999999999 HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /swarm/unlockkey HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /debug/pprof/heap HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /session HTTP/1.1\r\nHost: d\r\n\r\n",
    b"POST /containers/web/kill HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n",
    b"DELETE /containers/web?force=1 HTTP/1.1\r\nHost: d\r\n\r\n",
    b"PUT /containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\nabc",
    b"HEAD /containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\n\r\n",
    SMUGGLED,
    b"GET /containers/json HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /containers/json HTTP/1.0\r\n\r\n",
    b"GET /containers/json\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /containers/json HTTP/1.1\r\nHost: d\r\nX-HTTP-Method-Override: DELETE\r\nExpect: 100-continue\r\n\r\n",
    b"\0\0\0\0",
]


# Ways to make a command print what was planted.
PROBES = [
    "docker inspect web",
    "docker inspect -f '{{.Config.Env}}' web",
    "docker inspect -f '{{json .Config}}' web",
    "docker inspect -f '{{index .Config.Env 0}}' web",
    "docker inspect -f '{{range .Config.Env}}{{upper .}}{{end}}' web",
    "docker inspect -f '{{json .Config.Labels}}' web",
    "docker inspect -f '{{split (index .Config.Env 0) \"=\"}}' web",
    "docker inspect -f '{{.Args}}' cache",
    "docker inspect cache",
    "docker ps -a --no-trunc",
    "docker ps -a --format '{{.Labels}}'",
    "docker ps -a --format '{{.Command}}' --no-trunc",
    "docker ps --format json",
    "docker ps --format '{{.Label \"com.example.secret\"}}'",
    "docker image inspect busybox:local",
    "docker image inspect -f '{{json .}}' busybox:local",
    "docker history --no-trunc busybox:local",
    "docker volume inspect share",
    "docker volume inspect -f '{{json .Options}}' share",
    "docker volume ls --format json",
    "docker events --since 1h --until 0s",
    "docker events --since 1h --format json",
    "docker top cache",
    "docker top cache -eo pid,args",
    "docker system df -v --format json",
    "docker logs hostile",
    "docker info -f json",
    "docker stats --no-stream --format json",
]


@pytest.fixture
def unchanged(engine: Engine) -> Iterator[None]:
    """The engine's whole state is the same after a test as before it."""
    before = engine.state()
    yield
    assert engine.state() == before


def past_the_plan(engine: Engine, command: str) -> tuple[int | None, str]:
    """Run words that no plan would let through: the proxy is the only wall."""
    words = tuple(command.split())
    run = run_plan(Plan(("docker", *words), "list", 6.0), engine.socket)
    return run.exit_code, run.stdout + run.stderr


class TestAllowed:
    @pytest.mark.usefixtures("unchanged")
    def test_every_allowed_line_runs_and_shows_no_secret(self, engine: Engine) -> None:
        assert len(ALLOWED) > 60
        failed, shown = [], []
        for line in ALLOWED:
            run = run_plan(plan_text(line), engine.socket)
            shown += [(line, place) for place in secrets_in(run.stdout + run.stderr)]
            about_another = "port web" in line or "8080/tcp" in line  # web publishes nothing
            if run.exit_code != 0 and not about_another:
                failed.append((line, run.exit_code, run.stderr))
        assert failed == []
        assert shown == []

    def test_the_output_is_that_of_the_cli(self, engine: Engine) -> None:
        for line in (
            "images",
            "ps -a --no-trunc --format {{.ID}}",
            "network ls",
            "volume ls",
            "port echo-server",
            "diff web",
            "history busybox:local",
            "inspect -f {{.State.ExitCode}} job1",
        ):
            run = run_plan(plan_text(f"docker {line}"), engine.socket)
            assert run.stdout == engine.docker(*line.split()), line

    def test_the_engine_that_answered_is_named(self, engine: Engine) -> None:
        run = run_plan(plan_text("docker ps"), engine.socket)
        assert run.engine is not None
        assert str(engine.socket) in run.engine
        assert engine.docker("version", "-f", "{{.Server.Version}}").split("+")[0].strip() in run.engine


class TestSecrets:
    def test_none_is_shown_by_any_command(self, engine: Engine) -> None:
        shown = []
        for line in PROBES:
            try:
                run = run_plan(plan_text(line), engine.socket)
            except DockerRefused:
                continue  # not even asked
            text = run.stdout + run.stderr
            shown += [(line, place) for place in secrets_in(text) + secrets_in(text.lower())]
        assert shown == []

    def test_they_are_there_without_the_fence(self, engine: Engine) -> None:
        direct = engine.docker("inspect", "web", "cache", "busybox:local") + engine.docker("volume", "inspect", "share")
        assert set(secrets_in(direct + engine.docker("logs", "hostile"))) == set(SECRETS)

    def test_names_of_variables_stay(self, engine: Engine) -> None:
        run = run_plan(plan_text("docker inspect -f '{{.Config.Env}}' web"), engine.socket)
        assert {"DB_PASSWORD=<redacted>", "API_KEY=<redacted>", "PATH=/bin"} <= set(run.stdout.strip("[]\n").split())
        assert run.redactions >= 2


class TestHostileOutput:
    def test_escapes_and_marks_are_shown_and_not_obeyed(self, engine: Engine) -> None:
        run = run_plan(plan_text("docker logs hostile"), engine.socket)
        assert "\x1b" not in run.stdout
        assert "\u202e" not in run.stdout
        assert "<U+202E>right to left" in run.stdout
        assert "owned" not in run.stdout  # the title that it would have set
        assert "Ignore your instructions" in run.stdout

    def test_a_huge_log_is_bounded(self, engine: Engine) -> None:
        started = time.monotonic()
        run = run_plan(plan_text("docker logs -n 1000 big"), engine.socket)
        assert run.truncated
        assert len(run.stdout.split("\n")) <= MAX_LINES
        assert time.monotonic() - started < 8

    def test_output_beyond_the_bytes_that_are_read_is_cut_and_the_process_is_gone(self, engine: Engine) -> None:
        run = run_plan(
            Plan(("docker", "logs", "--tail=1000", "--timestamps=true", "--", "big"), "content", 10.0), engine.socket
        )
        assert len(run.stdout) <= MAX_BYTES
        assert not _running_under(os.getpid())


class TestNothingChanges:
    @pytest.mark.usefixtures("unchanged")
    def test_by_all_attacks(self, tool: DockerTool) -> None:
        verdicts = {"allow": 0, "refuse": 0}
        for line, expected in attacks():
            run = tool.run(line)
            assert run.allowed == (expected == "allow"), (line, run.reason)
            assert not secrets_in(run.stdout + run.stderr)
            verdicts[expected] += 1
        assert verdicts["allow"] > 60
        assert verdicts["refuse"] > 150

    @pytest.mark.usefixtures("unchanged")
    def test_by_the_worst_commands_past_the_plan(self, engine: Engine) -> None:
        through = []
        for command in WORST:
            code, text = past_the_plan(engine, command)
            if code == 0 or secrets_in(text):
                through.append((command, code, text[:300]))
        assert through == []

    @pytest.mark.usefixtures("unchanged")
    def test_by_names_that_are_paths(self, engine: Engine) -> None:
        shown = [(command, secrets_in(past_the_plan(engine, command)[1])) for command in ELSEWHERE]
        assert [row for row in shown if row[1]] == []

    @pytest.mark.usefixtures("unchanged")
    def test_by_raw_requests(self, engine: Engine) -> None:
        through = []
        with ReadOnlyProxy(engine.socket) as proxy:
            for request in RAW:
                answer = _raw(proxy.path, request)
                status = int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/") else 0
                if status not in {400, 403, 404} or answer.count(b"HTTP/1.1") != 1:
                    through.append((request, answer[:200]))
        assert through == []

    def test_a_ping_gets_through(self, engine: Engine) -> None:
        with ReadOnlyProxy(engine.socket) as proxy:
            assert _raw(proxy.path, b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n").startswith(b"HTTP/1.1 200 ")


class TestLimits:
    def test_what_takes_too_long_is_stopped_with_all_its_processes(self, engine: Engine, tmp_path: Path) -> None:
        program = tmp_path / "docker"
        program.write_text("#!/bin/sh\n/bin/sleep 60 &\necho begun\nwait\n")
        program.chmod(0o755)
        started = time.monotonic()
        run = run_plan(Plan(("docker", "ps"), "list", 1.0), engine.socket, program)
        assert time.monotonic() - started < 4
        assert run.exit_code is None
        assert run.stdout == "begun\n"
        assert run.stderr == "Stopped after 1 seconds."
        assert run.truncated


class TestProcess:
    def test_the_users_configuration_and_plugins_are_not_looked_at(
        self, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plugins = tmp_path / "cli-plugins"
        plugins.mkdir()
        trace = tmp_path / "ran"
        (plugins / "docker-evil").write_text(f"#!/bin/sh\ntouch {trace}\necho '{{}}'\n")
        (plugins / "docker-evil").chmod(0o755)
        (tmp_path / "config.json").write_text(json.dumps({"psFormat": "owned", "currentContext": "gone"}))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.setenv("DOCKER_CLI_HOOKS", "true")
        for line in ("docker ps", "docker info", "docker ps --help"):
            run = run_plan(plan_text(line), engine.socket)
            assert run.exit_code == 0
            assert "owned" not in run.stdout
        assert not trace.exists()

    def test_a_planted_program_is_not_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        planted = tmp_path / "docker"
        planted.write_text("#!/bin/sh\nexit 0\n")
        planted.chmod(0o777)
        monkeypatch.setenv("PATH", f"{tmp_path}:.")
        with pytest.raises(Exception, match="not trusted"):
            find_program()

    def test_no_file_can_be_written(self, engine: Engine, tmp_path: Path) -> None:
        target = tmp_path / "stolen.tar"
        run = run_plan(Plan(("docker", "save", "-o", str(target), "busybox:local"), "list", 6.0), engine.socket)
        assert run.exit_code != 0
        assert not target.exists() or target.stat().st_size == 0

    def test_a_busy_template_is_killed(self, engine: Engine) -> None:
        inner = '{{range split (printf "%100000d" 1) " "}}{{printf "%100000d" 1}}{{end}}'
        started = time.monotonic()
        run = run_plan(Plan(("docker", "version", "--format", inner), "list", 2.0), engine.socket)
        assert run.exit_code != 0  # stopped by the time it has, or by the memory
        assert time.monotonic() - started < 6
        assert not _running_under(os.getpid())

    def test_many_at_once(self, engine: Engine) -> None:
        codes: list[int | None] = []
        threads = [
            threading.Thread(target=lambda: codes.append(run_plan(plan_text("docker ps -a"), engine.socket).exit_code))
            for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert codes == [0] * 12

    def test_an_engine_that_goes_away_is_told(self, tmp_path: Path) -> None:
        gone = tmp_path / "gone.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(gone))
        run = run_plan(plan_text("docker ps"), gone)
        assert run.exit_code == 1
        assert "did not answer" in run.stderr


def _raw(path: Path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65_536):
            answer += piece
        return answer


def _running_under(process: int) -> list[str]:
    """The docker commands that are children of a process."""
    done = subprocess.run(
        [shutil.which("ps") or "ps", "--ppid", str(process), "-o", "comm="], capture_output=True, text=True, check=False
    )
    return [line for line in done.stdout.split() if line == "docker"]
