import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from common.tests.http_service import serving
from knowledge.embedding import EmbedderUnavailable, check_choice, choice, embedder
from knowledge.embedding.minilm import local_embedder
from knowledge.tests.embedding_services import KEY, openai_service


@pytest.fixture(autouse=True)
def no_keys(settings):
    settings.OPENAI_API_KEY = settings.GEMINI_API_KEY = ""
    settings.EMBEDDING_API_KEY = settings.EMBEDDING_BASE_URL = settings.EMBEDDING_MODEL = ""


@pytest.fixture
def chosen(settings):
    """A service that the settings name."""
    with serving(openai_service()) as service:
        settings.EMBEDDING_MODEL = "openai:some-model"
        settings.EMBEDDING_BASE_URL = f"{service.url}/v1"
        settings.EMBEDDING_API_KEY = KEY
        yield service


def test_the_model_that_runs_here_is_used_unless_another_is_named(chosen, settings):
    assert embedder().name == "openai:some-model"
    settings.EMBEDDING_MODEL = ""
    assert embedder() is local_embedder()


def test_a_process_has_one_embedder(chosen):
    assert embedder() is embedder()


@pytest.mark.parametrize("model", ["openai", "openai:", "elsewhere:x", "all-MiniLM", ":x"])
def test_a_choice_that_names_nothing_is_refused_at_start(settings, model):
    settings.EMBEDDING_MODEL = model
    with pytest.raises(ImproperlyConfigured, match="openai:MODEL, gemini:MODEL, fastembed:MODEL"):
        check_choice()


@pytest.mark.parametrize("model", ["openai:m", "gemini:m"])
def test_a_service_without_a_key_is_refused_at_start(settings, model):
    settings.EMBEDDING_MODEL = model
    with pytest.raises(ImproperlyConfigured, match="needs EMBEDDING_API_KEY"):
        check_choice()
    settings.EMBEDDING_API_KEY = "key"
    check_choice()


def test_a_server_at_home_needs_no_key(settings):
    settings.EMBEDDING_MODEL = "openai:m"
    settings.EMBEDDING_BASE_URL = "http://localhost:11434/v1"
    check_choice()


def test_a_name_that_the_column_cannot_hold_is_refused_at_start(settings):
    settings.EMBEDDING_MODEL = "fastembed:" + "m" * 90
    check_choice()
    settings.EMBEDDING_MODEL += "m"
    with pytest.raises(ImproperlyConfigured, match="shorter"):
        check_choice()


def test_a_provider_s_key_goes_to_the_provider_only(settings):
    settings.OPENAI_API_KEY = "of-openai"
    assert choice._access("openai:m").key == "of-openai"
    settings.EMBEDDING_BASE_URL = "http://elsewhere.example/v1"
    assert choice._access("openai:m").key == ""
    settings.EMBEDDING_API_KEY = "of-elsewhere"
    assert choice._access("openai:m").key == "of-elsewhere"


def test_preparing_says_which_model_is_ready(chosen, capsys):
    call_command("prepare_embedder")
    assert capsys.readouterr().out.startswith("openai:some-model is ready (")


def test_preparing_fails_for_a_model_of_another_length(chosen):
    chosen.respond = openai_service(sizes=(1536,))
    with pytest.raises(CommandError, match="vectors of 1536 numbers"):
        call_command("prepare_embedder")


def test_preparing_warns_of_a_service_that_is_not_reached(settings, chosen, capsys):
    settings.EMBEDDING_BASE_URL = "http://127.0.0.1:9/v1"
    call_command("prepare_embedder")
    assert "does not answer" in capsys.readouterr().err


def test_fastembed_is_asked_to_be_installed(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastembed", None)  # as where it is not installed
    settings.EMBEDDING_MODEL = "fastembed:/models/some"
    check_choice()
    with pytest.raises(EmbedderUnavailable, match="pip install fastembed"):
        embedder()
