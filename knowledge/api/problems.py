"""What is refused about documents, as problems."""

from common.api.problems import Problem, as_problem, field_problem
from knowledge.embedding import EmbedderUnavailable
from knowledge.services import RefusedUpload


@as_problem.register
def _(error: RefusedUpload) -> Problem:
    return field_problem("file", error.reason)


@as_problem.register
def _(error: EmbedderUnavailable) -> Problem:
    return Problem(503, str(error), kind="embedder-unavailable", title="Embedder unavailable")
