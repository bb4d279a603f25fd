"""Small real things for the tests: a bundle with random weights, notes of invented people."""

from pathlib import Path

import numpy as np
import torch

from model.bundle import BundleContents, load_bundle, save_bundle
from model.coder import Coder
from model.dataset import Document
from model.labels import Label, LabelSpace
from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from model.ranking.ranker import Ranker
from model.ranking.thresholds import GlobalThreshold, ThresholdPolicy
from model.text.note_kind import NoteKind
from tests.canary import CANARY
from training.prepare.dataset_directory import Record, write_dataset

LABELS = LabelSpace(
    (
        Label("icd9cm", "250.00", "Diabetes mellitus without complication", 30, 3, 4),
        Label("icd9cm", "401.9", "Unspecified essential hypertension", 50, 5, 6),
        Label("icd9cm", "428.0", "Congestive heart failure, unspecified", 20, 2, 2),
        Label("icd9cm", "486", "Pneumonia, organism unspecified", 9, 1, 0),
        Label("icd9cm", "E888.9", "Unspecified fall", 0, 0, 1),
        Label("icd9pcs", "00.66", "Percutaneous transluminal coronary angioplasty [PTCA]", 4, 0, 1),
    )
)
POLICY = ThresholdPolicy("per-code", 0.5, np.linspace(0.1, 0.6, len(LABELS)), 0.75, 0.25)
NOTE = (
    "Discharge Summary. Testy McTestface, a 70 year old fake man, came with shortness of breath.\n"
    "Past history: hypertension, diabetes. No pneumonia was seen.\n"
    f"Hospital course: he was diuresed for heart failure; PTCA was done without events. {CANARY}"
)
SHORT_NOTE = f"Invented note: a fall at home, otherwise well. {CANARY}"


def tiny_network(precision: str = "fp32", head: str = "plm-ca", seed: int = 0, scale: float = 30.0) -> CodingNetwork:
    """Random weights, label attention sharpened so that predictions differ between notes."""
    torch.manual_seed(seed)
    network = CodingNetwork(open_encoder("tiny").backbone, len(LABELS), head, precision)
    network.label_attention.queries.data *= scale
    return network.eval()


def save_tiny_bundle(
    path: Path,
    head: str = "plm-ca",
    seed: int = 0,
    labels: LabelSpace = LABELS,
    ranker: Ranker | None = None,
    note_kind: NoteKind | None = None,
) -> str:
    """A bundle of the tiny encoder with random weights; returns its bundle_id."""
    network = tiny_network(head=head, seed=seed)
    return save_bundle(
        path,
        BundleContents(
            network=network,
            tokenizer=open_encoder("tiny").tokenizer,
            labels=labels,
            threshold=GlobalThreshold(0.5, "dev"),
            head=head,
            encoder_name="tiny",
            window=16,
            max_tokens=256,
            card={"name": "tiny"},
            readme="# tiny\n",
            policies=(POLICY,),
            ranker=ranker,
            note_kind=note_kind,
        ),
    )


def tiny_coder(path: Path, head: str = "plm-ca") -> Coder:
    """A saved and loaded tiny bundle."""
    save_tiny_bundle(path, head)
    return load_bundle(path)


PHRASES = (
    "diabetes with raised glucose",
    "high blood pressure",
    "heart failure",
    "lung infection",
    "fell on ice",
    "PTCA",
)


def tiny_documents(number: int = 60, seed: int = 0, codes: int = len(PHRASES)) -> list[Document]:
    """Notes that say one to three of the first ``codes`` PHRASES and carry the codes that go with them; two
    notes a patient."""
    random = np.random.default_rng(seed)
    documents = []
    for index in range(number):
        chosen = sorted(random.choice(codes, size=random.integers(1, 4), replace=False).tolist())
        words = " and ".join(PHRASES[column] for column in chosen)
        filler = " ".join(random.choice(["stable", "today", "ward", "plan", "seen"], size=random.integers(5, 40)))
        subject = f"p{index // 2}"
        split = ("train", "train", "train", "dev", "test")[(index // 2) % 5]
        text = f"Invented note {index}. {filler}. Testy McTestface has {words}. {filler}."
        documents.append(Document(f"d{index}", subject, split, text, tuple(LABELS[column].key for column in chosen)))
    return documents


def write_tiny_dataset(path: Path, number: int = 60, seed: int = 0, codes: int = len(PHRASES)) -> Path:
    """A dataset directory of :func:`tiny_documents`."""
    titles = {label.key: label.title for label in LABELS.labels}
    write_dataset(path, tiny_documents(number, seed, codes), titles, Record(options={}))
    return path


def write_tiny_roberta(folder: Path, pad_id: int = 1, positions: int = 66) -> Path:
    """An encoder folder: a random RoBERTa and a byte-level BPE tokenizer trained on NOTE."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    special = {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>"}
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=list(special.values()), initial_alphabet=alphabet)
    backend.train_from_iterator([NOTE], trainer)
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **special)
    tokenizer.save_pretrained(folder)
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=positions,
        type_vocab_size=1,
        pad_token_id=pad_id,
        attention_probs_dropout_prob=0.1,
    )
    torch.manual_seed(0)
    transformers.RobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder
