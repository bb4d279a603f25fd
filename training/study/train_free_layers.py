"""One cell with free encoder layers: the coder of ``icd-coder train``, over the states of the layers below them."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from model.private_files import make_folder
from training.optimise.batching import batch_limit, ordered_batches
from training.optimise.loop import TrainingResult, fit
from training.optimise.note_source import NoteSource, note_source
from training.optimise.run_log import LINES
from training.options import TrainingOptions
from training.run.neighbour_agreement import embed_notes
from training.run.network import network_for
from training.run.protocol import FIRST, SECOND, ProtocolResult, Validate, run_protocol
from training.run.with_validation import validation_map
from training.study.cell import Cell
from training.study.fine_tuning import FineTuning
from training.study.inputs import StudyData
from training.study.study_losses import BCE, source_digest
from training.study.trained import Trained


@dataclass(frozen=True)
class FreeLayersTrainer:
    """Trains cells; a cell that was broken off goes on from its last checkpoint, to the same numbers.

    Args:
        cache: folder for the states of the frozen layers, which all cells share.
        folder: for the checkpoints of the running cell, which are removed when it is done.
    """

    data: StudyData
    recipe: FineTuning
    cache: Path
    folder: Path

    def __call__(self, cell: Cell) -> Trained:
        """Train, keep the epoch with the best MAP on the tuning part; torch's own generator is restored.

        Raises:
            InvalidOption: more free layers than the encoder has, or a loss that ``train`` does not have.
            TrainingDiverged: the loss is not finite.
            KeyboardInterrupt: after Ctrl-C, with a checkpoint.
        """
        folder = self.folder / cell.key
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(cell.seed)
            trained = self._trained(cell, folder)
        shutil.rmtree(folder)
        return trained

    def _trained(self, cell: Cell, folder: Path) -> Trained:
        data = self.data
        encoder = open_encoder(self.recipe.encoder)  # anew: training changes its layers
        options = self.recipe.options(cell.setting, cell.seed, encoder.backbone.config.num_hidden_layers)
        network = network_for(encoder, data.labels, data.train_counts, len(data.train), options)
        pad_id = encoder.tokenizer.pad_token_id
        train, tuning, judged = (
            note_source(network, part.notes, part.rows, pad_id, self.cache, "cpu")
            for part in (data.train, data.tuning, data.judged)
        )
        outcome = self._fitted(network, train, tuning, options, folder)
        judged_scores, judged_embeddings = answers(network, judged, options)
        last = _Log.read(folder if options.protocol == "joint" else folder / SECOND)
        first = last if outcome.first_stage is None else _Log.read(folder / FIRST)
        term = first.last_epoch("contrastive")
        stages = [one for one in (outcome.first_stage, outcome.result) if one is not None]
        return Trained(
            tuning_scores=outcome.result.dev_scores,
            judged_scores=judged_scores,
            judged_embeddings=judged_embeddings,
            train_embeddings=embed_notes(network, train, options, "cpu"),
            best_step=last.step_of(outcome.result.progress.best_epoch),
            tuning_map=outcome.result.progress.best_map,
            factor=None if cell.setting.loss == BCE else first.last_epoch("contrastive_scale") or 1.0,
            seconds_a_step=sum(one.progress.seconds for one in stages) / sum(one.progress.step for one in stages),
            peak_bytes=None,
            bce=last.last_epoch("bce"),
            term=None if term is None else options.contrastive_weight * term,
        )

    def _fitted(
        self, network: CodingNetwork, train: NoteSource, tuning: NoteSource, options: TrainingOptions, folder: Path
    ) -> ProtocolResult:
        part = self.data.tuning
        make_folder(folder)
        validate = validation_map(part.rows, tuning.num_labels, np.zeros(len(part), dtype=np.int64))
        identity = {"data": self.data.fingerprint, **options.as_dict(), "loss_source": source_digest(options.loss)}

        def fit_stage(
            options: TrainingOptions, folder: Path, identity: dict[str, Any], validate: Validate | None
        ) -> TrainingResult:
            return fit(network, train, tuning, options, folder, identity, validate, resume=True)

        subjects = part.subjects.tolist()
        return run_protocol(network, tuning, subjects, options, folder, identity, validate, fit_stage, "cpu")


@torch.inference_mode()
def answers(network: CodingNetwork, notes: NoteSource, options: TrainingOptions) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, L) and embeddings (n, H) float32, in the order of the notes."""
    network.eval()
    scores = np.zeros((len(notes), notes.num_labels), dtype=np.float32)
    embeddings = np.zeros((len(notes), network.encoder.hidden_size), dtype=np.float32)
    for indices in ordered_batches(notes.sizes, batch_limit(options)):
        output = network(notes.batch(indices))
        scores[indices] = torch.sigmoid(output.logits.float()).numpy()
        embeddings[indices] = output.embeddings.float().numpy()
    return scores, embeddings


@dataclass(frozen=True)
class _Log:
    """What a stage logged: its steps and its epochs, in order."""

    steps: Sequence[dict[str, Any]]
    epochs: Sequence[dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> "_Log":
        lines = [json.loads(line) for line in (folder / LINES).read_text(encoding="utf-8").splitlines()]
        return cls(*([line for line in lines if line["event"] == event] for event in ("step", "epoch")))

    def last_epoch(self, name: str) -> float | None:
        """Mean of a figure over the steps of the last epoch; None where it was not logged."""
        before = self.epochs[-2]["step"] if len(self.epochs) > 1 else 0
        found = [line[name] for line in self.steps if line["step"] > before and name in line]
        return float(np.mean(found)) if found else None

    def step_of(self, epoch: int) -> int:
        """The last step of an epoch, which is counted from 0."""
        return int(self.epochs[epoch]["step"])
