"""Published counts of MIMIC-III v1.4, by label set.

Sources: id lists of jamesmullenbach/caml-mimic (``full-caml``, ``50``) and of JoakimEdin/medical-coding-reproducibility
(``full``, ``clean``); the rest was counted on the lists of Edin et al. 2023. None: not published.
"""

from dataclasses import dataclass, field

Bands = tuple[int, int, int, int, int, int]


@dataclass(frozen=True)
class Published:
    """Published counts of one label set."""

    documents: dict[str, tuple[int, ...]]
    """By split; a second number is also right, see ``CODELESS``."""
    codes: dict[str, int]
    """Distinct codes by system."""
    assignments: int | None = None
    means: dict[str, float] = field(default_factory=dict)
    """Codes a document by split, to one decimal; ``all`` to two."""
    present: dict[str, int] = field(default_factory=dict)
    """Distinct codes by split."""
    unseen_in_test: int | None = None
    """Codes of the test split that no training document has."""
    bands: Bands | None = None
    """Codes with 0, 1-10, 11-50, 51-100, 101-500 and over 500 training documents."""
    frequent_share: float | None = None
    """Share of the assignments that have a code of the last band, in percent."""
    top_50_share: float | None = None
    """Share of the test split's assignments that have one of the 50 most frequent training codes, in percent."""
    leading_zero_codes: int | None = None
    """Procedure codes that begin with 0."""
    leading_zero_assignments: int | None = None
    splits_only: bool = False
    """Whether the published lists select the documents, so that a seeded split has other ones."""


CODELESS = 4  # training admissions of CAML's lists without a code: 109963, 110220, 142890, 182252

SOURCE_ROWS = {
    "NOTEEVENTS rows": 2_083_180,
    "NOTEEVENTS rows, Discharge summary": 59_652,
    "DIAGNOSES_ICD rows": 651_047,
    "admissions with a discharge summary": 52_726,
}
"""Rows of the source by the manifest's step, for every label set."""

MIMIC3: dict[str, Published] = {
    "full": Published(
        documents={"train": (47_719,), "dev": (1_631,), "test": (3_372,)},
        codes={"icd9cm": 6_918, "icd9pcs": 2_011},
        assignments=837_374,
        means={"all": 15.88, "train": 15.7, "dev": 17.4, "test": 18.0},
        present={"train": 8_692, "dev": 3_012, "test": 4_085},
        unseen_in_test=173,
        bands=(237, 5_336, 1_823, 513, 737, 283),
        frequent_share=65.4,
        top_50_share=32.0,
        leading_zero_codes=195,
        leading_zero_assignments=15_024,
    ),
    "full-caml": Published(
        documents={"train": (47_723, 47_723 - CODELESS), "dev": (1_631,), "test": (3_372,)},
        codes={"icd9cm": 6_918, "icd9pcs": 2_003},
        leading_zero_codes=0,
    ),
    "50": Published(
        documents={"train": (8_066,), "dev": (1_573,), "test": (1_729,)},
        codes={"all": 50},
        splits_only=True,
    ),
    "clean": Published(
        documents={"train": (38_401,), "dev": (5_577,), "test": (8_734,)},
        codes={"all": 3_681},
    ),
}
