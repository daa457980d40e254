import pytest


@pytest.fixture
def impatient(settings):
    """Time-outs of parts of a second, and no retries."""
    settings.MODEL_CONNECT_SECONDS = 1.0
    settings.MODEL_FIRST_TOKEN_SECONDS = 0.6
    settings.MODEL_SILENCE_SECONDS = 0.3
    settings.MODEL_RETRIES = 0
    settings.MODEL_RETRY_SECONDS = 0.01
    return settings
