"""One mention of pneumonia in the ways that notes write it, denied and not."""

import pytest

from model.text.assertion import NOT_PRESENT
from model.text.read_note import read_note

DENIED = r"""
Pneumonia - negative | Pneumonia: N | Pneumonia: not detected | Pneumonia: neg. | Pneumonia: none identified
Negative: fever, chills, pneumonia | No fever/chills/pneumonia | (-)pneumonia | +gout -pneumonia | pneumonia neg
Pneumonia=no | Pneumonia ☐ yes ☒ no | ( ) Pneumonia | Pneumonia Yes[ ] No[x] | Pneumonia [ ] | [  ] Pneumonia
He hasn't got pneumonia | pneumonia hasn't been seen | Pertinent negatives: fever, pneumonia | Pneumonia -> no
Denies: fever, chills, pneumonia | Denies fever; chills; pneumonia | Pneumonia......no | Pneumonia [no] | Pneumonia? No.
History of pneumonia? Denies | Denies -\n- fever\n- pneumonia | Negative for\n- fever\n- pneumonia | Pneumonia / no
Denies:\n\t- fever\n\t- pneumonia | * [ ] Pneumonia | Infection: Pneumonia (-) UTI (+) | Fever +, pneumonia -
Cough: +, pneumonia: - | Pneumonia - No; UTI - Yes | Pneumonia: no    Fever: yes | nor does he have pneumonia
{ } pneumonia\n{x} gout | [N] pneumonia [Y] gout | gout [Y] pneumonia [N] | Films unremarkable for pneumonia
CT fails to reveal pneumonia
"""
NOT_DENIED = r"""
pneumonia not able to be excluded | can't rule out pneumonia | unable to completely exclude pneumonia | Pneumonia [x]
pneumonia is not ruled out at this time | cannot r/o pneumonia | no way to rule out pneumonia | not without pneumonia
Denies:\n- fever\n\nPneumonia treated | UTI (-), pneumonia | (+) pneumonia, (-) UTI | No UTI; pneumonia treated
Denies UTI; pneumonia was treated | Denies UTI.\n- pneumonia | - No UTI\n- Pneumonia | Pneumonia (UTI ruled out)
no improvement of pneumonia | Pneumonia, not UTI | Fever: no\nPneumonia: treated | Smoker: never\n- pneumonia
Pneumonia (no sepsis) | [ ] Call PCP re: pneumonia | [x] Pneumonia | [x]Pneumonia | UTI: no, pneumonia: yes
{x} pneumonia\n{ } gout | [Y] pneumonia [N] gout | pneumonia [Y] gout [N] | no doubt pneumonia
"""
DENIED_IN_SPANISH = r"""
Neumonía: N | niega fiebre; tos; neumonía | No hay evidencia de neumonía | Niega\n- fiebre\n- neumonía | Neumonía (no)
se descartó fiebre y neumonía | neumonía ha sido descartada | no se detecta neumonía | neumonía: negativa
"""
NOT_DENIED_IN_SPANISH = r"""
neumonía no puede ser descartada | sin que se pueda descartar neumonía | no se ha podido excluir la neumonía
no podemos descartar neumonía | No mejoría de la neumonía | no se puede descartar completamente una neumonía
sin duda neumonía
"""


def texts(listed: str) -> list[str]:
    items = listed.strip().replace("\n", " | ").split(" | ")
    return [item.replace(r"\n", "\n").replace(r"\t", "\t") for item in items]


def is_denied(text: str, language: str) -> bool:
    note = read_note(text, language)
    places = [place for place, stem in enumerate(note.words.plain) if stem in ("pneumonia", "neumonia")]
    return bool(note.contexts[places[0]] & NOT_PRESENT)


@pytest.mark.parametrize(
    ("text", "language"),
    [*((text, "en") for text in texts(DENIED)), *((text, "es") for text in texts(DENIED_IN_SPANISH))],
)
def test_a_denied_mention_is_told(text: str, language: str) -> None:
    """Answers, signs, check boxes, lists."""
    assert is_denied(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [*((text, "en") for text in texts(NOT_DENIED)), *((text, "es") for text in texts(NOT_DENIED_IN_SPANISH))],
)
def test_another_mention_is_not(text: str, language: str) -> None:
    """Possible, treated, beside something else that is denied."""
    assert not is_denied(text, language)


def test_a_sign_in_the_next_cell_answers() -> None:
    """In a table with both signs; a minus alone may be an empty cell, and a ruler is none."""
    assert is_denied("| gout | + |\n| pneumonia | - |", "en")
    assert not is_denied("| gout | - |\n| pneumonia | + |", "en")
    assert not is_denied("| finding | since |\n|---|---|\n| pneumonia | - |", "en")
