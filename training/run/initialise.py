"""Label attention that starts from what is known before training: how frequent a code is, and what it is called."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.labels import LabelSpace
from model.network.batch import batch_of_ids
from model.network.network import CodingNetwork
from model.network.windows import window_notes

TITLES_AT_ONCE = 64
TITLE_TOKENS = 126
QUERY_SCALE = 0.1
"""Length of a query relative to sqrt(H): large enough to point, small enough for a soft attention; tuned on
CodiEsp dev."""


def start_from_frequencies(network: CodingNetwork, counts: np.ndarray, notes: int) -> None:
    """Set each label's bias to its log-odds among the training notes: counts (L,) of ``notes``."""
    share = (counts + 0.1) / (notes + 1)  # 0.1 keeps a code without training notes finite
    log_odds = np.log(share / (1 - share))
    network.label_attention.bias.data.copy_(torch.from_numpy(log_odds))


def start_from_titles(network: CodingNetwork, tokenizer: Any, labels: LabelSpace, rarity: np.ndarray) -> None:
    """Set each label's query to the encoder's mean embedding of its title, and the keys to the identity.

    So at the start every code looks at the tokens that are most like its title, codes without training notes too.
    Where the embedding reads the codes, the vector of each is that of its title as well, times its rarity (L,).
    """
    head = network.label_attention
    titles = [label.title or label.code for label in labels.labels]
    embedded = _title_embeddings(network, tokenizer, titles)
    embedded = F.normalize(embedded - embedded.mean(dim=0), dim=1)  # without the direction that all titles share
    size = embedded.shape[1]
    head.queries.data.copy_(embedded * size**0.5 * QUERY_SCALE)
    nn.init.eye_(head.keys.weight)
    codes = network.document_embedding.codes
    if codes is not None:
        codes.vectors.data.copy_(embedded * torch.from_numpy(rarity)[:, None])


@torch.inference_mode()
def _title_embeddings(network: CodingNetwork, tokenizer: Any, titles: Sequence[str]) -> Tensor:
    network.eval()
    windowed = window_notes(tokenizer, titles, TITLE_TOKENS + 2, TITLE_TOKENS)
    rows = []
    for first in range(0, len(windowed), TITLES_AT_ONCE):
        batch = batch_of_ids(windowed[first : first + TITLES_AT_ONCE], tokenizer.pad_token_id)
        states, mask = network.token_states(batch), batch.note_mask.float()
        rows.append((mask[:, None] @ states)[:, 0] / mask.sum(dim=1, keepdim=True))
    return torch.cat(rows)
