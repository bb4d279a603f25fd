"""The training loop, top to bottom. Imports nothing but torch, numpy and safetensors, so that it runs anywhere."""

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

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
from training.optimise.distributed import ALONE, Processes, random_states, restore_random_states, seed_process
from training.optimise.failures import diverged, named_out_of_memory
from training.optimise.note_source import NoteSource
from training.optimise.optimizer import linear_schedule, make_optimizer
from training.optimise.run_log import RunLog
from training.optimise.step import StepGradient
from training.optimise.stop_signal import StopSignal
from training.options import CHECKPOINT_MINUTES, TrainingOptions


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
    state = RunState(network, make_optimizer(network, options), contrastive)
    seed_process(options.seed, processes)
    if resume and has_checkpoint(folder):
        _go_on(folder, state, identity, processes)
    progress, clock = state.progress, CheckpointClock(checkpoint_minutes)
    take_step = OptimiserStep(StepGradient(network, train, contrastive, options, processes), state, folder)

    def checkpoint() -> None:
        state.random = random_states(processes)
        if processes.first:
            keep_checkpoint(folder, state, identity)
        clock.restart()

    with RunLog(folder, progress, silent=not processes.first) as log, StopSignal() as stop:
        while progress.epoch < options.epochs and progress.bad_epochs < options.patience:
            network.train()
            with _epoch_bar(progress, options, train, processes) as bar:
                for batches in epoch_steps(train.sizes, options, progress.epoch)[progress.epoch_step :]:
                    figures = take_step(batches)
                    log.write("step", progress.step, **figures)
                    bar.set_postfix(loss=f"{take_step.recent_loss:.4f}", refresh=False)
                    bar.update(take_step.tokens(batches))
                    due, stopped = processes.any(clock.due(), stop.received is not None)
                    if due or stopped:
                        checkpoint()
                    if stopped:
                        stop.end()
            loss, rate = progress.epoch_loss / progress.epoch_notes, progress.epoch_tokens / progress.epoch_seconds
            started, measured = time.monotonic(), dict[str, float]()
            if validate is not None:
                score = processes.from_first(validate(predict_scores(network, dev, options, processes)))
                measured[options.validation_measure] = score
            improved = progress.judge_epoch(*measured.values())
            if improved and processes.first:
                save_weights(folder / BEST, network)
            shown = {"loss": loss, "tokens_per_second": round(rate), **measured}
            log.write("epoch", progress.step, epoch=progress.epoch + 1, **shown)
            progress.epoch_seconds += time.monotonic() - started
            progress.end_epoch()
            checkpoint()
            if processes.first:
                bar.write(_epoch_line(progress.epoch, loss, measured, improved, rate), file=sys.stderr)
            if processes.any(stop.received is not None)[0]:
                stop.end()

    processes.in_turn(lambda: load_weights(folder / BEST, network))
    return TrainingResult(progress, predict_scores(network, dev, options, processes))


class OptimiserStep:
    """One step of the optimiser; called with its batches, it changes the state and returns figures for the log."""

    def __init__(self, gradient: StepGradient, state: RunState, folder: Path) -> None:
        options = gradient.options
        self._gradient, self._state, self._folder = gradient, state, folder
        self._total = sum(len(epoch_steps(gradient.notes.sizes, options, epoch)) for epoch in range(options.epochs))
        self._warmup = max(1, round(options.warmup * self._total))
        self._recent: deque[float] = deque(maxlen=50)

    @property
    def recent_loss(self) -> float:
        """Mean of the last 50 losses."""
        return float(np.mean(self._recent))

    def tokens(self, batches: Sequence[list[int]]) -> int:
        """Tokens of the notes of some batches."""
        return int(sum(self._gradient.notes.sizes[indices].sum() for indices in batches))

    def __call__(self, batches: Sequence[list[int]]) -> dict[str, float]:
        """Take the step.

        Raises:
            TrainingDiverged: the loss or its gradient is not finite.
            OutOfMemory: a batch does not fit.
        """
        started = time.monotonic()
        state, options, progress = self._state, self._gradient.options, self._state.progress
        seen = self._gradient(batches)
        bce, term = seen.bce.sum().item(), seen.contrastive.sum().item()
        loss = options.bce_weight * bce + options.contrastive_weight * term
        self._require_finite("loss", loss, seen.suspects(batches))
        self._gradient.processes.sum_gradients(state.network.parameters())
        norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), options.clip).item()
        self._require_finite("gradient", norm, seen.suspects(batches))
        factor = linear_schedule(progress.step, self._warmup, self._total)
        for group in state.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        figures = {"bce": bce} if options.bce_weight else {}
        if state.contrastive is not None:
            state.contrastive.remember(seen.projections, seen.labels)
            figures |= {"contrastive": term, **state.contrastive.figures()}
        self._recent.append(loss)
        progress.end_step(loss, sum(map(len, batches)), self.tokens(batches), time.monotonic() - started)
        return figures | {"gradient_norm": norm, "lr_factor": factor}

    def _require_finite(self, what: str, value: float, notes: Sequence[int]) -> None:
        if not math.isfinite(value):
            names, step = self._gradient.notes.names(notes), self._state.progress.step
            raise diverged(what, value, step, self._folder, names, self._gradient.processes.first)


def _epoch_bar(progress: Progress, options: TrainingOptions, train: NoteSource, processes: Processes) -> Any:
    """A bar over the tokens of the epoch, at where the epoch goes on."""
    name = f"epoch {progress.epoch + 1}/{options.epochs}"
    bar = progress_bar(name, total=int(train.sizes.sum()), unit="tok", scale=True, shown=processes.first)
    bar.update(progress.epoch_tokens)
    return bar


def _epoch_line(epoch: int, loss: float, measured: dict[str, float], improved: bool, rate: float) -> str:
    """What the terminal shows of a finished epoch."""
    best = " (best)" if improved else ""
    validation = [
        f"{name.replace('_map', ' MAP').replace('_', ' ')} {value:.4f}{best}" for name, value in measured.items()
    ]
    return ", ".join([f"epoch {epoch}: loss {loss:.4f}", *validation, f"{rate:,.0f} tokens/s"])


def _go_on(folder: Path, state: RunState, identity: dict[str, Any], processes: Processes) -> None:
    """Bring every process to where the last checkpoint that can be read was written."""
    whole = resume_checkpoint(folder, state, identity)
    if not restore_random_states(state.random, processes):
        sys.stderr.write("icd-coder: resumed with another number of processes: dropout is drawn anew\n")
    processes.any(False)  # nobody writes before all have read
    if processes.first and not whole:
        set_damaged_aside(folder)


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
