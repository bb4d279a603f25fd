"""What can go wrong; every class is a :class:`ClientError`, and no message holds a word of a note."""

from icd_coder_client.answer import Problem


class ClientError(Exception):
    """Base of every error of the client."""


class InvalidArgument(ClientError, ValueError):
    """The address or the key is malformed; nothing was sent."""


class ServiceUnreachable(ClientError):
    """No answer from the address, or not in time."""


class ReceivedProblem(Problem):
    """A problem as the service, or a proxy in front of it, sent it."""

    type: str = "about:blank"
    title: str = ""
    detail: str = "the server gave no reason: see its log, or that of a proxy in front of it"


class ServiceProblem(ClientError):
    """The service answered with an error: ``problem`` is its document, with ``status``, ``type`` and ``errors``.

    ``retry_after_seconds`` is None if the service asked for no wait.
    """

    def __init__(self, problem: ReceivedProblem, retry_after_seconds: int | None = None) -> None:
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds
        unsaid = [one for one in problem.errors or () if one.problem not in problem.detail]
        fields = "".join(f"; {one.field}: {one.problem}" for one in unsaid)
        super().__init__(f"the service answered {problem.status}: {problem.detail}{fields}")


class RequestRefused(ServiceProblem):
    """The request is invalid (4xx)."""


class AccessRefused(ServiceProblem):
    """The key is missing, invalid or lacks a scope (401, 403)."""


class NotNow(ServiceProblem):
    """The same request may succeed later (429, 503)."""


class ServiceFailed(ServiceProblem):
    """The service failed (other 5xx), or its answer has an unexpected form."""
