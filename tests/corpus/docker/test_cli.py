from __future__ import annotations

import pytest

from corpus.docker.cli import check, reference
from corpus.docker.placeholders import describes_a_value, is_placeholder
from corpus.docker.values import is_image, wanted
from corpus.docker.words import first_command
from tests.bench.docker.against_cli import compared
from tests.bench.docker.dry_run import dry_run, installed
from tests.bench.docker.make_reference import TARGET, made

needs_docker = pytest.mark.skipif(installed() != reference()["docker"], reason="needs the docker CLI of the reference")


@pytest.mark.parametrize(
    ("line", "status", "severity", "suggestion"),
    [
        # Wrong flags, spelt with two dashes or one.
        ("docker run --rm --ti", "invalid", "error", "-ti"),
        ("docker run --rm --ti debian sh", "invalid", "error", "docker run --rm -ti debian sh"),
        ("docker logs --tial 5 shop", "invalid", "error", "docker logs --tail 5 shop"),
        ("docker logs --tial=5 shop", "invalid", "error", "docker logs --tail=5 shop"),
        ("docker exec --rm shop sh", "invalid", "error", None),
        ("docker run -name shop debian", "invalid", "error", "docker run --name shop debian"),
        ("docker run -publish 80:80 debian", "invalid", "error", "docker run --publish 80:80 debian"),
        ("docker run -env A=b debian", "invalid", "error", "docker run --env A=b debian"),
        ("docker run -link shop:db debian", "valid", "warn", "docker run --link shop:db debian"),
        ("docker run -link shop:db", "valid", "warn", "--link"),
        ("docker ps -all", "valid", "warn", "docker ps --all"),
        ("docker ps -aqn2", "valid", None, None),
        ("docker ps -qz", "invalid", "error", None),
        # Old spellings that still work.
        ("docker run --net host debian", "valid", "warn", "docker run --network host debian"),
        ("docker stop --time=3 shop", "valid", "warn", "docker stop --timeout=3 shop"),
        # Values.
        ("docker run --memory lots debian", "invalid", "error", None),
        ("docker run --memory=256m debian", "valid", None, None),
        ("docker run -p shop:80 debian", "invalid", "error", None),
        ("docker ps --all=maybe", "invalid", "error", None),
        ("docker ps -f shop", "invalid", "error", None),
        # Arguments.
        ("docker logs shop till", "invalid", "error", None),
        ("docker rename shop", "valid", "mention", None),
        ("docker service scale shop", "invalid", "error", None),
        ("docker run Debian sh", "invalid", "error", "docker run debian sh"),
        ("docker tag shop a//b", "invalid", "error", None),
        ("docker run debian sh --ti -zz", "valid", None, None),
        ("docker exec shop ls --ti", "valid", None, None),
        # Commands.
        ("docker pss", "invalid", "error", "docker ps"),
        ("docker network lst", "invalid", "error", "docker network list"),
        ("docker --ti ps", "invalid", "error", None),
        ("docker -H tcp://10.0.0.2 ps", "valid", None, None),
        ("docker pss --help", "invalid", "error", "docker ps --help"),
        ("docker run --help", "valid", None, None),
        ("docker compose up", "unknown", None, None),
        ("docker $command", "unknown", None, None),
        ("docker volume", "valid", None, None),
        ("podman ps", "unknown", None, None),
        ("docker ps 'a", "unknown", None, None),
        # The builder that is built in has fewer flags than buildx.
        ("docker build --secret id=key -t shop .", "unknown", None, None),
        ("docker image build -o out .", "unknown", None, None),
        ("docker build -t shop .", "valid", None, None),
        ("docker build -t shop . web", "invalid", "error", None),
        # Typographic marks.
        ("docker ps \u2013a", "invalid", "error", "docker ps -a"),
        ("docker run \u2013rm debian", "invalid", "error", "docker run --rm debian"),
        ("docker run \u2014\u2014rm debian", "invalid", "error", "docker run --rm debian"),
        ("docker run \u201cdebian\u201d", "invalid", "error", 'docker run "debian"'),
        ('docker commit -m "it\u2019s done" shop', "valid", None, None),
        ("docker run debian echo \u201chi\u201d", "valid", None, None),
        # A protocol is not an image.
        ("docker run -p 1234:1234 udp", "valid", "warn", "docker run -p 1234:1234/udp IMAGE"),
        ("docker run -p 1234:1234 tcp debian sh", "valid", "warn", "docker run -p 1234:1234/tcp debian sh"),
        ("docker run -p 53:53/udp udp", "valid", "warn", "-p PORT:PORT/udp IMAGE"),
        # What is to be filled in.
        ("docker exec -ti NAMES /bin/sh", "valid", "placeholder", None),
        ("docker run --cpu-shares X", "valid", "placeholder", None),
        ("docker run --cpu-quota X", "valid", "placeholder", None),
        ("docker run --memory M image cmd", "valid", "placeholder", None),
        ("docker run --memory maximum-allowed-memory debian", "valid", "placeholder", None),
        ("docker run -it <image> sh", "valid", "placeholder", None),
        ("docker run [OPTIONS] IMAGE [COMMAND] [ARG...]", "valid", "placeholder", None),
        ("docker run -e MODE=TEST debian echo HELLO", "valid", None, None),
        ("docker run --ti IMAGE", "invalid", "error", "docker run -ti IMAGE"),
        ("docker logs $container_name", "valid", "variable", None),
        ("docker kill $c", "valid", "variable", None),
        ('docker rm "$c"', "valid", "variable", None),
        ("docker rm -f $(docker ps -aq)", "valid", "variable", None),
        ("docker rm --foo $c", "invalid", "error", None),
        # Names in a sentence, and right lines.
        ("docker commit", "valid", "mention", None),
        ("docker tag", "valid", "mention", None),
        ("docker run -p", "valid", "mention", None),
        ("docker images", "valid", None, None),
        ("docker ps -l", "valid", None, None),
        ("docker port shop", "valid", None, None),
        ("docker run --rm -ti -p 45678 -p 45679 --name shop debian:12 bash", "valid", None, None),
        ("docker save shop:v1 | gzip --ti > shop.gz", "valid", None, None),
        ("docker image prune 2>/dev/null", "valid", None, None),
        ("docker ps > running.txt", "valid", None, None),
        ("$ docker ps -a # all of them", "valid", None, None),
        ("me@host:~$ docker ps", "valid", None, None),
    ],
)  # fmt: skip
def test_a_line_in_a_sentence(line: str, status: str, severity: str | None, suggestion: str | None) -> None:
    verdict = check(line, is_whole=False)
    assert (verdict.status, verdict.severity, verdict.suggestion) == (status, severity, suggestion)
    assert (verdict.problem is None) == (severity is None)


@pytest.mark.parametrize("line", ["docker commit", "docker tag shop", "docker run -p", "docker stop --time 3"])
def test_a_whole_line_must_not_lack_anything(line: str) -> None:
    assert check(line).status == "invalid"
    assert check(line, is_whole=False).status == "valid"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("docker run --rm --ti", "docker run has no flag --ti (Docker 28.2)"),
        ("docker ps -all", "-all means -a -l -l to docker ps (Docker 28.2)"),
        ("docker run -link a:b debian", "-link means -l ink to docker run (Docker 28.2)"),
        ("docker run -m lots debian", "-m of docker run takes a size such as 512m, not lots (Docker 28.2)"),
        ("docker rename shop", "docker rename needs 2 arguments (Docker 28.2)"),
        ("docker ps shop", "docker ps takes no arguments: shop is too many (Docker 28.2)"),
        ("docker kill $c-name", "the shell fills in $c-name; a shell reads $c and then -name"),
        ("docker rename OLD", "OLD stands for what you put there; docker rename needs 2 arguments"),
    ],
)
def test_the_problem_is_told_with_the_version(line: str, problem: str) -> None:
    assert check(line).problem == problem


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("", ["true", "0", "F"], ["yes", "tRUE", ""]),
        ("int", ["5", "-1", "0x10", "1_000", "010"], ["X", "1.5", "09", "9" * 20, " 5", ""]),
        ("uint16", ["0", "65535"], ["-1", "+1", "65536"]),
        ("bytes", ["512m", "1.5GiB", ".5g", "1 kb", "100", "1e3"], ["M", "-1", "5 %", "1i", "1mm"]),
        ("duration", ["30s", "1h30m", "0", "1.5ms"], ["5", "1d", "5 s"]),
        ("decimal", ["0.5", "1/2", "2"], ["50%", "half"]),
        ("filter", ["name=shop", ""], ["shop"]),
        ("ulimit", ["nofile=1:2"], ["files=1", "nofile"]),
        ("port", ["80", "8080:80", "1.2.3.4::80", "[::1]:8:8", "1-3:4-6/udp", "1-3:9", "target=80"],
         ["", "shop:80", "80/xyz", "99999:80", "80:80:80", "1-2:1-3", "80:"]),
        ("mount", ["type=volume,target=/x,readonly"], ["shop", "type=volume"]),
    ],
)  # fmt: skip
def test_the_form_of_a_value(kind: str, right: list[str], wrong: list[str]) -> None:
    assert [value for value in right if wanted("run", "any", kind, value)] == []
    assert [value for value in wrong if not wanted("run", "any", kind, value)] == []


def test_the_form_of_the_name_of_an_image() -> None:
    right = ["debian", "debian:12", "Team/shop", "localhost:5000/team/shop:v1", "a__b", f"shop@sha256:{'0' * 64}"]
    wrong = ["Debian", "team/Shop", "debian:", "a//b", "-x", "shop:v1:v2", ""]
    assert [name for name in [*right, *wrong] if is_image(name)] == right


def test_what_stands_for_something_else() -> None:
    right = ["NAME", "NAME:TAG", "<image>", "X", "/PATH", "name=VALUE", "...", "[options]", "USER@HOST"]
    others = ["name", "Debian", "KEY=value", "[::1]:80", "8080:80", "a.b"]
    assert [word for word in [*right, *others] if is_placeholder(word)] == right
    assert describes_a_value("maximum-size")
    assert describes_a_value("hostport:80")
    assert not describes_a_value("shop:80")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("docker run 'a b' \"c d\" e\\ f", ["docker", "run", "a b", "c d", "e f"]),
        ("docker ps;ls", ["docker", "ps"]),
        ("docker ps && ls", ["docker", "ps"]),
        ("docker load < a.tar -q 2>&1", ["docker", "load", "-q"]),
        ("docker rm $(docker ps -q | tail -1) x#y # z", ["docker", "rm", "$(docker ps -q | tail -1)", "x#y"]),
        ("docker run <my image> sh", ["docker", "run", "<my image>", "sh"]),
        ("docker ps 'open", None),
    ],
)
def test_words_of_a_line(line: str, words: list[str] | None) -> None:
    found = first_command(line)
    assert (found if found is None else [word.text for word in found]) == words


@pytest.mark.real
@needs_docker
def test_the_reference_is_what_the_cli_tells() -> None:
    assert made() == TARGET.read_text(encoding="utf-8")


@pytest.mark.real
@pytest.mark.slow
@needs_docker
def test_no_line_that_the_cli_takes_is_called_wrong() -> None:
    with dry_run() as cli:
        comparison = compared(cli, 300, seed=5)
    assert comparison.false_alarms == []
    assert comparison.of("agreed, right") > 100
    assert comparison.of("agreed, wrong") > 100
    assert len(comparison.misses) < 12
