from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from assistant.docker.refusal import DockerRefused
from assistant.docker.words import MAX_LINE, MAX_WORDS, split

LETTERS = "abE019._-/:@=+%^,"
HOSTILE = "'\"'\"\"'\\{}{},.$`*?[]|&;<>()~#!=  "
BRACES = "{{}},..ab'\"-= "
PLAIN = "'\"\"''\\\\ ab{}-=.,:/"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("docker ps", ["docker", "ps"]),
        ("  docker   ps  -a ", ["docker", "ps", "-a"]),
        ("docker ps ''", ["docker", "ps", ""]),
        ("docker ps ''--all\"\"", ["docker", "ps", "--all"]),
        ("d'ock'\"er\" ps", ["docker", "ps"]),
        ("a 'b c' \"d  e\"", ["a", "b c", "d  e"]),
        ("'a\\nb'", ["a\\nb"]),
        ('"a\\nb"', ["a\\nb"]),
        ('"a\\"b"', ['a"b']),
        ('"a\\\\b"', ["a\\b"]),
        ("'$(id) `id` $x * ? [a] ~ # ! | & ; < > ( )'", ["$(id) `id` $x * ? [a] ~ # ! | & ; < > ( )"]),
        ('"* ? [a] ~ # | & ; < > ( )"', ["* ? [a] ~ # | & ; < > ( )"]),
        ("'{a,b}'", ["{a,b}"]),
        ("{{.Names}}", ["{{.Names}}"]),
        ("{} {a} {a b,c}", ["{}", "{a}", "{a", "b,c}"]),
        ("a=b -f=c", ["a=b", "-f=c"]),
    ],
)
def test_a_line_is_split_as_a_shell_splits_it(line: str, words: list[str]) -> None:
    assert split(line) == words


@pytest.mark.parametrize(
    ("line", "rule", "says"),
    [
        ("", "empty", "no command"),
        ("    ", "empty", "no command"),
        ("docker ps | wc", "shell", "no pipes here"),
        ("docker ps|wc", "shell", "no pipes here"),
        ("docker ps || id", "shell", "no pipes here"),
        ("docker ps; id", "shell", "no second commands"),
        ("docker ps && id", "shell", "no background jobs or second commands"),
        ("docker ps &", "shell", "no background jobs or second commands"),
        ("docker ps > x", "shell", "no redirections"),
        ("docker ps < x", "shell", "no redirections"),
        ("(docker ps)", "shell", "no subshells"),
        ("docker ps )", "shell", "no subshells"),
        ("docker\\ ps", "shell", "no escapes; quote the word instead"),
        ("docker ps \\", "shell", "no escapes"),
        ("docker ps ~", "shell", "no home folders"),
        ("docker ps # all", "shell", "no comments"),
        ("docker ps !!", "shell", "no history"),
        ('docker ps "a!b"', "shell", "no history"),
        ("docker logs we*", "shell", "match files with *"),
        ("docker logs we?", "shell", "match files with ?"),
        ("docker logs [w]eb", "shell", "match files with ["),
        ("docker logs w]", "shell", "match files with ]"),
        ("docker logs {web,db}", "shell", "expand these braces"),
        ("docker logs {1..3}", "shell", "expand these braces"),
        ("docker logs {a,{b}}", "shell", "expand these braces"),
        ("docker logs {{a},b}", "shell", "expand these braces"),
        ("docker logs {'a',b}", "shell", "expand these braces"),
        ("docker logs x{,}", "shell", "expand these braces"),
        ("docker logs $c", "shell", "write the value itself"),
        ("docker logs ${c}", "shell", "write the value itself"),
        ('docker logs "$c"', "shell", "write the value itself"),
        ('docker logs "\\$c"', "shell", "write the value itself"),
        ("docker logs $(docker ps -q)", "shell", "run the inner command by itself first"),
        ("docker logs `docker ps -q`", "shell", "run the inner command by itself first"),
        ('docker logs "`id`"', "shell", "run the inner command by itself first"),
        ("docker logs $'web'", "shell", "run the inner command by itself first"),
        ("docker ps 'x", "quotes", "(') is not closed"),
        ('docker ps "x', "quotes", '(") is not closed'),
        ('docker ps "x\\"', "quotes", '(") is not closed'),
        ("docker ps\n-a", "characters", "U+000A"),
        ("docker ps\n", "characters", "U+000A"),
        ("docker ps\r", "characters", "U+000D"),
        ("docker\tps", "characters", "U+0009"),
        ("docker ps\0", "characters", "U+0000"),
        ("docker ps \x7f", "characters", "U+007F"),
        ("docker ps \x1b[2J", "characters", "U+001B"),
        ("docker\u00a0ps", "characters", "U+00A0"),
        ("docker ps \u2013a", "characters", "U+2013"),
        ("docker ps \u200b-a", "characters", "U+200B"),
        ("docker logs \u0435b", "characters", "U+0435"),
        ("docker logs \u202eweb", "characters", "U+202E"),
        ("docker ps \ud800", "characters", "U+D800"),
        ("x" * (MAX_LINE + 1), "length", f"{MAX_LINE + 1} characters"),
        ("x " * (MAX_WORDS + 1), "length", f"{MAX_WORDS + 1} words"),
    ],
)
def test_what_a_shell_would_do_more_is_refused(line: str, rule: str, says: str) -> None:
    with pytest.raises(DockerRefused) as refused:
        split(line)
    assert refused.value.rule == rule
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("docker ps | grep web", "docker ps --filter name=web"),
        ("docker ps -a | grep -i web", "docker ps -a --filter name=web"),
        ("docker container ls|grep web", "docker container ls --filter name=web"),
        ("docker logs web | tail -n 20", "docker logs -n 20 web"),
        ("docker logs web | tail -5", "docker logs -n 5 web"),
        ("$ docker ps -a", "docker ps -a"),
        ("docker ps | wc -l", None),
        ("docker ps | grep web | grep db", None),
        ("docker logs web | tail -n 5000", None),
        ("docker rm web | grep x", None),
    ],
)
def test_the_nearest_line_is_offered(line: str, instead: str | None) -> None:
    with pytest.raises(DockerRefused) as refused:
        split(line)
    assert refused.value.instead == instead
    assert instead is None or str(refused.value).endswith(f"; try: {instead}")


def test_lines_and_words_may_be_as_long_as_the_limits() -> None:
    assert split("x" * MAX_LINE) == ["x" * MAX_LINE]
    assert split("x " * MAX_WORDS) == ["x"] * MAX_WORDS


def _random_lines(seed: int) -> list[str]:
    """Lines of letters and of what means something to a shell, some of them mostly harmless."""
    chance = random.Random(seed)  # noqa: S311  # the same lines each time
    lines = []
    for number in range(12_000):
        alphabet = (LETTERS + HOSTILE, BRACES, PLAIN, LETTERS + "  '\"{}")[number % 4]
        lines.append("".join(chance.choice(alphabet) for _ in range(chance.randint(1, 14))))
    return lines


def _split_by_bash(lines: list[str], folder: Path) -> list[list[str]]:
    """The words that a real bash makes of each line; the lines have no operator, so nothing but printf runs."""
    script = "".join(f"printf '%s\\0' x {line}\nprintf '\\n'\n" for line in lines)
    done = subprocess.run(
        [str(shutil.which("bash")), "--norc", "--noprofile"],
        input=script.encode("ascii"),
        env={"PATH": "/nonexistent"},
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == b""
    return [row.split("\0")[1:-1] for row in done.stdout.decode().split("\n")[:-1]]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_a_real_bash_makes_the_same_words_of_each_line_that_is_read(tmp_path: Path) -> None:
    accepted = {}
    for line in _random_lines(seed=20261124):
        try:
            accepted[line] = split(line)
        except DockerRefused:
            continue
    assert len(accepted) >= 3_000
    assert sum("{" in line or "}" in line for line in accepted) >= 300
    assert sum("'" in line or '"' in line for line in accepted) >= 500
    assert any('\\"' in line for line in accepted)
    theirs = dict(zip(accepted, _split_by_bash(list(accepted), tmp_path), strict=True))
    assert theirs == accepted
    assert list(tmp_path.iterdir()) == []
