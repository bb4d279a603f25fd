"""Faithfulness of explanations: does the classifier need the tokens that an explanation names, and do they suffice?

J. DeYoung et al. 2020, "ERASER: A Benchmark to Evaluate Rationalized NLP Models" (ACL), Section 4: with m(x) the
probability of a code, r its rationale,

    comprehensiveness = m(x) - m(x without r),    sufficiency = m(x) - m(r alone),

each averaged over rationales of the heaviest 1, 5, 10, 20 and 50% of the tokens. A faithful explanation has a high
comprehensiveness and a low sufficiency. A token is left out by the tokenizer's mask token in its place, so that
windows and positions stay as they are; special tokens stay.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model.coder import Coder
from model.network.windows import SPECIAL, WindowedNote

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
"""Of the tokens; those of the paper."""


@dataclass(frozen=True)
class Faithfulness:
    """Both measures of some codes of one note, each float64 (k,)."""

    comprehensiveness: np.ndarray
    sufficiency: np.ndarray


def note_faithfulness(coder: Coder, note: WindowedNote, columns: np.ndarray, weights: np.ndarray) -> Faithfulness:
    """Measure the weights of the tokens, (k, N), of codes of the label space, (k,); 10 encodings a code."""
    whole = coder.score_windowed(note).probabilities[columns]
    without, alone = np.zeros((len(columns), len(SHARES))), np.zeros((len(columns), len(SHARES)))
    for code, column in enumerate(columns.tolist()):
        for place, share in enumerate(SHARES):
            rationale = heaviest(note, weights[code], share)
            for found, masked in ((without, rationale), (alone, ~rationale)):
                left = mask_tokens(note, masked, mask_token(coder.tokenizer)[0])
                found[code, place] = coder.score_windowed(left).probabilities[column]
    return Faithfulness(whole - without.mean(axis=1), whole - alone.mean(axis=1))


def heaviest(note: WindowedNote, weights: np.ndarray, share: float) -> np.ndarray:
    """Which tokens are the heaviest share of those that are text, at least one, bool (N,); of equals the first."""
    text = np.flatnonzero(note.offsets[:, 0] != SPECIAL)
    number = int(np.ceil(share * len(text)))
    chosen = np.zeros(len(weights), dtype=bool)
    chosen[text[np.argsort(-weights[text], kind="stable")[:number]]] = True
    return chosen


def mask_tokens(note: WindowedNote, masked: np.ndarray, mask_id: int) -> WindowedNote:
    """The note with some tokens (N,) masked; special tokens are left as they are."""
    return replace(note, ids=np.where(masked & (note.offsets[:, 0] != SPECIAL), mask_id, note.ids))


def mask_token(tokenizer: Any) -> tuple[int, str]:
    """Id and text of the mask token, or of the unknown token of a tokenizer without one."""
    if tokenizer.mask_token_id is not None:
        return int(tokenizer.mask_token_id), str(tokenizer.mask_token)
    return int(tokenizer.unk_token_id), str(tokenizer.unk_token)
