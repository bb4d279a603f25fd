"""What the routes of bundles take and give."""

from typing import Annotated

from pydantic import Field, StringConstraints

from icd_coder_client.answer import Strict

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""No separator and no leading dot: a name stays inside of the folder."""
Name = Annotated[str, StringConstraints(pattern=NAME)]


class RegisterRequest(Strict):
    """Body of ``POST /v1/bundles``."""

    name: Name = Field(description="Of a folder in the service's folder of bundles.", examples=["2026-11"])


class AliasRequest(Strict):
    """Body of ``PUT /v1/bundles/aliases/{alias}``."""

    name: Name = Field(description="Of a registered bundle.", examples=["2026-11"])


class LoadRequest(Strict):
    """Body of ``POST /v1/bundles/load``."""

    bundle: Name = Field(description="Name or alias of a registered bundle.", examples=["production"])
