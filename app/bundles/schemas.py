"""What the routes of bundles take and give."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from app.wire import Strict

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""No separator and no leading dot: a name stays inside of the folder."""
Name = Annotated[str, StringConstraints(pattern=NAME)]


class NamedBundle(Strict):
    """A bundle that is registered."""

    name: str = Field(description="Of its folder.")
    bundle_id: str
    registered_at: datetime
    aliases: list[str]
    serving: bool = Field(description="Whether it answers now.")


class BundlesAnswer(Strict):
    """Answer of ``GET /v1/bundles``."""

    bundle_id: str = Field(description="Of the bundle that answers now, which need not be registered.")
    bundles: list[NamedBundle] = Field(description="By name.")


class RegisterRequest(Strict):
    """Body of ``POST /v1/bundles``."""

    name: Name = Field(description="Of a folder in the service's folder of bundles.", examples=["2026-11"])


class AliasRequest(Strict):
    """Body of ``PUT /v1/bundles/aliases/{alias}``."""

    name: Name = Field(description="Of a registered bundle.", examples=["2026-11"])


class LoadRequest(Strict):
    """Body of ``POST /v1/bundles/load``."""

    bundle: Name = Field(description="Name or alias of a registered bundle.", examples=["production"])


class BundleLoaded(Strict):
    """Answer of ``POST /v1/bundles/load``."""

    name: str
    bundle_id: str
    embedding_id: str
    replaced: str = Field(description="bundle_id of the one before.")
