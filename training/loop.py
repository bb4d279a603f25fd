"""The training loop, top to bottom. Imports nothing but torch, numpy and safetensors, so that it runs anywhere."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.errors import IcdCoderError
from model.network import CodingNetwork, NetworkOutput
from model.progress import progress_bar
from training.checkpoint import Progress, load_checkpoint, load_weights, save_checkpoint, save_weights
from training.contrastive import ContrastiveTerm, contrastive_term
from training.note_source import NoteSource, ordered_batches, shuffled_batches
from training.options import TrainingOptions
from training.run_log import RunLog
from training.schedule import linear_schedule

LAST, BEST = "last.safetensors", "best.safetensors"


class TrainingDiverged(IcdCoderError):
    """The loss or its gradient became NaN or infinite."""


def diverged(what: str, value: Tensor, progress: Progress, folder: Path) -> TrainingDiverged:
    """The error with the step, the flags to change and the checkpoint."""
    return TrainingDiverged(
        f"the {what} is {value.item()} at step {progress.step}: lower --learning-rate, or raise "
        f"--temperature; the last good checkpoint is '{folder / LAST}'"
    )


@dataclass(frozen=True)
class TrainingResult:
    """Shape: dev_scores (n, L) float32, probabilities of the best epoch on the validation notes."""

    progress: Progress
    dev_scores: np.ndarray


def fit(
    network: CodingNetwork,
    train: NoteSource,
    dev: NoteSource,
    options: TrainingOptions,
    folder: Path,
    identity: dict[str, Any],
    validate: Callable[[np.ndarray], float],
    device: str = "cpu",
    resume: bool = False,
) -> TrainingResult:
    """Train until the epochs are done or validation stops improving; leave the best weights in the network.

    Args:
        folder: gets log.jsonl, tensorboard/, last.safetensors and best.safetensors.
        identity: what a checkpoint must share with this run to be resumed.
        validate: validation MAP of a score matrix (n, L).

    Raises:
        TrainingDiverged: the loss or its gradient is not finite; the last checkpoint stays as it was.
    """
    network.to(device)
    contrastive = contrastive_term(options)
    optimizer = make_optimizer(network, options)
    steps_an_epoch = -(-len(shuffled_batches(train.sizes, options.batch_size, 0, 0)) // options.accumulate)
    total_steps = steps_an_epoch * options.epochs
    warmup_steps = max(1, round(options.warmup * total_steps))
    progress = Progress()
    if resume and (folder / LAST).is_file():
        progress = load_checkpoint(folder / LAST, network, optimizer, identity)

    with RunLog(folder) as log:
        while progress.epoch < options.epochs and progress.bad_epochs < options.patience:
            batches = shuffled_batches(train.sizes, options.batch_size, options.seed, progress.epoch)
            network.train()
            losses: list[float] = []
            epoch_started, epoch_tokens = time.monotonic(), 0
            name = f"epoch {progress.epoch + 1}/{options.epochs}"
            with progress_bar(name, total=int(train.sizes.sum()), unit="tok", scale=True) as bar:
                for number, indices in enumerate(batches):
                    # ---- one batch -------------------------------------------------------------------
                    batch, targets = train.batch(indices)
                    output = network(batch.to(device))
                    loss, parts = total_loss(output, targets.to(device), contrastive, options)
                    if not torch.isfinite(loss):
                        raise diverged("loss", loss, progress, folder)
                    first_of_group = number // options.accumulate * options.accumulate
                    torch.autograd.backward(loss / min(options.accumulate, len(batches) - first_of_group))
                    if (number + 1) % options.accumulate == 0 or number + 1 == len(batches):
                        factor = linear_schedule(progress.step, warmup_steps, total_steps)
                        for group in optimizer.param_groups:
                            group["lr"] = group["peak_lr"] * factor
                        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip)
                        if not torch.isfinite(norm):
                            raise diverged("gradient", norm, progress, folder)
                        optimizer.step()
                        optimizer.zero_grad(set_to_none=True)
                        progress.step += 1
                        log.write("step", progress.step, **parts, gradient_norm=norm.item(), lr_factor=factor)
                    # ---------------------------------------------------------------------------------
                    size = int(train.sizes[indices].sum())
                    epoch_tokens += size
                    losses.append(loss.item())
                    bar.update(size)
                    bar.set_postfix(loss=f"{np.mean(losses[-50:]):.4f}", refresh=False)
            rate = epoch_tokens / (time.monotonic() - epoch_started)

            score = validate(predict_scores(network, dev, options.batch_size, device))
            if score > progress.best_map:
                progress.best_map, progress.best_epoch, progress.bad_epochs = score, progress.epoch, 0
                save_weights(folder / BEST, network)
            else:
                progress.bad_epochs += 1
            log.write(
                "epoch",
                progress.step,
                epoch=progress.epoch + 1,
                loss=float(np.mean(losses)),
                validation_map=score,
                tokens_per_second=round(rate),
            )
            progress.epoch += 1
            progress.tokens += epoch_tokens
            progress.seconds += time.monotonic() - epoch_started
            save_checkpoint(folder / LAST, network, optimizer, progress, identity)
            bar.write(
                f"epoch {progress.epoch}: loss {np.mean(losses):.4f}, validation MAP {score:.4f}"
                f"{' (best)' if progress.bad_epochs == 0 else ''}, {rate:,.0f} tokens/s",
                file=sys.stderr,
            )

    load_weights(folder / BEST, network)
    dev_scores = predict_scores(network, dev, options.batch_size, device)
    return TrainingResult(progress, dev_scores)


def total_loss(
    output: NetworkOutput, targets: Tensor, contrastive: ContrastiveTerm | None, options: TrainingOptions
) -> tuple[Tensor, dict[str, float]]:
    """BCE (sum over labels, mean over notes) + lambda * contrastive, and both parts as figures.

    The sum over labels keeps the two terms in proportion whatever the number of labels: a mean over 8,929 would
    drown in any contrastive term.
    """
    bce = F.binary_cross_entropy_with_logits(output.logits.float(), targets, reduction="sum") / len(targets)
    if contrastive is None:
        return bce, {"bce": bce.item()}
    term = contrastive(output.projections, targets)
    return bce + options.contrastive_weight * term, {"bce": bce.item(), "contrastive": term.item()}


def make_optimizer(network: CodingNetwork, options: TrainingOptions) -> torch.optim.Optimizer:
    """AdamW with one peak rate for the encoder and one for what starts from nothing; no decay on vectors."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            rate = options.learning_rate if name.startswith("encoder.") else options.head_learning_rate
            decay = options.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "lr": rate, "peak_lr": rate, "weight_decay": decay}
            for (rate, decay), members in sorted(groups.items(), key=lambda item: item[0])
        ]
    )


@torch.inference_mode()
def predict_scores(network: CodingNetwork, notes: NoteSource, batch_size: int, device: str) -> np.ndarray:
    """Probabilities (n, L) float32, in the order of the notes."""
    network.eval()
    scores = np.zeros((len(notes), notes.num_labels), dtype=np.float32)
    for indices in ordered_batches(notes.sizes, batch_size):
        batch, _ = notes.batch(indices)
        scores[indices] = torch.sigmoid(network(batch.to(device)).logits.float()).cpu().numpy()
    return scores
