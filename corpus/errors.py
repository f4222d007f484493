"""The errors that this project raises on purpose.

AskError                    the base: one sentence that says what is wrong and what to do
├── UsageProblem            the call itself is wrong: an option, a setting, a question
│   ├── QuestionError       the question is empty or too long
│   └── SettingsError       a setting has a wrong name or value
├── NotesError              the notes cannot be read: no such folder, nothing to read in it
├── QuestionFileError       a question file for `ask eval` is not in its format
├── ModelFailed             a chat model did not reply, or not usably; the notes are quoted instead
├── JournalProblem          what was asked cannot be kept or read: its database
├── EncoderError            the encoder cannot be loaded, or is not the one that was pinned
└── IndexProblem            the index cannot be used
    ├── IndexUnwritable     its folder is read-only or the disk is full
    ├── IndexBusy           another process builds it and does not finish
    └── IndexIncompatible   it was made by another encoder or another format

Errors of other libraries are turned into these at the one place that calls the library
(`raise ... from`). Each surface maps this tree to its own words: exit code, HTTP status.
"""


class AskError(Exception):
    """Base of every error raised on purpose; its text is shown to the user as it is."""


class UsageProblem(AskError):
    """The call is wrong: the user can mend it by calling again."""


class QuestionError(UsageProblem):
    """The question is empty or too long to be searched."""


class SettingsError(UsageProblem):
    """A setting has an unknown name or a value out of its bounds."""


class NotesError(AskError):
    """The notes cannot be read at all."""


class QuestionFileError(AskError):
    """A question file is not in the format that `ask eval` reads."""


class ModelFailed(AskError):
    """A chat model cannot be reached, refuses, takes too long, or replies with nothing."""


class JournalProblem(AskError):
    """The journal's database cannot be opened, read or written."""


class EncoderError(AskError):
    """The encoder cannot be loaded or is not the one expected."""


class IndexProblem(AskError):
    """The index cannot be built or used."""


class IndexUnwritable(IndexProblem):
    """The index folder cannot be written: read-only, or the disk is full."""


class IndexBusy(IndexProblem):
    """Another process holds the index and did not let go in time."""


class IndexIncompatible(IndexProblem):
    """The index was made by another encoder or another format of this program."""
