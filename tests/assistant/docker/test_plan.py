from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.docker.plan import MAX_REPEATED, Plan, plan_line, plan_text, plan_words
from assistant.docker.policy import allowed
from assistant.docker.refusal import DockerRefused
from assistant.docker.words import MAX_LINE, MAX_WORDS

CONTROLS = str.maketrans({"␊": "\n", "␍": "\r", "␉": "\t", "␛": "\x1b", "␀": "\0"})


def _attacks() -> list[tuple[str, str, str]]:
    rows = (Path(__file__).parent / "attacks.tsv").read_text(encoding="utf-8").split("\n")
    attacks = []
    for row in rows[1:]:
        if row:
            command, verdict, why = row.split("\t")
            attacks.append((command.translate(CONTROLS), verdict, why))
    return attacks


ATTACKS = _attacks()


def _refusal(text: str) -> DockerRefused:
    with pytest.raises(DockerRefused) as refused:
        plan_text(text)
    return refused.value


class TestAttacks:
    def test_the_list_is_whole(self) -> None:
        verdicts = [verdict for _, verdict, _ in ATTACKS]
        assert set(verdicts) == {"allow", "refuse"}
        assert verdicts.count("allow") >= 50
        assert verdicts.count("refuse") >= 150

    @pytest.mark.parametrize(("command", "why"), [(c, why) for c, verdict, why in ATTACKS if verdict == "allow"])
    def test_what_only_reads_is_planned(self, command: str, why: str) -> None:
        plan = plan_text(command)
        assert plan.argv[0] == "docker", why
        assert plan.seconds > 0

    @pytest.mark.parametrize(
        ("command", "why"),
        [(c, f"{place} {why}") for place, (c, verdict, why) in enumerate(ATTACKS) if verdict == "refuse"],
    )
    def test_all_else_is_refused_with_a_rule_and_a_sentence(self, command: str, why: str) -> None:
        refused = _refusal(command)
        assert refused.rule, why
        assert len(str(refused)) > 10
        assert "\x1b" not in str(refused)
        assert refused.instead is None or plan_line(refused.instead)

    @pytest.mark.parametrize("command", [c for c, verdict, _ in ATTACKS if verdict == "allow"])
    def test_a_plan_planned_again_is_the_same(self, command: str) -> None:
        plan = plan_text(command)
        assert plan_words(plan.argv) == plan


class TestRebuilt:
    @pytest.mark.parametrize(
        ("line", "argv"),
        [
            ("docker ps", "ps"),
            ("docker ps -aqn2", "ps --all=true --last=2 --quiet=true"),
            ("docker ps -qa", "ps --all=true --quiet=true"),
            ("docker ps -a=false", "ps --all=false"),
            ("docker ps -n=5 --no-trunc", "ps --last=5 --no-trunc=true"),
            ("docker ps -f status=exited --filter=name=web", "ps --filter=status=exited --filter=name=web"),
            ("docker container list -l", "ps --latest=true"),
            ("docker logs web", "logs --tail=200 -- web"),
            ("docker logs web -tn 5", "logs --tail=5 --timestamps=true -- web"),
            ("docker logs --since 5m -- web", "logs --since=5m --tail=200 -- web"),
            ("docker stats", "stats --no-stream=true"),
            ("docker stats web db --no-stream", "stats --no-stream=true -- web db"),
            ("docker events", "events --since=10m --until=0s"),
            ("docker system events --since 1h", "events --since=1h --until=0s"),
            ("docker top web", "top -- web"),
            ("docker top web -o pid,cmd", "top -- web -o pid,cmd"),
            ("docker top web aux", "top -- web aux"),
            ("docker port web 80/udp", "port -- web 80/udp"),
            (
                "docker inspect --type image -f json busybox:local",
                "inspect --format=json --type=image -- busybox:local",
            ),
            ("docker history -H=false x", "history --human=false -- x"),
            ("docker images 'busy*'", "images -- busy*"),
            ("docker help network ls", "network ls --help"),
            ("docker network ls --help", "network ls --help"),
            ("docker run --help", "run --help"),
            ("docker -v", "--version"),
            ("docker --version", "--version"),
        ],
    )
    def test_flags_are_long_with_their_value_and_names_come_last(self, line: str, argv: str) -> None:
        plan = plan_line(line)
        assert plan.argv == ("docker", *argv.split())
        assert plan_words(plan.argv) == plan

    def test_a_plan_tells_its_command_and_its_names(self) -> None:
        plan = plan_line("docker network inspect -v bridge host")
        assert (plan.command, plan.names, plan.tier) == (("network", "inspect"), ("bridge", "host"), "detail")
        assert plan_line("docker top web -o pid").names == ("web",)

    def test_only_words_of_the_table_and_checked_values_are_in_it(self) -> None:
        for path, command in allowed().items():
            names = [{"port": "80"}.get(a.grammar, "web") for a in command.arguments for _ in range(a.least)]
            plan = plan_words(["docker", *path, *names])
            flags = {word[2:].partition("=")[0] for word in plan.argv if word.startswith("--") and word != "--"}
            assert flags == {name for name, _ in command.forced}
            assert isinstance(plan, Plan)


class TestRefusals:
    @pytest.mark.parametrize(
        ("line", "rule", "says", "instead"),
        [
            ("docker ps | grep web", "shell", "no pipes here", "docker ps --filter name=web"),
            ("docker logs -f web", "endless", "--follow never ends", "docker logs -n 50 web"),
            ("docker logs -tf web", "endless", "--follow never ends", "docker logs -n 50 web"),
            ("docker logs -f", "endless", "--follow never ends", "docker logs -n 50 NAME"),
            ("docker logs -f ../x", "endless", "--follow never ends", "docker logs -n 50 NAME"),
            ("docker logs web --follow", "endless", "--follow never ends", "docker logs -n 50 web"),
            ("docker ps -all", "flag", "-all means -a -l -l", "docker ps --all"),
            ("docker stats -no-stream", "flag", "-no-stream means -n -o", "docker stats --no-stream"),
            ("docker inspect $(docker ps -lq)", "shell", "first docker ps -lq, then the command with that id", None),
            ("$ docker ps -a", "shell", "leave the prompt sign away", "docker ps -a"),
            ("docker", "command", "which docker command?", "docker ps"),
            ("docker top web e", "ps", "docker top takes -ef, aux or -o", "docker top NAME -o pid,cmd"),
            ("docker rm -f web", "changes", "docker rm changes something", None),
            ("docker container rm web", "changes", "docker container rm changes something", None),
            ("docker exec -it web sh", "changes", "docker exec changes something", None),
            ("docker attach web", "interactive", "waits for somebody to type", None),
            ("docker search nginx", "network", "reaches out to other machines", None),
            ("docker export web", "bulk", "whole file systems", None),
            ("docker compose ps", "plugin", "is a plugin", None),
            ("docker config ls", "secrets", "can show secrets", None),
            ("docker wait web", "waits", "may wait for ever", None),
            ("docker context ls", "context", "speaks of other engines", None),
            ("docker service ls", "swarm", "is about swarms", None),
            ("docker system dial-stdio", "internal", "inner part", None),
            ("docker trust key load x", "files", "reads or writes files", None),
            ("docker network", "command", "of its commands these are run: inspect, list, ls", None),
            ("docker trust key", "command", "docker trust key alone is no command", None),
            ("docker evil", "command", "docker evil is none of the commands", None),
            ("podman ps", "program", "begins with the word docker", None),
            ("sudo docker ps", "program", "begins with the word docker", None),
            ("docker -H tcp://x ps", "global flag", "-H chooses another engine", None),
            ("docker --context=x ps", "global flag", "chooses another engine", None),
            ("docker ps --host tcp://x", "global flag", "chooses another engine", None),
            ("docker -a ps", "global flag", "stands before the command", None),
            ("docker ps --evil", "flag", "docker ps is not run with --evil here", None),
            ("docker ps -ax", "flag", "docker ps is not run with -x here", None),
            ("docker ps -n", "value", "-n needs a value", None),
            ("docker ps --format", "value", "--format needs a value", None),
            ("docker ps -n 1 --last 2", "repeated", "--last may be given once", None),
            ("docker ps -a --all", "repeated", "--all may be given once", None),
            ("docker ps --all false", "arguments", "comes with =", None),
            ("docker ps web", "arguments", "'web' is too many", None),
            ("docker stats --no-stream=0", "endless", "this would never end", None),
            ("docker stats --no-stream=F", "endless", "this would never end", None),
            ("docker logs", "arguments", "docker logs needs the name of a container", None),
            ("docker history", "arguments", "needs the name of an image", None),
            ("docker inspect", "arguments", "needs the name of a container or an image", None),
            ("docker logs --tail all web", "value", "--tail takes a number from 0 to 1000, not 'all'", None),
            ("docker ps -f evil=1", "filter", "--filter takes ancestor", None),
            ("docker ps -f name", "filter", "--filter takes ancestor", None),
            ("docker events --until 0", "value", "a time that has passed", None),
            ("docker inspect ../x", "value", "takes the name or id", None),
            ('["docker", 1]', "json", "no JSON list of words", None),
            ('["docker"', "json", "no JSON list of words", None),
            ("[" * 500, "json", "no JSON list of words", None),
            ('["docker", "ps", "\\n"]', "characters", "plain printable", None),
            ('["docker", "ps", "\\u202e"]', "characters", "plain printable", None),
            ("[]", "program", "begins with the word docker", None),
        ],
    )
    def test_a_refusal_has_its_rule_its_reason_and_what_to_do(
        self, line: str, rule: str, says: str, instead: str | None
    ) -> None:
        refused = _refusal(line)
        assert (refused.rule, refused.instead) == (rule, instead)
        assert says in str(refused)

    def test_words_are_bounded_in_a_list_too(self) -> None:
        assert _refusal(json.dumps(["docker", "ps", *["-a"] * MAX_WORDS])).rule == "length"
        assert _refusal(json.dumps(["docker", "logs", "x" * MAX_LINE])).rule == "length"

    def test_a_filter_may_be_repeated_a_few_times(self) -> None:
        line = "docker ps" + " -f name=x" * MAX_REPEATED
        assert plan_line(line).argv.count("--filter=name=x") == MAX_REPEATED
        assert _refusal(f"{line} -f name=x").rule == "repeated"

    @pytest.mark.parametrize("word", ["docker", "ps", "-a", "--", "'", "docker ps"])
    def test_any_word_of_a_list_is_a_word_and_no_line(self, word: str) -> None:
        assert _refusal(json.dumps(["docker", "logs", f"{word} "])).rule in {"value", "flag", "arguments"}
