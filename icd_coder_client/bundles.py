"""Answers of the routes of bundles."""

from datetime import datetime

from pydantic import Field

from icd_coder_client.answer import Strict


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


class BundleLoaded(Strict):
    """Answer of ``POST /v1/bundles/load``."""

    name: str
    bundle_id: str
    embedding_id: str
    replaced: str = Field(description="bundle_id of the one before.")
