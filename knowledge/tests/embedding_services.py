"""Services that embed, as OpenAI's and Gemini's protocols have it. Vectors come from hashes."""

import hashlib

import numpy as np

from common.tests.http_service import Answer

KEY = "sk-a-secret-that-nobody-logs"


def vector_of(text, size=384):
    """The same for the same text, not of unit length."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return [round(float(number), 4) for number in np.random.default_rng(seed).normal(size=size)]


def openai_service(*, sizes=(384,), takes_dimensions=True):
    """Models that can give vectors of these sizes, the first unless another is asked for."""

    def respond(asked):
        assert asked.path == "/v1/embeddings"
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return refusal(asked, 401)
        size = asked.body.get("dimensions", sizes[0])
        if "dimensions" in asked.body and (not takes_dimensions or size not in sizes):
            return refusal(asked, 400)
        found = [
            {"object": "embedding", "index": index, "embedding": vector_of(text, size)}
            for index, text in enumerate(asked.body["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        model = asked.body["model"]
        # Nothing says that they come in order.
        return Answer({"object": "list", "data": found[::-1], "model": model, "usage": usage})

    return respond


def gemini_service(*, sizes=(3072, 384)):
    def respond(asked):
        if asked.headers.get("x-goog-api-key") != KEY:
            return refusal(asked, 403)
        assert asked.path.endswith(":batchEmbedContents")
        found = []
        for request in asked.body["requests"]:
            size = request.get("outputDimensionality", sizes[0])
            size = size if size in sizes else sizes[0]
            [part] = request["content"]["parts"]
            found.append({"values": vector_of(part["text"], size)})
        return Answer({"embeddings": found})

    return respond


def refusal(asked, status, **headers):
    """A service that repeats the key in what it says."""
    said = f"Refused: {asked.headers if asked else KEY}"
    return Answer({"error": {"message": said, "code": status}}, status, headers)
