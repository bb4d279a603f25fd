"""``/v1/bundles``: register bundles, name them by aliases, and load them while the service runs."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.bundles.schemas import NAME, AliasRequest, LoadRequest, RegisterRequest
from app.web.authorization import ByAdmin
from app.web.dependencies import Bundles
from app.web.problems import KEYED, documented
from icd_coder_client.bundles import BundleLoaded, BundlesAnswer, NamedBundle

router = APIRouter(prefix="/v1/bundles", tags=["bundles"])
CHANGED = documented(400, *KEYED, 404, 408, 409, 413, 415, 422, 500, 503)


@router.get("", responses=documented(*KEYED, 409, 500, 503))
async def registered(_visit: ByAdmin, bundles: Bundles) -> BundlesAnswer:
    """The registered bundles, and which one answers."""
    return await bundles.registered()


@router.post("", status_code=201, responses={200: {"model": NamedBundle}, **CHANGED})
async def register(request: RegisterRequest, visit: ByAdmin, bundles: Bundles, response: Response) -> NamedBundle:
    """Verify a bundle in the service's folder of bundles and keep its name; 200 for a name that was registered."""
    bundle, is_new = await bundles.register(request.name, visit)
    response.status_code = 201 if is_new else 200
    return bundle


@router.put("/aliases/{alias}", responses=CHANGED)
async def name(
    alias: Annotated[str, Path(pattern=NAME)], request: AliasRequest, visit: ByAdmin, bundles: Bundles
) -> NamedBundle:
    """Let an alias such as production stand for a registered bundle; what answers stays until it is loaded."""
    return await bundles.name(alias, request.name, visit)


@router.post("/load", responses=CHANGED)
async def load(request: LoadRequest, visit: ByAdmin, bundles: Bundles) -> BundleLoaded:
    """Let a registered bundle answer from now on; requests that have begun end with the one before.

    The service holds both for a moment. When it cannot be loaded, the one before goes on.
    """
    return await bundles.load(request.bundle, visit)
