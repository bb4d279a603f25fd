"""The benchmark's report as text."""

from typing import Any


def benchmark_report(result: dict[str, Any]) -> str:
    """A table of the forms, with the machine and how operations were counted."""
    options, machine = result["options"], result["machine"]
    peaks = ", ".join(f"{name} {value / 1e9:,.0f} GF/s" for name, value in result["matrix_product_peak"].items())
    lines = [
        f"{options['kind']}: {options['encoder']}, {options['head']}, {options['labels']:,} labels, "
        f"{options['batch_size']} notes, {result['tokens']:,} tokens, windows of {options['window']}",
        f"{machine['device']}, {machine['threads']} threads, torch {machine['torch']}, "
        f"load {machine['load_before']:.1f} to {machine['load_after']:.1f}; one matrix product at best: {peaks}",
        "",
        f"{'':22s} {'notes/s':>9s} {'tokens/s':>10s} {'of peak':>8s} {'encoded':>8s} {'memory':>11s} {'speed':>7s}",
    ]
    for name, form in result["forms"].items():
        memory = "-" if form["added_mebibytes"] is None else f"+{form['added_mebibytes']:,.0f} MiB"
        times = "-" if form["times_published"] is None else f"{form['times_published']:.2f} x"
        lines.append(
            f"{name:22s} {form['documents_per_second']:9.3f} {form['tokens_per_second']:10,.0f} "
            f"{form['share_of_peak']:8.0%} {form['encoded_tokens_per_token']:8.2f} {memory:>11s} {times:>7s}"
        )
    counted = "three times those of the forward pass" if options["kind"] == "train" else "those of the forward pass"
    lines += [
        "",
        f"Medians of {options['repeats']} rounds in which the forms alternate. Of peak: operations in matrix products",
        f"that the notes need ({counted}, padding and recomputation not counted), by the",
        "speed of one large matrix product of the same precision. Encoded: tokens that the encoder runs on, by tokens",
        "of the notes. Memory: what is added at the peak.",
    ]
    return "\n".join(lines)
