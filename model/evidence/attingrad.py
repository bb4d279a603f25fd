"""AttInGrad: attention times the norm of input times gradient, as weights of the tokens for a code.

J. Edin, M. Maistro, L. Maaløe, L. Borgholt, J. D. Havtorn, T. Ruotsalo 2024, "An Unsupervised Approach to Achieve
Supervised-Level Explainability in Healthcare Records" (arXiv 2406.08958), Section 3: attention of the code over the
tokens times the Euclidean norm of InputXGradient, here normalised to sum to 1 over the note,

    s_i = a_i * || x_i * d logit / d x_i ||_2,

x_i being what the encoder's embeddings give for token i, as in the authors' code.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from model.network.batch import NoteBatch
from model.network.network import CodingNetwork
from model.network.ragged_windows import RaggedWindows, ragged_windows

TOKENS_AT_ONCE = 1024
"""Tokens whose graph is kept together: windows meet in label attention only, so each goes through the encoder by
itself. Untuned; about 0.7 GB for a RoBERTa-base."""
GRADIENT_BYTES = 2**27
"""Size of the gradients at the encoder's end that are kept together, (codes, N, H): a few codes of a long note."""
CODES_AT_ONCE = 8
"""Codes between which the work can end without losing a finished one. Untuned; each group costs one forward pass."""


class _Ended(Exception):
    """The work may not go on."""


def always() -> bool:
    """No end before the last code."""
    return True


def attingrad(
    network: CodingNetwork,
    batch: NoteBatch,
    states: Tensor,
    columns: Tensor,
    may_go_on: Callable[[], bool] = always,
) -> Tensor:
    """Weights of the tokens of one note for the first codes, (k, N), each row summing to 1.

    Frozen layers make no difference: no parameter gets a gradient.

    Args:
        batch: the note alone, as token ids.
        states: its token states (N, H), as the network makes them.
        columns: of the label space, int64 (k,).
        may_go_on: asked before each backward pass; after a False, only the codes of the groups that are finished have
            a row, so there may be fewer rows than columns.

    Raises:
        ValueError: the batch has another number of notes, or states instead of ids.
    """
    if batch.input_ids is None or len(batch.note_mask) != 1:
        raise ValueError("AttInGrad takes one note as token ids")
    with torch.inference_mode(False), torch.enable_grad():
        # Clones: tensors of inference mode can be in no graph.
        states, columns = states.detach().clone().requires_grad_(), columns.clone()
        windows = ragged_windows(batch.window_mask)
        with network.autocast(states.device), torch.no_grad():
            embedded = network.encoder.embed(batch.input_ids, windows)  # (N, H), in the order of the windows
        places = _places(batch, windows)
        memory = max(1, GRADIENT_BYTES // (states.numel() * states.element_size()))
        norms = [states.new_zeros(0, len(states))]
        try:
            for chosen in torch.split(columns, min(CODES_AT_ONCE, memory)):
                gradients = _state_gradients(network, states, chosen)
                norms.append(_input_norms(network, embedded, windows, places, gradients, may_go_on))
        except _Ended:
            pass
        found = torch.cat(norms)
        attention = network.label_attention.attention(states, columns[: len(found)])
        weights = (attention * found).detach()
    return weights / weights.sum(dim=1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)


def _places(batch: NoteBatch, windows: RaggedWindows) -> Tensor:
    """Place in the note of each token in the order of the windows, int64 (N,)."""
    place = torch.zeros(batch.window_mask.numel(), dtype=torch.int64, device=windows.index.device)
    place[batch.token_index[0]] = torch.arange(batch.token_index.shape[1], device=windows.index.device)
    return place[windows.index]


def _state_gradients(network: CodingNetwork, states: Tensor, columns: Tensor) -> Tensor:
    """Gradient of each code's logit at the encoder's end, (k, N, H)."""
    logits = network.label_attention.chosen_logits(states, columns)
    gradients = states.new_empty(len(columns), *states.shape)
    for code, logit in enumerate(logits):
        (gradients[code],) = torch.autograd.grad(logit, states, retain_graph=True)
    return gradients


def _input_norms(
    network: CodingNetwork,
    embedded: Tensor,
    windows: RaggedWindows,
    places: Tensor,
    gradients: Tensor,
    may_go_on: Callable[[], bool],
) -> Tensor:
    """Norms of InputXGradient (k, N) from the gradients (k, N, H) at the encoder's end; raises _Ended."""
    norms = gradients.new_zeros(gradients.shape[:2])
    start = 0
    for part in windows.parts(TOKENS_AT_ONCE):
        stop = start + len(part.index)
        inputs, rows = embedded[start:stop].clone().requires_grad_(), places[start:stop]
        with network.autocast(inputs.device):
            last = network.encoder.run(inputs, part, 0, network.encoder.num_layers)
        for code, gradient in enumerate(gradients[:, rows]):
            if not may_go_on():
                raise _Ended
            (inner,) = torch.autograd.grad(last, inputs, gradient.to(last.dtype), retain_graph=True)
            norms[code, rows] = (inner * inputs.detach()).norm(dim=1).to(norms.dtype)
        start = stop
    return norms
