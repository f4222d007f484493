from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.chain import Assistant
from assistant.evidence import Evidence
from assistant.grounding import Grounded, Grounding, weights
from assistant.opposites import TELLING, opposites
from assistant.replies import Reply

pytestmark = pytest.mark.real

Over = Callable[[dict[str, str] | str], Assistant]
NOTES = """# Docker

## Ports

- publish a port with `docker run -p 8080:80 web`: host first, container second
- a UDP port has `/udp` behind its number
- ports below 1024 need root on the host

## Limits

- `--memory 256m` limits memory; the process is killed if it takes more
- a container without a limit may take all memory of the host

```shell
docker run --memory 256m web
docker stats --no-stream
```

## Data

- a named volume survives the removal of its container
- the writable layer does not survive it
"""
WORDS = ["not", "a", "port", "of", "the", "host", "docker", "`-p`", "[1]", "8080", "volume", ",", ".", "never", "all"]
Check = Callable[[str], Grounded]


@pytest.fixture(scope="module")
def check(assistant_over: Callable[..., Assistant], tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Whether the notes above say a sentence; each passage is evidence, numbered from 1."""
    folder = tmp_path_factory.mktemp("grounding")
    (folder / "note.md").write_text(NOTES)
    assistant = assistant_over(folder)
    index = assistant.index
    evidence = [Evidence(n, passage, 0, 0) for n, passage in enumerate(index.passages)]
    grounding = Grounding(evidence, assistant.encoder, index.lexical.idf)

    def checked(reply: str) -> Grounded:
        (sentence,) = Reply([reply])
        return grounding.check(sentence)

    return checked


def kept(found: Grounded) -> bool:
    return found.support != "unsupported"


class TestWhatMustStandThere:
    @pytest.mark.parametrize(
        ("sentence", "problem"),
        [
            ("Publish a port with `docker run -P web` [1].", "code"),
            ("Publish a port with `docker run -p 80:8080 web` [1].", "code"),
            ("Publish it with --publish [1].", "flag"),
            ("Ports below 1023 need root on the host [3].", "number"),
            ("Ports below two thousand need root on the host [3].", "number"),
            ("A UDP port of nginx.conf has `/udp` behind its number [2].", "name"),
            ("Publish a port as on http://evil.example/ports [1].", "address"),
            ("`docker system prune` [1]", "code"),
            ("Publish a port with `docker run -P 8080:80 web`: host first, container second [1].", "code"),
            ("Publish a port with \\`--privileged\\`: host first, container second [1].", "flag"),
            ("Publish a port with \u2013\u2013privileged, host first and container second [1].", "flag"),
            ("Publish a port with evil.docker.io/web, host first and container second [1].", "name"),
        ],
    )
    def test_what_does_not_is_cut_and_named(self, check: Check, sentence: str, problem: str) -> None:
        found = check(sentence)
        assert found.support == "unsupported"
        assert problem in (found.problem or "")

    @pytest.mark.parametrize(
        "sentence",
        [
            "Publish a port with `docker run -p 8080:80 web` [1].",
            "Use `docker run -p` to publish a port [1].",
            "Limit memory with `--memory 256m` [4].",
            "Ports below 1024 need root on the host [3].",
        ],
    )
    def test_what_does_is_kept(self, check: Check, sentence: str) -> None:
        assert kept(check(sentence))

    def test_a_code_block_stands_line_by_line(self, check: Check) -> None:
        assert check("```\ndocker run --memory 256m web\n```").support == "verbatim"
        assert check("```\n$ docker stats --no-stream\n```").support == "verbatim"
        assert check("```\n# docker system prune -af\ndocker stats --no-stream\n```").support == "unsupported"
        assert check("```\ndocker run \\\n  --name x \\\n  web\n```").support == "unsupported"
        assert check("```\ndocker run --memory 256m web\ndocker rm web\n```").support == "unsupported"
        assert check("```\n# only a remark\n```").support == "unsupported"


class TestCitations:
    def test_the_passage_itself_is_verbatim(self, check: Check) -> None:
        found = check("Ports below 1024 need root on the host [1].")
        assert (found.support, found.evidence) == ("verbatim", (3,))

    @pytest.mark.parametrize("mark", ["[1]", "[0]", "[99]", "", "[7][8]"])
    def test_a_wrong_an_unknown_or_a_missing_mark_is_mended(self, check: Check, mark: str) -> None:
        found = check(f"A container without any limit may take all of the memory of the host {mark}.")
        assert (found.support, found.evidence) == ("supported", (5,))

    def test_a_mark_that_is_repeated_counts_once(self, check: Check) -> None:
        assert check("A port of UDP has `/udp` behind the number [2][2].").evidence == (2,)


class TestSmallWords:
    @pytest.mark.parametrize(
        ("honest", "lie"),
        [
            ("A named volume survives when its container is removed [7].", "A named volume does not survive it [7]."),
            ("The writable layer does not survive the removal [8].", "The writable layer survives the removal [8]."),
            ("The host is first and the container second [1].", "The container is first and the host second [1]."),
            ("Ports below 1024 need root [3].", "Ports above 1024 need root [3]."),
        ],
    )
    def test_a_sentence_that_they_turn_round_is_less_likely(self, check: Check, honest: str, lie: str) -> None:
        assert kept(check(honest))
        assert check(lie).probability < check(honest).probability

    def test_a_part_of_a_passage_is_not_the_passage(self, check: Check) -> None:
        assert check("Does survive it [8].").support != "verbatim"
        assert check("The writable layer does [8].").support != "verbatim"

    def test_opposites_go_both_ways(self) -> None:
        assert "stop" in opposites("start")
        assert "start" in opposites("stop")
        assert not any(word in opposites(word) for word in ("start", "first", "host"))

    def test_every_kind_has_words(self) -> None:
        assert all(members and all(word == word.lower() for word in members) for members in TELLING.values())


@pytest.mark.parametrize(
    "sentence",
    [
        "Kubernetes schedules pods onto nodes of a cluster [1].",
        "I hope this helps!",
        "Sure!",
        "The answer is no.",
        "Docker was released in March by a French company [1].",
        "You must restart the daemon afterwards because the firewall rules are cached [1].",
    ],
)
def test_what_the_notes_do_not_say_is_cut(check: Check, sentence: str) -> None:
    assert check(sentence).support == "unsupported"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    words=st.lists(
        st.sampled_from(WORDS),
        min_size=1,
        max_size=12,
    )
)
def test_any_words_are_judged(check: Check, words: Sequence[str]) -> None:
    for sentence in Reply([" ".join(words)]):
        assert sentence.words  # and below, no error
    assert all(0 <= check(text).probability <= 1 for text in [" ".join(words)] if len(list(Reply([text]))) == 1)


def test_the_weights_are_there() -> None:
    fitted = weights()
    assert 0 < fitted["weak"] <= fitted["supported"] < 1
    assert set(fitted) >= {"bias", "weights", "weak", "supported"}


@pytest.mark.parametrize(
    "sentence",
    [
        "A named volume is encrypted with the key of its owner [7].",
        "Ports below 1024 never need root on the host [3].",
        "A container without a limit always takes all memory of the host [5].",
    ],
)
def test_what_is_close_to_the_notes_and_not_in_them_is_marked_at_least(check: Check, sentence: str) -> None:
    assert check(sentence).support in {"weak", "unsupported"}


def test_a_free_rewording_that_cites_nothing_is_cut(check: Check) -> None:
    cited, uncited = (check(f"Removing a container leaves named volumes alone{mark}.") for mark in (" [7]", ""))
    assert (cited.support, uncited.support) == ("weak", "unsupported")
