"""Answers without a language model."""


async def answer(request):
    raise NotImplementedError
    yield
