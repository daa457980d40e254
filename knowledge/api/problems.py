"""What is refused about documents, as problems."""

from common.api.problems import Problem, as_problem, field_problem
from knowledge.services import RefusedUpload


@as_problem.register
def _(error: RefusedUpload) -> Problem:
    return field_problem("file", error.reason)
