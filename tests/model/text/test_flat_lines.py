"""Headings and bullets of text that lost its line ends."""

import pytest

from model.text.note_form import plain_note

LONG = "The invented patient was seen by many people over many days and was well on each of them, as everybody wrote. "


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("HPI: cough Family History: father with gout Past Medical History: COPD",
         ["HPI: cough", "Family History: father with gout", "Past Medical History: COPD"]),
        ("FAMILY HISTORY: gout DISCHARGE DIAGNOSES: 1. COPD", ["FAMILY HISTORY: gout", "DISCHARGE DIAGNOSES: 1. COPD"]),
        ("Antecedentes familiares: gota Antecedentes personales: asma",
         ["Antecedentes familiares: gota", "Antecedentes personales: asma"]),
        ("Neck: supple, no LAD Neuro: intact", ["Neck: supple, no LAD", "Neuro: intact"]),
        ("was seen. Wound Care Notes: dry", ["was seen.", "Wound Care Notes: dry"]),
        ("Course: # Gout: treated # COPD: stable", ["Course:", "# Gout: treated", "# COPD: stable"]),
        ("Meds: - aspirin 81 mg - lisinopril 5 mg - metformin", ["Meds:", "- aspirin 81 mg", "- lisinopril 5 mg",
                                                               "- metformin"]),
        (f"Line one\n{LONG}Family History: gout\nend", ["Line one", LONG.rstrip(), "Family History: gout", "end"]),
        ("Line\nFamily History: gout. Past Medical History: COPD\nend",
         ["Line", "Family History: gout.", "Past Medical History: COPD", "end"]),
    ],
)  # fmt: skip
def test_a_heading_begins_a_line(text: str, lines: list[str]) -> None:
    """Known ones in a long line or behind another; with capitals, and bullets, where there are no line ends."""
    assert [line.rstrip() for line in plain_note(text).text.split("\n")] == lines


@pytest.mark.parametrize(
    "text",
    [
        "the family history: gout and the plan: rest",
        "seen at 10:15 and 11:20, ratio 3:1",
        "Dr. Nobody of the [**Hospital 3**], https://nobody.example",
        "gout - treated",
        "a wrapped line that names Family History: gout\nand more",
    ],
)
def test_what_is_no_heading_stays(text: str) -> None:
    """Small letters, times, addresses, a single dash, short lines."""
    assert plain_note(text).text == text
