"""Types that requests share."""

from typing import get_args

from app.cli import database_commands
from app.fhir.bundle import SYSTEM_URIS
from icd_coder_client.requests import System
from model.icd import SYSTEMS


def test_every_list_of_the_systems_is_that_of_the_grammar() -> None:
    """Literals and options cannot be made from a tuple that a type checker reads."""
    assert get_args(System) == SYSTEMS
    assert tuple(database_commands.System) == SYSTEMS
    assert tuple(SYSTEM_URIS) == SYSTEMS
