"""Lexical channels of an invented world: one trained code with a phrase and a name, two codes with names alone."""

from model.dataset import CodeSpan, Document
from model.icd import Code
from model.labels import Label, LabelSpace
from model.lexicon.lexical_channels import LexicalChannels
from model.lexicon.siblings import Siblings
from training.ranking.lexicon_fit import fit_lexicon
from training.ranking.titles_fit import fit_titles
from training.ranking.training_note import training_note

TRAINED = LabelSpace((Label("icd10cm", "J18.9", "Pneumonia, unspecified organism", 3),))
FEMUR, GOUT = Code("icd10cm", "S72.90"), Code("icd10cm", "M10.9")
CODE_SET = TRAINED.extended([(FEMUR, "Fracture of femur"), (GOUT, "Gout, unspecified")])


def tiny_lexical(labels: LabelSpace = TRAINED, code_set: LabelSpace = CODE_SET, column: int = 0) -> LexicalChannels:
    """Fitted on six notes, half of them with a marked "pneumonia" for the code in a column."""
    code = labels[column].key
    notes = []
    for n in range(6):
        words = "severe pneumonia today" if n % 2 else "severe pain today"
        text = f"Invented note {n}: {words}."
        spans = (CodeSpan(code, text.index("pneumonia"), text.index(" today")),) if n % 2 else ()
        document = Document(f"d{n}", f"p{n}", "train", text, (code,) if n % 2 else (), evidence=spans)
        notes.append(training_note(document, labels.columns, "en"))
    return LexicalChannels(fit_lexicon(notes, len(labels)), fit_titles(code_set, ()), Siblings(code_set.labels))
