"""The verbs of the training room."""

from pathlib import Path
from typing import Annotated, Any

import typer

from model.errors import InvalidOption
from training.benchmark.commands import benchmark
from training.export.commands import EXPORT_EXAMPLES, export
from training.prepare.commands import commands as prepare
from training.run.evaluate_command import EVALUATE_EXAMPLES, evaluate
from training.run.presets import preset_line, preset_values
from training.study.commands import study
from training.synthetic.commands import synth
from training.verification.commands import verify_data

commands = typer.Typer()
commands.add_typer(synth, name="synth")
commands.add_typer(prepare, name="prepare")
commands.add_typer(verify_data, name="verify-data")
commands.add_typer(benchmark, name="benchmark")
commands.add_typer(study, name="study")
commands.command("export", epilog=EXPORT_EXAMPLES)(export)
commands.command("evaluate", epilog=EVALUATE_EXAMPLES)(evaluate)

TRAIN_EXAMPLES = """
Examples:

  icd-coder train --data DATA --encoder minilm --out BUNDLE

  icd-coder train --data DATA --encoder /weights/RoBERTa-base-PM-M3-Voc --loss sd --device cuda --out BUNDLE

  icd-coder train --preset mimic3-full --data DATA --encoder /weights/RoBERTa-base-PM-M3-Voc --device cuda --out BUNDLE

  icd-coder train --data DATA --encoder minilm --out BUNDLE --resume      (after Ctrl-C)

  icd-coder train --data DATA --encoder minilm --loss sd --protocol two-stage --queue 1024 --out BUNDLE

  icd-coder train --data DATA --encoder minilm --fit-splits train,dev --epochs 10 --out BUNDLE

  torchrun --nproc-per-node 4 -m icd_coder train --data DATA --encoder PATH --device cuda --out BUNDLE


Beside the bundle lies BUNDLE.run: log.jsonl, tensorboard/ (tensorboard --logdir BUNDLE.run) and the checkpoints.
"""


def use_preset(context: typer.Context, name: str | None) -> str | None:
    """Let the preset's values stand where no flag is given."""
    if name is not None and not context.resilient_parsing:
        context.default_map = {**(context.default_map or {}), **preset_values(name)}
    return name


Data = Annotated[Path, typer.Option(help="Dataset directory, made by `icd-coder prepare`.")]
Bundle = Annotated[Path, typer.Option(help="Bundle directory, made by `icd-coder train`.")]


@commands.command(epilog=TRAIN_EXAMPLES)
def train(
    context: typer.Context,
    data: Data,
    out: Annotated[Path, typer.Option(help="Bundle directory to write.")],
    encoder: Annotated[
        str,
        typer.Option(help="minilm, tiny (random, for tests), a folder with a BERT or RoBERTa, or a hub id."),
    ] = "minilm",
    loss: Annotated[
        str,
        typer.Option(help="bce, or BCE + lambda * one of sd, all, any, mulsupcon, multisupcon, jaccard, jscl, supcon."),
    ] = "sd",
    head: Annotated[str, typer.Option(help="plm-ca (cross-attention) or plm-icd (LAAT).")] = "plm-ca",
    epochs: Annotated[int, typer.Option(help="Most epochs.")] = 20,
    patience: Annotated[int, typer.Option(help="Epochs without a better validation MAP before it stops.")] = 4,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Notes a forward pass, over all processes. Default: 16.", show_default=False),
    ] = None,
    tokens_per_batch: Annotated[
        int | None,
        typer.Option(help="Instead of --batch-size: tokens a forward pass, of notes alike in length.", min=1),
    ] = None,
    accumulate: Annotated[int, typer.Option(help="Batches an optimiser step.")] = 1,
    contrastive_batch: Annotated[
        int,
        typer.Option(
            help="Notes of the contrastive loss and of an optimiser step, in the memory of one batch; 0: the batch's.",
        ),
    ] = 0,
    views: Annotated[
        int, typer.Option(help="Forward passes of a note with dropouts of their own, for the contrastive loss.")
    ] = 1,
    learning_rate: Annotated[float, typer.Option(help="Of the encoder's trained layers.")] = 5e-5,
    head_learning_rate: Annotated[float, typer.Option(help="Of label attention, embedding, projection.")] = 1e-3,
    warmup: Annotated[float, typer.Option(help="Share of the steps in which the rate rises.", min=0, max=1)] = 0.1,
    max_tokens: Annotated[int, typer.Option(help="Tokens of a note that are read.")] = 3072,
    window: Annotated[int, typer.Option(help="Tokens a window.")] = 128,
    freeze_layers: Annotated[
        int | None,
        typer.Option(
            help="Encoder layers that stay as they are and are computed once; -1 trains all. "
            "Default: all of them for minilm and tiny on a CPU, else -1.",
            show_default=False,
        ),
    ] = None,
    contrastive_weight: Annotated[float, typer.Option("--lambda", help="Weight of the contrastive loss.")] = 1.0,
    temperature: Annotated[float, typer.Option(help="tau of the contrastive loss.")] = 0.07,
    placement: Annotated[str, typer.Option(help="Where SD's weight stands: outside, inside, pooled.")] = "outside",
    normalization: Annotated[str, typer.Option(help="positives (the paper's) or weights.")] = "weights",
    match_scale: Annotated[
        bool,
        typer.Option("--match-scale", help="Scale the contrastive loss, once, to the gradient of `any` on batch one."),
    ] = False,
    queue: Annotated[
        int, typer.Option(help="Notes of earlier steps, with their codes, to contrast with as well; 0: none.")
    ] = 0,
    protocol: Annotated[
        str, typer.Option(help="joint, or two-stage: the contrastive loss for --epochs, then BCE for --epochs.")
    ] = "joint",
    stage_two: Annotated[
        str, typer.Option(help="With two-stage: frozen or free, whether the encoder learns from BCE.")
    ] = "frozen",
    fit_splits: Annotated[str, typer.Option(help="Splits to train on, with a comma: train or train,dev.")] = "train",
    ranker: Annotated[
        bool,
        typer.Option(
            help="Fuse the classifier with neighbours, phrases, code titles and the label prior; fitted on dev."
        ),
    ] = True,
    ranker_folds: Annotated[
        int,
        typer.Option(
            help="With --fit-splits train,dev: classifiers, each trained without a fold, that the ranker is fitted on.",
            min=2,
        ),
    ] = 5,
    code_universe: Annotated[
        str | None,
        typer.Option(
            help="Codes that the ranker may propose: trained, icd10cm or icd9cm. Default: the table of its codes.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16 (of the matrix products).")] = "auto",
    gradient_checkpointing: Annotated[
        bool,
        typer.Option("--gradient-checkpointing", help="Less memory, a third more work: the encoder runs twice."),
    ] = False,
    compile_encoder: Annotated[
        bool, typer.Option("--compile", help="Let torch.compile fuse the encoder; needs a C++ compiler.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: torch's choice.")] = 0,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for the frozen layers' states; default DATA.cache.", show_default=False),
    ] = None,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="Between two checkpoints; there is one at every epoch's end and on Ctrl-C too.", min=0)
    ] = 10.0,
    preset: Annotated[
        str | None,
        typer.Option(
            help="mimic3-full: the options of docs/tutorials/mimic-iii.md, each overridden by its own flag.",
            callback=use_preset,
            is_eager=True,
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    allow_download: Annotated[
        bool,
        typer.Option("--allow-download", help="Let --encoder fetch a hub id; nothing else is ever fetched."),
    ] = False,
) -> None:
    """Train a coder and write its bundle."""
    from model.network.device import resolve_device
    from model.network.precision import trained_precision
    from training.optimise.distributed import join_processes
    from training.options import TrainingOptions
    from training.run.request import TrainingRequest
    from training.run.train import train_bundle

    if tokens_per_batch is not None and not _given(context, "batch_size"):
        batch_size = None  # a preset's
    if batch_size is not None and tokens_per_batch is not None:
        raise InvalidOption("--batch-size and --tokens-per-batch both set the size of a batch: leave one out")
    device = resolve_device(device)
    options = TrainingOptions(
        encoder=encoder,
        loss=loss,
        head=head,
        epochs=epochs,
        patience=patience,
        batch_size=16 if batch_size is None else batch_size,
        tokens_per_batch=tokens_per_batch or 0,
        accumulate=accumulate,
        contrastive_batch=contrastive_batch,
        views=views,
        learning_rate=learning_rate,
        head_learning_rate=head_learning_rate,
        warmup=warmup,
        max_tokens=max_tokens,
        window=window,
        freeze_layers=_frozen(freeze_layers, encoder, device),
        contrastive_weight=contrastive_weight,
        temperature=temperature,
        placement=placement,
        normalization=normalization,
        match_scale=match_scale,
        queue=queue,
        protocol=protocol,
        stage_two=stage_two,
        precision=trained_precision(precision, device),
        gradient_checkpointing=gradient_checkpointing,
        compile=compile_encoder,
        seed=seed,
        threads=threads,
    )
    splits = _splits(fit_splits)
    if preset is not None:
        flags = {str(parameter.name): parameter.opts[0] for parameter in context.command.params}
        typer.echo(preset_line(preset, context.params, flags), err=True)
    processes = join_processes(device)
    request = TrainingRequest(
        data,
        out,
        options,
        splits,
        cache,
        processes.device,
        resume,
        allow_download,
        checkpoint_minutes,
        processes,
        preset,
        ranker,
        ranker_folds,
        code_universe,
    )
    bundle_id = train_bundle(request)
    if processes.first:
        typer.echo(f"bundle {bundle_id[:12]} written to {out}")
    processes.close()


@commands.command(epilog="Example:\n\n  icd-coder compare REPORT_A REPORT_B")
def compare(
    first: Annotated[Path, typer.Argument(help="Report directory, made by `icd-coder evaluate`.")],
    second: Annotated[Path, typer.Argument(help="Another one on the same data and split.")],
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Two reports side by side: every difference with a paired bootstrap interval over documents."""
    from training.evaluation.comparison_table import comparison_json, print_comparison
    from training.evaluation.report_comparison import compare_reports

    comparison = compare_reports(first, second, seed)
    if as_json:
        typer.echo(comparison_json(comparison))
    else:
        print_comparison(comparison)


@commands.command(
    epilog="Example:\n\n  icd-coder retrieval --bundle BUNDLE --data DATA --split test --against TWIN --out REPORT"
)
def retrieval(
    bundle: Bundle,
    data: Data,
    out: Annotated[Path, typer.Option(help="Report directory to write: retrieval.md, retrieval.json, neighbours.png.")],
    split: Annotated[str, typer.Option(help="dev or test.")] = "dev",
    against: Annotated[
        list[Path] | None, typer.Option(help="Another bundle to compare with, such as a BCE twin; repeatable.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="The raw encoder: minilm, tiny, or a folder. Default: the one in the bundle's card."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the states that training left, read where they fit; default DATA.cache.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of intervals, halves and the random floor.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure the neighbours of a bundle on a split, and the coder that they make; no database needed."""
    from model.network.device import resolve_device
    from training.retrieval.evaluate import RetrievalRequest, evaluate_retrieval
    from training.retrieval.terminal import print_retrieval

    others = tuple(against or ())
    request = RetrievalRequest(bundle, data, split, out, others, encoder, cache, resolve_device(device), seed)
    print_retrieval(evaluate_retrieval(request), out)


def _frozen(wanted: int | None, encoder: str, device: str) -> int:
    if wanted is not None:
        return wanted
    small = {"minilm": 6, "tiny": 2}
    return small.get(encoder, -1) if device == "cpu" else -1


def _given(context: typer.Context, name: str) -> bool:
    """Whether the flag of a parameter stands on the command line, rather than in a preset or a default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _splits(value: str) -> tuple[str, ...]:
    splits: tuple[Any, ...] = tuple(part.strip() for part in value.split(",") if part.strip())
    if not splits or set(splits) - {"train", "dev", "test"}:
        raise InvalidOption(f"--fit-splits must name train, or train,dev; got '{value}'")
    return splits
