"""The training loop, top to bottom. Imports nothing but torch, numpy and safetensors, so that it runs anywhere."""

import math
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.network.network import CodingNetwork
from model.progress import progress_bar
from training.optimise.batching import batch_limit, epoch_steps, ordered_batches
from training.optimise.checkpoint import Progress, RunState, load_weights, save_weights
from training.optimise.checkpoint_folder import (
    BEST,
    CheckpointClock,
    has_checkpoint,
    keep_checkpoint,
    resume_checkpoint,
    set_damaged_aside,
)
from training.optimise.contrastive import contrastive_term
from training.optimise.distributed import ALONE, Processes
from training.optimise.divergence import diverged
from training.optimise.note_source import NoteSource
from training.optimise.out_of_memory import named_out_of_memory
from training.optimise.random_state import random_states, restore_random_states, seed_process
from training.optimise.run_log import RunLog
from training.optimise.schedule import linear_schedule
from training.optimise.step import StepGradient
from training.optimise.stop_signal import StopSignal
from training.options import TrainingOptions

CHECKPOINT_MINUTES = 10.0


@dataclass(frozen=True)
class TrainingResult:
    """Shape: dev_scores (n, L) float32, probabilities of the epoch that was kept on the validation notes."""

    progress: Progress
    dev_scores: np.ndarray


def fit(
    network: CodingNetwork,
    train: NoteSource,
    dev: NoteSource,
    options: TrainingOptions,
    folder: Path,
    identity: dict[str, Any],
    validate: Callable[[np.ndarray], float] | None,
    device: str = "cpu",
    resume: bool = False,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    processes: Processes = ALONE,
) -> TrainingResult:
    """Train until the epochs are done or validation stops improving; leave the best weights in the network.

    Args:
        folder: gets log.jsonl, tensorboard/, last, previous and best.safetensors.
        identity: what a checkpoint must share with this run to be resumed.
        validate: of a score matrix (n, L), the measure that chooses the epoch: ``options.validation_measure``. None:
            all epochs are run, and the last is kept.
        checkpoint_minutes: between two checkpoints; there is one at the end of every epoch too.
        processes: those that share the run; ``folder`` is on a disk that all of them see.

    Raises:
        TrainingDiverged: the loss or its gradient is not finite; the last checkpoint stays as it was.
        OutOfMemory: a batch does not fit.
        KeyboardInterrupt, SystemExit: after Ctrl-C or SIGTERM, once the step is done and a checkpoint written.
    """
    processes = Processes(processes.rank, processes.count, device)
    network.to(device)
    processes.share_weights(network)
    contrastive = contrastive_term(options)
    if contrastive is not None:
        contrastive.to(device)
    optimizer = make_optimizer(network, options)
    total_steps = sum(len(epoch_steps(train.sizes, options, epoch)) for epoch in range(options.epochs))
    warmup_steps = max(1, round(options.warmup * total_steps))
    state = RunState(network, optimizer, contrastive)
    seed_process(options.seed, processes)
    if resume and has_checkpoint(folder):
        _go_on(folder, state, identity, processes)
    progress, clock = state.progress, CheckpointClock(checkpoint_minutes)
    measure = options.validation_measure.replace("_map", " MAP").replace("_", " ")
    gradient = StepGradient(network, train, contrastive, options, processes)

    def checkpoint() -> None:
        state.random = random_states(processes)
        if processes.first:
            keep_checkpoint(folder, state, identity)
        clock.restart()

    with RunLog(folder, progress, silent=not processes.first) as log, StopSignal() as stop:
        while progress.epoch < options.epochs and progress.bad_epochs < options.patience:
            network.train()
            recent: deque[float] = deque(maxlen=50)
            name, total = f"epoch {progress.epoch + 1}/{options.epochs}", int(train.sizes.sum())
            with progress_bar(name, total=total, unit="tok", scale=True, shown=processes.first) as bar:
                bar.update(progress.epoch_tokens)
                for batches in epoch_steps(train.sizes, options, progress.epoch)[progress.epoch_step :]:
                    started = time.monotonic()
                    # ---- one optimiser step ----------------------------------------------------------
                    seen = gradient(batches)
                    bce, term = seen.bce.sum().item(), seen.contrastive.sum().item()
                    loss = options.bce_weight * bce + options.contrastive_weight * term
                    if not math.isfinite(loss):
                        names = train.names(seen.suspects(batches))
                        raise diverged("loss", loss, progress.step, folder, names, processes.first)
                    processes.sum_gradients(network.parameters())
                    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip).item()
                    if not math.isfinite(norm):
                        names = train.names(seen.suspects(batches))
                        raise diverged("gradient", norm, progress.step, folder, names, processes.first)
                    factor = linear_schedule(progress.step, warmup_steps, total_steps)
                    for group in optimizer.param_groups:
                        group["lr"] = group["peak_lr"] * factor
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)
                    if contrastive is not None:
                        contrastive.remember(seen.projections, seen.labels)
                    # ---------------------------------------------------------------------------------
                    notes = sum(map(len, batches))
                    tokens = int(sum(train.sizes[indices].sum() for indices in batches))
                    progress.end_step(loss, notes, tokens, time.monotonic() - started)
                    parts = {"bce": bce} if options.bce_weight else {}
                    if contrastive is not None:
                        parts |= {"contrastive": term, **contrastive.figures()}
                    log.write("step", progress.step, **parts, gradient_norm=norm, lr_factor=factor)
                    recent.append(loss)
                    bar.set_postfix(loss=f"{np.mean(recent):.4f}", refresh=False)
                    bar.update(tokens)
                    due, stopped = processes.any(clock.due(), stop.received is not None)
                    if due or stopped:
                        checkpoint()
                    if stopped:
                        stop.end()
            rate = progress.epoch_tokens / progress.epoch_seconds
            mean_loss = progress.epoch_loss / progress.epoch_notes

            started = time.monotonic()
            measured: dict[str, float] = {}
            if validate is None:
                improved, progress.best_epoch = True, progress.epoch
            else:
                score = processes.from_first(validate(predict_scores(network, dev, options, processes)))
                measured[options.validation_measure] = score
                improved = score > progress.best_map
                progress.bad_epochs = 0 if improved else progress.bad_epochs + 1
                if improved:
                    progress.best_map, progress.best_epoch = score, progress.epoch
            if improved and processes.first:
                save_weights(folder / BEST, network)
            log.write(
                "epoch",
                progress.step,
                epoch=progress.epoch + 1,
                loss=mean_loss,
                tokens_per_second=round(rate),
                **measured,
            )
            progress.epoch_seconds += time.monotonic() - started
            progress.end_epoch()
            checkpoint()
            if processes.first:
                said = "".join(f", {measure} {value:.4f}{' (best)' if improved else ''}" for value in measured.values())
                bar.write(f"epoch {progress.epoch}: loss {mean_loss:.4f}{said}, {rate:,.0f} tokens/s", file=sys.stderr)
            if processes.any(stop.received is not None)[0]:
                stop.end()

    processes.in_turn(lambda: load_weights(folder / BEST, network))
    return TrainingResult(progress, predict_scores(network, dev, options, processes))


def _go_on(folder: Path, state: RunState, identity: dict[str, Any], processes: Processes) -> None:
    """Bring every process to where the last checkpoint that can be read was written."""
    whole = resume_checkpoint(folder, state, identity)
    if not restore_random_states(state.random, processes):
        sys.stderr.write("icd-coder: resumed with another number of processes: dropout is drawn anew\n")
    processes.any(False)  # nobody writes before all have read
    if processes.first and not whole:
        set_damaged_aside(folder)


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
def predict_scores(
    network: CodingNetwork, notes: NoteSource, options: TrainingOptions, processes: Processes = ALONE
) -> np.ndarray:
    """Probabilities (n, L) float32, in the order of the notes; the processes share the work, and all get the result."""
    network.eval()
    scores = np.zeros((len(notes), notes.num_labels), dtype=np.float32)
    batches = list(ordered_batches(notes.sizes, batch_limit(options)))
    for indices in batches[processes.rank :: processes.count]:
        with named_out_of_memory(notes.sizes[indices], options):
            logits = network(notes.batch(indices).to(processes.device)).logits
        scores[indices] = torch.sigmoid(logits.float()).cpu().numpy()
    return (
        scores
        if processes.count == 1
        else processes.summed(torch.from_numpy(scores).to(processes.device)).cpu().numpy()
    )
