"""Who made the suggestions of a Bundle: a program, by the id of its bundle."""

from collections.abc import Sequence

from app.fhir.extensions import BASE, Tree

AUTHOR = {"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "author"}
SOFTWARE = "software"


def provenance(bundle_id: str, targets: Sequence[str], document: str, recorded: str) -> Tree:
    """The Provenance of some entries of a Bundle.

    Args:
        bundle_id: of the bundle that answered.
        targets: addresses of what it made.
        document: address of what it read.
        recorded: when, as a FHIR instant.
    """
    device = {
        "resourceType": "Device",
        "id": SOFTWARE,
        "identifier": [{"system": f"{BASE}bundle-id", "value": bundle_id}],
        "deviceName": [{"name": "icd-coder", "type": "model-name"}],
    }
    agent = {
        "type": {"coding": [AUTHOR]},
        "who": {"reference": f"#{SOFTWARE}", "display": f"icd-coder, bundle {bundle_id}"},
    }
    return {
        "resourceType": "Provenance",
        "contained": [device],
        "target": [{"reference": target} for target in targets],
        "recorded": recorded,
        "agent": [agent],
        "entity": [{"role": "source", "what": {"reference": document}}],
    }
