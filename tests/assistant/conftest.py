"""Assistants over notes, with the real encoder and Chroma; and the contract of an answer, checked by other means."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from assistant.answer import Answer, Citation
from assistant.chain import Assistant, packaged_course
from assistant.models import load_model
from assistant.settings import Settings
from index.build import build_index
from index.embedding import DEFAULT_ENCODER, Encoder, load_encoder
from index.generation import open_index
from index.location import index_folder
from tests.assistant import postgresql
from tests.assistant.provider import Provider, running

ACTING = Path(__file__).parent / "acting"  # notes that try to act: marks, HTML, escapes, bidi
Files = dict[str, str]


@pytest.fixture(scope="session")
def encoder(home: Path) -> Encoder:
    return load_encoder(DEFAULT_ENCODER, home)


@pytest.fixture(scope="session")
def assistant_over(home: Path, encoder: Encoder) -> Iterator[Callable[[Path], Assistant]]:
    """An assistant over notes on disk."""
    opened: list[Assistant] = []

    def over(notes: Path) -> Assistant:
        folder = index_folder(notes, home)
        build_index(notes, folder, home=home)
        opened.append(Assistant(open_index(folder, encoder_name=DEFAULT_ENCODER), encoder, Settings()))
        return opened[-1]

    yield over
    for assistant in opened:
        assistant.index.close()


@pytest.fixture(scope="session")
def course(assistant_over: Callable[[Path], Assistant]) -> Assistant:
    return assistant_over(packaged_course())


@pytest.fixture(scope="session")
def acting(assistant_over: Callable[[Path], Assistant]) -> Assistant:
    return assistant_over(ACTING)


@pytest.fixture
def over(tmp_path: Path, assistant_over: Callable[[Path], Assistant]) -> Callable[[Files | str], Assistant]:
    """An assistant over notes given as strings: `over(text)` for one note, `over({name: text})` for a folder."""

    def over_files(files: Files | str) -> Assistant:
        folder = tmp_path / "notes"
        folder.mkdir(exist_ok=True)
        for name, text in ({"note.md": files} if isinstance(files, str) else files).items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        return assistant_over(folder)

    return over_files


@pytest.fixture(scope="session")
def check_contract() -> Callable[[Answer, Assistant], None]:
    return _check_contract


def _check_contract(answer: Answer, assistant: Assistant) -> None:
    """Everything that holds of any answer, whatever the question and the notes."""
    root = Path(assistant.index.manifest.root)
    numbers = [citation.number for citation in answer.citations]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sorted(set(_marks(answer.text))) == numbers, answer.text
    for citation in (*answer.citations, *answer.nearest):
        _check_place(citation, root)
    for claim in answer.claims:
        assert set(claim.citations) <= set(numbers)
        assert claim.citations or answer.outcome not in {"answered", "unfinished"}
    assert answer.claims
    assert 0 <= answer.coverage <= 1
    if answer.outcome in {"unfinished", "not_covered"} and len(assistant.index.passages):
        assert answer.nearest
    if answer.outcome == "unfinished":
        assert answer.citations[0].heading in {s.heading for s in assistant.index.outline if s.state != "written"}
    assert next(iter(json.loads(json.dumps(answer.to_json())))) == "schema"


def _check_place(citation: Citation, root: Path) -> None:
    lines = re.split(r"\r\n|\n|\r", (root / citation.document).read_text(encoding="utf-8-sig"))
    assert 1 <= citation.start_line <= citation.end_line <= len(lines)
    assert citation.quote.strip()
    assert citation.quote in "\n".join(lines[citation.start_line - 1 : citation.end_line])
    if citation.via is not None:
        including = (root / citation.via.document).read_text().split("\n")[citation.via.start_line - 1]
        assert Path(citation.document).name in including


def _marks(text: str) -> list[int]:
    """The marks outside code as the Markdown parser sees them; HTML in the text would be an escape of the notes."""
    parser = MarkdownIt("commonmark").disable("text_join")  # an escaped bracket stays a token of its own
    found: list[int] = []
    for block in parser.parse(text):
        assert block.type != "html_block", text
        for token in block.children or ():
            assert token.type != "html_inline", text
            if token.type == "text":
                found += map(int, re.findall(r"\[(\d+)\]", token.content))
    return found


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A server that speaks the OpenAI protocol and does as the test says."""
    with running() as server:
        yield server


@pytest.fixture
def worded(course: Assistant, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Assistant]:
    """The course, worded by the model behind `provider`; options go to its settings."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def with_model(name: str = "openai:scripted", **options: object) -> Assistant:
        settings = Settings(**{"model_url": provider.url, "model_retries": 0, "model_seconds": 30, **options})
        return replace(course, settings=settings, model=load_model(name, settings))

    return with_model


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The URL of a real PostgreSQL."""
    programs = postgresql.programs()
    if programs is None:
        pytest.skip("There is no PostgreSQL here (Debian: apt-get install postgresql).")
    with postgresql.running(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    import psycopg

    server = request.getfixturevalue("database_server")
    name = f"ask_{uuid.uuid4().hex}"
    with psycopg.connect(server.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"
