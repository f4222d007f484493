from __future__ import annotations

import json
from importlib.resources import files

import pytest

from assistant.docker.policy import GRAMMARS, TIERS, allowed, check_value, has_help, refused, why_refused
from assistant.docker.refusal import DockerRefused

TIER_OF = {
    "ps": "list", "images": "list", "version": "list", "port": "list", "network ls": "list",
    "volume ls": "list", "system df": "list", "info": "detail", "inspect": "detail",
    "container inspect": "detail", "image inspect": "detail",
    "network inspect": "detail", "volume inspect": "detail", "history": "detail", "diff": "detail", "top": "detail",
    "stats": "detail", "events": "detail", "logs": "content",
}  # fmt: skip
# What the CLI itself calls these; each is the command of its second word.
ALIASES = {
    "container ls", "container list", "container ps", "container diff", "container logs", "container port",
    "container stats", "container top", "image history", "image list", "image ls", "network list", "system events",
    "system info", "volume list",
}  # fmt: skip
# Verbs that change, send or wait, whatever they stand behind.
WRITES = (
    "attach build commit connect cp create deploy disable disconnect enable exec export import init install join kill "
    "leave load login logout pause prune pull push remove rename restart revoke rm rmi rollback run save scale search "
    "set sign start stop tag unlock unpause update upgrade use wait dial-stdio completion __complete __completeNoDesc"
)


def test_these_commands_are_allowed_and_no_other() -> None:
    assert {" ".join(path) for path in allowed()} == set(TIER_OF) | ALIASES


@pytest.mark.parametrize(("path", "tier"), TIER_OF.items())
def test_each_command_has_the_tier_of_what_it_shows(path: str, tier: str) -> None:
    command = allowed()[tuple(path.split())]
    assert command.tier == tier
    assert command.tier in TIERS
    assert 0 < command.seconds <= 20


@pytest.mark.parametrize("path", sorted(ALIASES))
def test_an_alias_is_the_same_command(path: str) -> None:
    command = allowed()[tuple(path.split())]
    assert " ".join(command.path) in TIER_OF
    assert command is allowed()[command.path]


def test_no_allowed_command_writes_waits_or_reaches_out() -> None:
    assert not [path for path in allowed() if set(path) & set(WRITES.split())]
    assert not set(allowed()) & set(refused())


def test_the_kinds_of_what_is_refused_are_all_explained() -> None:
    for path, kind in refused().items():
        reason = why_refused(path)
        assert str(reason).startswith(f"docker {path[0]}")
        assert reason.rule == ("command" if kind == "group" else kind)


def test_each_verb_that_writes_is_refused_by_name() -> None:
    assert set(WRITES.split()) <= {path[-1] for path in refused()}


def test_what_never_ends_is_bounded() -> None:
    forced = {" ".join(c.path): dict(c.forced) for c in allowed().values() if c.forced}
    assert forced == {
        "events": {"since": "10m", "until": "0s"},
        "logs": {"tail": "200"},
        "stats": {"no-stream": None},
    }
    for command in allowed().values():
        assert not {"follow", "tree", "cluster", "time"} & {flag.long for flag in command.flags}


def test_all_grammars_of_the_table_are_known() -> None:
    for command in allowed().values():
        assert all(argument.grammar in GRAMMARS for argument in command.arguments)
        assert all(0 <= argument.least <= argument.most <= 10 for argument in command.arguments)
        for flag in command.flags:
            assert flag.value is None or flag.value in {*GRAMMARS, "format", "filter"}
            assert bool(flag.keys) == (flag.value == "filter") == flag.repeatable


def test_the_table_is_plain_and_has_each_path_once() -> None:
    table = json.loads(files("assistant.docker").joinpath("policy.json").read_text(encoding="utf-8"))
    paths = [path for row in table["allowed"].items() for path in (row[0], *row[1]["aliases"])]
    paths += [path for kind in table["refused"].values() for path in kind]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize(
    ("path", "known"),
    [
        *((path, True) for path in ("ps", "network ls", "run", "network", "container prune", "login")),
        *((path, False) for path in ("compose", "buildx", "evil", "system dial-stdio", "", "__complete", "completion")),
        ("network evil", False),
    ],
)
def test_help_is_given_for_commands_of_docker_itself(path: str, known: bool) -> None:
    assert has_help(tuple(path.split())) is known


GOOD = {
    "int0_1000": "0 1 9 10 999 1000",
    "int1_100": "1 9 10 99 100",
    "container": "web echo-server a 0a web_1 web.1 a-b " + "a" * 128,
    "network": "bridge back_tier n.1",
    "volume": "data my_data.1 " + "a" * 255,
    "image": (
        "busybox busybox:local ubuntu:14.04 library/nginx a/b/c:1 a__b a--b localhost/x localhost:5000/a/b:1 "
        "ghcr.io/owner/name:tag registry:5000/x x@sha256:" + "a" * 64 + " sha256:" + "0" * 64 + " 1a2b3c4d5e6f"
    ),
    "object": "web Web busybox:local a/b:1",
    "image_pattern": "busybox busy* a/b:* x@y",
    "port": "80 8080/tcp 53/udp 1/sctp",
    "platform": "linux/amd64 linux/arm/v7 windows/amd64",
    "inspect_type": "container image network volume",
    "past_duration": "0s 10m 1h30m 1.5h 1h1m1s",
    "log_time": "10m 1h30m 1700000000 1700000000.123456789 2026-01-31 2026-01-31T12:00:00Z 2026-01-31T12:00:00.5+02:00",
    "filter_value": "exited web* name=x a/b:1 a@b 80/tcp 1-2",
    "ps_columns": "pid pid,cmd user,%cpu,%mem,etime",
    "bool": "1 t T true TRUE True 0 f F false FALSE False",
}
BAD: dict[str, list[str]] = {
    "int0_1000": ["-1", "1001", "007", "00", "1e3", "0x10", "all", "+5", "5x", " 5", "5.0", "1_0"],
    "int1_100": ["0", "101", "-1", "01", "abc", "9" * 20],
    "container": ["-web", ".web", "_web", "web/x", "../x", "a..b", "a b", "web:1", "a" * 129, "wéb", "web%2f", "/web"],
    "network": ["../swarm", "a/b", "-x", "a..b"],
    "volume": ["../x", "a/b", "-x", "a..b", "a" * 256],
    "image": ["../x", "a/../b", "http://x/y", "UPPER", "a:..", "a//b", "a/b/", ":x", "a:", "x@sha256:abc", "a b", "-x"],
    "object": ["../x", "a b", "-x", "a//b", "web/..", "http://x"],
    "image_pattern": ["../x", "*", "a..b", "a b", "-x", "a?", "[a]"],
    "port": ["80/icmp", "-1", "http", "123456", "80/", "80/TCP", "8 0"],
    "platform": ["linux", "Linux/amd64", "linux/amd64/v8/x", "../x", "linux/"],
    "inspect_type": ["secret", "config", "Container", "containers", "plugin", "service"],
    "past_duration": ["-5m", "0", "10", "5d", "1h-1m", "2026-01-01", "1h1m1s1s", "m", "5 m", "+5m"],
    "log_time": ["-5m", "yesterday", "2026-1-1", "2026-01-31 12:00", "10d", "-1", "1e9"],
    "filter_value": ["a b", "a..b", "$(x)", "a\"b", "{", "a,b", "a'", "<", "a" * 129, "é"],
    "ps_columns": ["environ", "pid,environ", "pid,", ",pid", "pid cmd", "e", "pid=x", "pid," * 12 + "pid", "PID"],
    "bool": ["yes", "no", "on", "tRUE", "2", "00"],
}  # fmt: skip


@pytest.mark.parametrize(("grammar", "values"), GOOD.items())
def test_good_values_match_their_grammar(grammar: str, values: str) -> None:
    for value in values.split():
        check_value(grammar, value, "x")


@pytest.mark.parametrize(("grammar", "values"), BAD.items())
def test_other_values_do_not(grammar: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(DockerRefused):
            check_value(grammar, value, "x")


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_a_value_is_matched_whole_and_in_ascii(grammar: str) -> None:
    good = GOOD[grammar].split()[0]
    digits = good.translate({ord(d): 0x660 + int(d) for d in "0123456789"})
    others = [f"{good}\n", f"\n{good}", f"{good} ", f" {good}", f"{good}\r", f"{good}\0", f"{good}\u200b", "", "\u0661"]
    others += [f"{good}..", f"..{good}", f"{good}/../x", f"\uff11{good}"] + ([digits] if digits != good else [])
    for value in others:
        with pytest.raises(DockerRefused, match="takes"):
            check_value(grammar, value, "x")


def test_each_grammar_has_its_examples() -> None:
    assert set(GOOD) == set(BAD) == set(GRAMMARS)


def test_a_refused_value_is_shown_without_what_acts_and_not_at_length() -> None:
    with pytest.raises(DockerRefused) as found:
        check_value("container", "\x1b[2J\n" + "x" * 900, "docker logs")
    assert "\x1b" not in str(found.value)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 200
