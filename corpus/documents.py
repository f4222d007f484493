"""Notes on disk -> Document: the text with its includes resolved, and where each line really stands.

Includes are written as the Python-Markdown extension markdown-include has them, alone on a line,
often inside a code fence: `{! shell/name.sh !}`. The path is relative to the notes' folder (or,
failing that, to the file that includes) and may never leave that folder.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from corpus.errors import NotesError

NOTE_SUFFIXES = (".md", ".markdown", ".mdown", ".mkd")
MAX_FILE_BYTES = 8_000_000
MAX_INCLUDE_DEPTH = 16
MAX_INCLUDES = 5_000
MAX_RESOLVED_LINES = 400_000
MAX_RESOLVED_CHARS = 2 * MAX_FILE_BYTES

_NOT_NOTES = frozenset({"node_modules", "__pycache__"})
_NEWLINE = re.compile(r"\r\n|\n|\r")
_BEFORE_INCLUDE = re.compile(r"(?:[ \t>]|(?:[-*+]|\d{1,9}[.)])(?=[ \t]))*")
_FRONT_MATTER_KEY = re.compile(r"[\w\"'][\w .\"'-]{0,60}[:=](?:\s|$)")
_FRONT_MATTER_LINE = re.compile(_FRONT_MATTER_KEY.pattern + r"|[ \t]+\S|-\s|[#\[\]{}]")
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})
_BYTE_ORDER_MARKS = (  # UTF-32's little-endian mark starts with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

IncludeFault = Literal["missing", "outside", "cycle", "depth", "unreadable"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one line of a resolved text stands on disk.

    `document` is relative to the notes' folder, `line` counts from 1; `via` is the line of the
    including note (of the outermost one, when includes are nested), None for the note's own lines.
    `indent` characters were put in front of the line here, where its include stands indented.
    """

    document: str
    line: int
    via: int | None = None
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Include:
    """One include line: who includes what, and what is wrong with it (None: nothing)."""

    document: str
    line: int
    target: str
    fault: IncludeFault | None = None
    resolved: str | None = None
    at: int = 0  # index, in the resolved text, of its first line (an empty one if there is a fault)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, or read with a reservation, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Document:
    """One note: `text` has `\\n` line ends and its includes in place; `origins` has one entry a line."""

    path: str
    text: str
    origins: tuple[Origin, ...]
    includes: tuple[Include, ...] = ()
    revisions: dict[str, str] = field(default_factory=dict)  # sha256 of it and of each included file

    @property
    def revision(self) -> str:
        """The sha256 of the note's own bytes, in hex."""
        return self.revisions[self.path]

    @cached_property
    def lines(self) -> list[str]:
        """The resolved text, line by line."""
        return self.text.split("\n")

    @cached_property
    def gaps(self) -> frozenset[int]:
        """The lines (0-based) left empty in place of an include with a fault or nothing in it: not so on disk."""
        places = {(include.at, include.document, include.line) for include in self.includes}
        return frozenset(at for at, *place in places if place == [self.origins[at].document, self.origins[at].line])


@dataclass(frozen=True)
class Notes:
    """Everything read from one folder or file: documents in natural order of their paths.

    `revisions` names every file that the text depends on: the notes, skipped ones too, and each place
    where an include was looked for; path -> sha256, None for what is not there or cannot be read.
    """

    root: Path
    documents: tuple[Document, ...]
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[Skipped, ...] = ()
    revisions: dict[str, str | None] = field(default_factory=dict)


def read_notes(path: Path) -> Notes:
    """Read a folder of Markdown notes (recursively) or a single file.

    Raises NotesError if the path does not exist, or if nothing in it can be read.
    """
    root, single = _notes_place(path)
    names, skipped = ([single], []) if single is not None else _note_files(root)
    reader = _Reader(root)
    documents = [d for d in map(reader.read, names) if d is not None]
    skipped += reader.skipped
    if not documents:
        raise NotesError(_nothing_read(path, single, skipped))
    return Notes(root, tuple(documents), tuple(skipped), tuple(reader.warnings), reader.revisions)


def notes_revisions(path: Path, known: Iterable[str]) -> dict[str, str | None]:
    """The `revisions` that `read_notes` would have, without resolving or decoding anything.

    `known` are the paths (or the whole dictionary) of last time: included files are looked for where
    they were looked for then. Equal dictionaries mean that nothing has changed.
    Raises NotesError if the path does not exist.
    """
    root, single = _notes_place(path)
    names = [single] if single is not None else _note_files(root)[0]
    return {name: _sha256(root, name) for name in sorted({*names, *known})}


def folder_files(root: Path, suffixes: tuple[str, ...]) -> tuple[list[str], list[Skipped]]:
    """The files with one of these suffixes, relative to `root`, and the folders that cannot be entered.

    Hidden ones and the folders of package managers are passed over. A linked folder is not entered:
    inside `root` its files are found where they really are, and outside they are none of the notes.
    """
    found: list[str] = []
    skipped: list[Skipped] = []

    def blocked(error: OSError) -> None:
        skipped.append(Skipped(_shown(_relative(Path(error.filename), root)), f"cannot be read ({error.strerror})"))

    for directory, folders, files in os.walk(root, onerror=blocked):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _NOT_NOTES)
        links = [Path(directory, f) for f in folders if Path(directory, f).is_symlink()]
        skipped += [
            Skipped(_shown(_relative(link, root)), "is a link that leaves the notes' folder")
            for link in links
            if not _is_inside(link, root)
        ]
        wanted = (f for f in files if f.lower().endswith(suffixes) and not f.startswith("."))
        found += [_relative(Path(directory, f), root) for f in wanted]
    return sorted(found, key=_natural_key), skipped


def front_matter_lines(lines: list[str]) -> int:
    """How many lines at the top are front matter: `---`, a key, more keys, lists and comments, `---`.

    Anything else between two rules is text of the note and must not be lost; so is an empty line.
    """
    mark = lines[0].rstrip() if lines else ""
    if mark not in {"---", "+++"}:
        return 0
    ends = {"---", "..."} if mark == "---" else {mark}
    for i, line in enumerate(lines[1:], start=1):
        if line.rstrip() in ends:
            return i + 1
        if not (_FRONT_MATTER_KEY if i == 1 else _FRONT_MATTER_LINE).match(line):
            return 0
    return 0


def _notes_place(path: Path) -> tuple[Path, str | None]:
    """The notes' folder, without links on the way, and the file's name if it is only one file."""
    try:
        place = path.resolve(strict=True)
        return (place, None) if place.is_dir() else (place.parent, place.name)
    except PermissionError as error:
        raise NotesError(
            f"{path} cannot be opened ({error.strerror}). Make it readable, or name other notes."
        ) from error
    except (OSError, RuntimeError, ValueError) as error:  # not there, a loop of links, a NUL in the name
        raise NotesError(f"There are no notes at {path}. Name a folder or file that exists: --notes PATH.") from error


def _nothing_read(path: Path, single: str | None, skipped: list[Skipped]) -> str:
    if single is not None:
        return f"{path} {skipped[0].reason}. Mend it, or name other notes: --notes PATH."
    reasons = "; ".join(f"{s.path} {s.reason}" for s in skipped[:3])
    return (
        f"There are no Markdown notes to read in {path}"
        + (f" ({reasons})" if reasons else "")
        + f". Put some there (a file that ends in {NOTE_SUFFIXES[0]}), or name another folder: --notes PATH."
    )


def _note_files(root: Path) -> tuple[list[str], list[Skipped]]:
    names, skipped = folder_files(root, NOTE_SUFFIXES)
    odd = [name for name in names if _shown(name) != name]
    skipped += [Skipped(_shown(name), "has a name that is not UTF-8: rename it") for name in odd]
    return [name for name in names if name not in odd], skipped


def _natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """`10-x` comes after `9-x`."""
    parts = [p for p in re.split(r"(\d+)", name) if p]
    return [(0, int(p), "") if p.isdigit() else (1, 0, p.lower()) for p in parts], name


def _relative(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _shown(name: str) -> str:
    """A file name as it can be printed and stored: bytes that are no UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_inside(file: Path, root: Path) -> bool:
    try:
        return file.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        return False


class _Unreadable(Exception):
    """Why a file cannot be read, for the list of what was skipped."""


def _read_bytes(root: Path, name: str) -> bytes:
    """The bytes of one file, or _Unreadable. What is read and what is hashed must agree: both call this."""
    file = root / name
    try:
        if not file.resolve().is_relative_to(root):
            raise _Unreadable("is a link that leaves the notes' folder")
        if not file.is_file():  # a pipe or a device would never end
            raise _Unreadable("is a link to nothing" if file.is_symlink() else "is not a regular file")
        size = file.stat().st_size
        if size > MAX_FILE_BYTES:
            limit = MAX_FILE_BYTES // 1_000_000
            raise _Unreadable(f"has {size / 1e6:.1f} MB, more than the {limit} MB of one note: split it")
        return file.read_bytes()
    except OSError as error:
        raise _Unreadable(f"cannot be read ({error.strerror})") from error
    except (RuntimeError, ValueError) as error:  # a loop of links, a NUL in the name
        raise _Unreadable("is not a regular file") from error


def _sha256(root: Path, name: str) -> str | None:
    try:
        return hashlib.sha256(_read_bytes(root, name)).hexdigest()
    except _Unreadable:
        return None


def _decode(data: bytes) -> tuple[str, str | None]:
    """The text, and what should be said about its encoding. Raises _Unreadable for what is no text."""
    reservation = None
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if encoding is not None:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            raise _Unreadable(f"starts like {encoding.upper()} but is not: save it as UTF-8") from error
    elif data.count(0) > len(data) // 1000 + 3:
        raise _Unreadable("is a binary file, not text")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            if len(data.translate(None, _CONTROLS)) < 0.98 * len(data) - 3:
                raise _Unreadable("is a binary file, not text") from None
            text = data.decode("cp1252", errors="replace")
            reservation = "is not UTF-8: read as Latin-1 (save it as UTF-8)"
    return text.replace("\0", "\ufffd"), reservation  # what CommonMark does with NUL


def _include(line: str) -> tuple[str, str] | None:
    """What stands before an include (indentation, quote and list marks) and its path; None for other lines."""
    body = line.rstrip()
    if not body.endswith("!}"):
        return None
    before = _BEFORE_INCLUDE.match(body)
    start = before.end() if before else 0
    target = body[start + 2 : -2].strip()
    if not body.startswith("{!", start) or not target or "!}" in target or "{!" in target:
        return None
    return body[:start], target


class _Reader:
    """Reads the notes of one folder, one after the other; `revisions` grows by all that is looked at."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: list[Skipped] = []
        self.warnings: list[Skipped] = []
        self.revisions: dict[str, str | None] = {}
        self._texts: dict[str, list[str]] = {}  # of the files that the present note includes
        self._places: dict[str, tuple[str | None, bool]] = {}  # where includes have been looked for

    def read(self, name: str) -> Document | None:
        """One note; None, and a line in `skipped`, if it cannot be read."""
        self._texts.clear()
        includes: list[Include] = []
        texts: list[str] = []
        origins: list[Origin] = []
        size = 0
        try:
            for text, origin, include in self._resolve(self._lines(name), name, None, (name,)):
                if include is not None:
                    includes.append(replace(include, at=len(texts)))
                    if len(includes) > MAX_INCLUDES:
                        raise _Unreadable(f"has more than {MAX_INCLUDES} includes, nested ones counted: use fewer")
                    continue
                texts.append(text)
                origins.append(origin)
                size += len(text)
                if len(texts) > MAX_RESOLVED_LINES or size > MAX_RESOLVED_CHARS:
                    raise _Unreadable(
                        f"is longer than {MAX_RESOLVED_LINES} lines or {MAX_RESOLVED_CHARS // 1_000_000} MB"
                        " with its includes: split it"
                    )
        except _Unreadable as problem:
            self.skipped.append(Skipped(name, str(problem)))
            return None
        files = {name, *(o.document for o in origins), *(i.resolved for i in includes if i.resolved)}
        revisions = {file: sha for file in sorted(files) if (sha := self.revisions.get(file)) is not None}
        return Document(name, "\n".join(texts), tuple(origins), tuple(includes), revisions)

    def _lines(self, name: str) -> list[str]:
        if name not in self._texts:
            self.revisions[name] = None
            data = _read_bytes(self.root, name)
            self.revisions[name] = hashlib.sha256(data).hexdigest()
            text, reservation = _decode(data)
            if reservation is not None and not any(w.path == name for w in self.warnings):
                self.warnings.append(Skipped(name, reservation))
            self._texts[name] = _NEWLINE.split(text)
        return self._texts[name]

    def _resolve(
        self, lines: list[str], name: str, via: int | None, open_files: tuple[str, ...], first: int = 1
    ) -> Iterator[tuple[str, Origin, Include | None]]:
        """Yield the lines of one file with its includes in place; an Include comes before its lines.

        A faulty or empty include leaves an empty line behind, so that what is around it keeps its place.
        """
        for number, line in enumerate(lines, start=first):
            origin = Origin(name, number, via)
            include = _include(line)
            if include is None:
                yield line, origin, None
                continue
            before, target = include
            file, fault = self._locate(target, name, open_files)
            included: list[str] = []
            if file is not None and fault is None:
                try:
                    included = self._lines(file)
                except _Unreadable:
                    fault = "unreadable"
            yield "", origin, Include(name, number, target, fault, file)
            start, end = _body(included, file)
            if file is None or start == end:
                yield "", origin, None
                continue
            outer = via if via is not None else number
            inner = self._resolve(included[start:end], file, outer, (*open_files, file), start + 1)
            yield from _placed(inner, before)

    def _locate(self, target: str, name: str, open_files: tuple[str, ...]) -> tuple[str | None, IncludeFault | None]:
        """The file an include means, relative to the root, and why it cannot be had."""
        fault: IncludeFault = "missing"
        for base in dict.fromkeys((PurePosixPath(), PurePosixPath(name).parent)):
            place = (base / target).as_posix()
            if place not in self._places:
                self._places[place] = self._look(place)
            found, inside = self._places[place]
            if found is not None and found in open_files:
                return found, "cycle"
            if found is not None:
                return found, ("depth" if len(open_files) > MAX_INCLUDE_DEPTH else None)
            if not inside:
                fault = "outside"
        return None, fault

    def _look(self, place: str) -> tuple[str | None, bool]:
        """The file that is meant by a path, links followed, and whether it is (or would be) inside the folder."""
        try:
            real = (self.root / place).resolve()
            inside = real.is_relative_to(self.root)
            found = _relative(real, self.root) if inside and real.is_file() else None
        except (OSError, ValueError, RuntimeError):  # a name too long, a NUL, a loop of links
            inside, found = True, None
        # A place where an include was looked for may come, go or point elsewhere: it belongs to the revisions.
        for name in {place, found or place} - set(self.revisions):
            self.revisions[name] = _sha256(self.root, name)
        return found, inside


def _body(lines: list[str], name: str | None) -> tuple[int, int]:
    """From where to where an included file is shown: without front matter and empty lines at its end."""
    start = front_matter_lines(lines) if name is not None and name.lower().endswith(NOTE_SUFFIXES) else 0
    end = len(lines)
    while end > start and not lines[end - 1].strip():
        end -= 1
    return start, end


def _placed(
    inner: Iterator[tuple[str, Origin, Include | None]], before: str
) -> Iterator[tuple[str, Origin, Include | None]]:
    """Included lines behind what stands before the include: a list mark on the first line, blanks on the others."""
    mark, following = before, re.sub(r"[^ \t>]", " ", before)
    for text, origin, include in inner:
        if include is None:
            # An empty line stays empty, unless that would end the quotation that the include stands in.
            text = mark + text if text else mark.rstrip()
            origin = replace(origin, indent=origin.indent + len(mark))
            mark = following
        yield text, origin, include
