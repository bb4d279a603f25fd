"""The names that FHIR gives to the ICD systems."""

from model.icd import ICD9CM, ICD9PCS, ICD10CM, ICD10PCS

SYSTEM_URIS = {
    ICD9CM: "http://hl7.org/fhir/sid/icd-9-cm",
    ICD9PCS: "http://terminology.hl7.org/CodeSystem/ICD-9CM-procedurecodes",
    ICD10CM: "http://hl7.org/fhir/sid/icd-10-cm",
    ICD10PCS: "http://www.cms.gov/Medicare/Coding/ICD10",
}
"""By system: FHIR R4, "Using ICD-[x] with FHIR", and HL7 Terminology for ICD-9-CM's procedures and ICD-10-PCS."""
PROCEDURES = frozenset({ICD9PCS, ICD10PCS})
"""Systems whose codes are Procedures; the others' are Conditions."""
