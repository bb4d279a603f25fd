"""Notes of the tiny encoder for the tests of a step: ragged lengths, some longer than what one forward pass splits."""

import numpy as np
import torch

from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from model.network.windows import window_notes
from tests.factories import LABELS, tiny_documents
from training.optimise.note_source import IdSource, NoteSource


def tiny_source(number: int = 12, repeat: tuple[int, ...] = (1, 3, 8)) -> NoteSource:
    """Invented notes, repeated so that they differ in length, in windows of 16 tokens."""
    tokenizer = open_encoder("tiny").tokenizer
    documents = tiny_documents(number)
    texts = [document.text * repeat[place % len(repeat)] for place, document in enumerate(documents)]
    notes = window_notes(tokenizer, texts, 16, 512)
    columns = {label.key: column for column, label in enumerate(LABELS.labels)}
    rows = [np.array(sorted(columns[code] for code in document.codes)) for document in documents]
    sizes = np.array([len(note.ids) for note in notes])
    names = [document.document_id for document in documents]
    return NoteSource(IdSource(notes, tokenizer.pad_token_id), sizes, rows, len(LABELS), names)


def tiny_training_network(
    dtype: torch.dtype, dropout: float = 0.1, seed: int = 0, pooling: str = "mean"
) -> CodingNetwork:
    """In training mode, as if some way into it, with dropout everywhere or nowhere."""
    torch.manual_seed(seed)
    network = CodingNetwork(open_encoder("tiny").backbone, len(LABELS), pooling=pooling)
    torch.nn.init.normal_(network.document_embedding.outer.weight, std=0.1)
    if network.document_embedding.codes is not None:
        torch.nn.init.normal_(network.document_embedding.codes.outer.weight, std=0.1)
    torch.nn.init.normal_(network.label_attention.weights, std=0.1)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
    _spread_projections(network)
    return network.to(dtype).train()


@torch.no_grad()
def _spread_projections(network: CodingNetwork) -> None:
    """Those of a new network have a cosine of 0.999: their gradient is then lost to rounding in float32."""
    embeddings = network.eval()(tiny_source().batch(range(12))).embeddings
    inner = network.projection_head.inner
    inner.weight *= 16
    inner.bias.copy_(-(inner.weight @ embeddings.mean(dim=0)))
