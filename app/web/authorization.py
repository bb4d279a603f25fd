"""The scope that each route needs; the service does not start if a route declares none."""

from collections.abc import Iterator, Set
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.routing import iter_route_contexts
from fastapi.security.base import SecurityBase

from app.access.caller import Caller, Visit
from app.access.scopes import Scope
from app.errors import MissingScope
from app.problem_table import UNKNOWN_KIND
from app.web.authentication import OPEN_PATHS
from app.web.body_limit import takes_body


class Requires(SecurityBase):
    """A dependency that requires one of two scopes; without a scope, any valid key is accepted.

    The key itself is checked by the middleware. A security scheme of FastAPI's, so that the OpenAPI document names it.
    """

    def __init__(self, scope: Scope | None = None, other: Scope | None = None) -> None:
        self.scope = scope
        self.other = other
        self.model = HTTPBearerModel()
        self.scheme_name = "access key"

    async def __call__(self, request: Request) -> Visit:
        """The caller, the id and the route of the request, as the access log needs them.

        Raises:
            MissingScope: the key lacks the scope.
            RequestValidationError: the address has a query, and the route reads its options from the body alone.
        """
        caller: Caller = request.state.caller
        if self.scope is not None and caller.scopes.isdisjoint({self.scope, self.other}):
            raise MissingScope(self.scope)
        if request.query_params:
            _require_no_query(request)
        return Visit(caller, request.state.request_id, f"{request.method} {request.scope['route'].path}")


ByAnyKey = Annotated[Visit, Depends(Requires())]
ByPredict = Annotated[Visit, Depends(Requires(Scope.PREDICT))]
ByPredictOrAdmin = Annotated[Visit, Depends(Requires(Scope.PREDICT, Scope.ADMIN))]
ByNeighbours = Annotated[Visit, Depends(Requires(Scope.NEIGHBOURS))]
ByReview = Annotated[Visit, Depends(Requires(Scope.REVIEW))]
ByAdmin = Annotated[Visit, Depends(Requires(Scope.ADMIN))]


def _require_no_query(request: Request) -> None:
    """An option in the address of a route with a body would be ignored in silence, as in /v1/predict?top_k=3."""
    route = request.scope["route"]
    if takes_body(route) and not _takes_query(route.dependant):
        names = dict.fromkeys(request.query_params)
        raise RequestValidationError([{"type": UNKNOWN_KIND, "loc": ("query", name), "msg": ""} for name in names])


def require_declared(app: FastAPI, open_paths: Set[str] = OPEN_PATHS) -> None:
    """Check that every route declares a scope or is open.

    Raises:
        RuntimeError: names the first route without; a programming error.
    """
    for route in iter_route_contexts(app.routes):
        if route.path in open_paths:
            continue
        dependant = getattr(route, "dependant", None)
        if dependant is None or not any(isinstance(call, Requires) for call in _calls(dependant)):
            raise RuntimeError(f"the route {route.path} declares no scope: give it a dependency Requires(...)")


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)


def _takes_query(dependant: Dependant) -> bool:
    return bool(dependant.query_params) or any(map(_takes_query, dependant.dependencies))
