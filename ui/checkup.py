"""`ask doctor`: what is installed, how it is set, whether the index is up to date, what is off."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from assistant.chain import packaged_course
from assistant.settings import PREFIX, Settings, SettingsFile, left_out_sentence, load_settings, settings_files
from corpus.documents import read_notes
from corpus.errors import AskError, IndexProblem
from index.build import is_up_to_date
from index.generation import open_index
from index.location import ask_home, index_folder
from index.manifest import REBUILD

_PASSWORD = re.compile(r"(?<=:)(?!//)[^:@/\s]+(?=@)")
TRACING = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
PACKAGES = ("ask-the-notes", "chromadb", "onnxruntime", "sentence-transformers", "torch", "langchain-core", "streamlit")


def checkup(notes: Path | None, model: str | None = None) -> dict[str, Any]:
    """Everything that `ask doctor` says; `problems` lists what has to be mended."""
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "home": str(ask_home()),
        "settings_files": [],
        "settings": {},
        "problems": [],
    }
    try:
        files = settings_files()
        report["settings_files"] = [str(file.path) for file in files]
        report["left_out"] = [left_out_sentence(file) for file in files if file.left_out]
        settings = load_settings(model=model)
    except AskError as error:
        report["problems"].append(str(error))
        return report
    report["settings"] = {
        name: {"value": _plain(getattr(settings, name)), "from": _source(name, files, model), "is": field.description}
        for name, field in Settings.model_fields.items()
    }
    report["model"], problem = _model_state(settings)
    report["problems"] += [problem] if problem else []
    report["docker"], problem = _docker_state(settings)
    report["problems"] += [problem] if problem else []
    chosen = notes or settings.notes or packaged_course()
    report["notes"] = str(chosen)
    try:
        report["index"] = _index_state(chosen, settings)
    except AskError as error:
        report["problems"].append(str(error))
    return report


def checkup_lines(report: dict[str, Any]) -> list[str]:
    """The same for people."""
    lines = [f"Python {report['python']} ({sys.executable})"]
    lines += [f"{name} {installed or 'not installed'}" for name, installed in report["packages"].items()]
    lines += ["", f"data folder   {report['home']}  (ASK_HOME moves it)"]
    found = report["settings_files"] or ["none (ask.toml here or in the data folder)"]
    lines += [f"settings file {file}" for file in found]
    lines += [f"left out      {sentence}" for sentence in report.get("left_out", [])]
    for name, row in report["settings"].items():
        lines.append(f"  {name:14} {row['value'] if row['value'] is not None else '-'}  [{row['from']}]  {row['is']}")
    if "index" in report:
        lines += ["", f"notes         {report['notes']}", *(f"  {key:14} {v}" for key, v in report["index"].items())]
    if "model" in report:
        lines += ["", f"model         {report['model']}"]
    if "docker" in report:
        lines.append(f"docker        {report['docker']}")
    lines += [f"PROBLEM       {problem}" for problem in report["problems"]] or ["All is well."]
    return lines


def _model_state(settings: Settings) -> tuple[str, str | None]:
    """Which model is used and where text goes; what is wrong with it, found by asking it for a word."""
    if settings.model is None:
        return "none: answers are quoted from the notes, nothing leaves this machine", None
    from assistant.models import destination, load_model, try_model

    place, is_here = destination(settings.model, settings)
    where = f"{settings.model}: questions and passages go to {place}" + (", on this machine" if is_here else "")
    if any(os.environ.get(name) == "true" for name in TRACING):
        where += "; LANGSMITH_TRACING sends them to LangSmith too"
    try:
        return where, try_model(load_model(settings.model, settings))
    except AskError as error:
        return where, str(error)


def _docker_state(settings: Settings) -> tuple[str, str | None]:
    """Whether questions may look at the Docker of this machine and which engine that is; if it is on, what is wrong."""
    from assistant.docker.tool import DockerTool, allowed_tiers

    try:
        run = DockerTool(allowed_tiers("on"), settings.docker_host).run("docker version --format {{.Client.Version}}")
        engine = run.engine if run.exit_code == 0 else None
        problem = None if engine else f"The Docker engine does not answer: {run.stderr.strip()[:200]}"
    except AskError as error:
        engine, problem = None, str(error)
    if settings.docker == "off":
        here = f"there is one here: {engine}" if engine else "and there is none here"
        return f"off: questions run nothing (--docker or ASK_DOCKER=on lets them look; {here})", None
    also = " and logs" if settings.docker == "logs" else ""
    return f"on: questions may look at lists, details{also} of {engine or 'no engine'}", problem


def _index_state(notes: Path, settings: Settings) -> dict[str, Any]:
    folder = index_folder(notes, ask_home())
    if not folder.is_dir():
        read_notes(notes)  # says what is wrong with them
        return {"state": "not built yet: the first question builds it", "folder": str(folder)}
    index = open_index(folder, encoder_name=settings.encoder)
    manifest = index.manifest
    stored = index.store.count()
    if stored != manifest.chunks:
        raise IndexProblem(f"The index holds {stored} of {manifest.chunks} chunks. {REBUILD}")
    fresh = is_up_to_date(manifest, notes, store=settings.store)
    unfinished = sum(section.state != "written" for section in index.outline)
    return {
        "state": "up to date" if fresh else "out of date: the next question updates it",
        "folder": str(folder),
        "built": manifest.built_at,
        "encoder": manifest.encoder,
        "notes": manifest.documents,
        "passages": manifest.passages,
        "left out": "; ".join(f"{s.path} {s.reason}" for s in manifest.skipped) or "nothing",
        "sections": f"{len(index.outline)}, {unfinished} of them unfinished",
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _source(name: str, files: Sequence[SettingsFile], model: str | None) -> str:
    if name == "model" and model is not None:
        return "--model"
    variables = [each for each, value in os.environ.items() if each.upper() == PREFIX + name.upper() and value]
    if variables:
        return variables[-1]  # written in small letters it counts too
    return next((str(file.path) for file in files if name in file.values), "default")


def _plain(value: Any) -> Any:
    """A setting as it can be shown: of an address its password is left out."""
    if isinstance(value, str):
        return _PASSWORD.sub("***", value)
    return str(value) if isinstance(value, Path | SecretStr) else value
