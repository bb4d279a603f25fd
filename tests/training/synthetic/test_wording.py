"""The notation of the wording files."""

from random import Random

import pytest

from model.errors import MalformedInput
from training.synthetic.wording import parse, sentence, wording


def test_a_template_renders_every_alternative() -> None:
    """Choices nest, and an empty alternative is allowed."""
    template = parse("{No|There {was|is} no} sign{s|} of <x>")
    rendered = {template.render(Random(seed)) for seed in range(100)}
    assert rendered == {
        f"{start} {noun} of <x>" for start in ("No", "There was no", "There is no") for noun in ("sign", "signs")
    }


def test_a_number_stays_in_its_range_and_decimals() -> None:
    """``{#0.8-1.3}`` has one decimal."""
    values = {parse("{#0.8-1.3}").render(Random(seed)) for seed in range(100)}
    assert values == {"0.8", "0.9", "1.0", "1.1", "1.2", "1.3"}


@pytest.mark.parametrize("text", ["{a|b", "a}", "a|b"])
def test_an_unbalanced_template_is_refused(text: str) -> None:
    """A slip in a wording file is found when it is read."""
    with pytest.raises(MalformedInput, match="fix the wording file"):
        parse(text)


def test_sentences_begin_large_and_end_with_one_stop() -> None:
    """Blanks left by empty alternatives disappear."""
    assert sentence("pt  was stable , better") == "Pt was stable, better."
    assert sentence("Stable.") == "Stable."


def test_every_mention_template_has_the_slot() -> None:
    """A template without <x> would tell of nothing."""
    named = ("condition.history", "condition.course", "negated", "family", "procedure.course", "resolved")
    rng = Random(0)
    assert all("<x>" in template.render(rng) for name in named for template in wording()[name])
