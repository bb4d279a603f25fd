"""A loss of one's own by module:Class or entry point: found, made and tried before anything is trained."""

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from model.errors import InvalidOption
from model.label_sets import LabelSets
from model.losses import own_loss as module
from model.losses.own_loss import own_loss, own_loss_digest

SOURCE = '''
"""Losses of a researcher."""
import torch
from torch import nn
from model.losses.weighted import Weighing, WeightedContrastiveLoss, mean_over_anchors


class Overlap(WeightedContrastiveLoss):
    def weigh(self, pairs):
        weights = pairs.shared.masked_fill(~pairs.others, 0)
        return Weighing(weights, mean_over_anchors(weights, weights.sum(dim=1)))


class Base(nn.Module):
    def __init__(self, temperature):
        super().__init__()
        self.temperature = temperature

    def forward(self, z, labels, candidates=None, candidate_labels=None, self_index=None):
        return (z @ z.T).mean()


class NoTemperature(Base):
    def __init__(self):
        super().__init__(1.0)


class Raises(Base):
    def __init__(self, temperature):
        raise ValueError("only above 1\\nand more")


class Weighty(Base):
    def __init__(self, temperature):
        super().__init__(temperature)
        self.scale = nn.Parameter(torch.ones(()))


class PerNote(Base):
    def forward(self, z, labels):
        return z.sum(dim=1)


class Number(Base):
    def forward(self, z, labels):
        return 0.0


class Constant(Base):
    def forward(self, z, labels):
        return torch.zeros(())


class Empty(Base):
    def forward(self, z, labels):
        shared = (labels.shared(labels) > 0) & ~torch.eye(len(z), dtype=torch.bool)
        return (z @ z.T)[shared].mean()


class Steep(Base):
    def forward(self, z, labels):
        return ((z - z.detach()).square().sum()).sqrt()


class WantsTensor(Base):
    def forward(self, z, labels):
        return (z * labels.float()).sum()


class NoQueue(Base):
    def forward(self, z, labels):
        return (z @ z.T).mean()


def function(temperature):
    return None
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with modules of these names, of which the next test knows nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("theirs", "broken", "needy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "theirs.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "needy.py").write_text("import no_such_package_anywhere\n")
    return tmp_path


def test_a_class_of_the_current_folder_is_the_loss(folder: Path) -> None:
    """Its value is that of the plain formula: weights are the numbers of common labels."""
    loss = own_loss("theirs:Overlap", 0.5, queue=True)
    z = F.normalize(torch.randn(4, 6, generator=torch.Generator().manual_seed(1)), dim=1)
    rows = [[0, 1], [0, 1, 2], [2], [3]]
    expected = []
    for i in range(3):
        shared = {j: len(set(rows[i]) & set(rows[j])) for j in range(4) if j != i}
        below = torch.logsumexp(torch.stack([z[i] @ z[j] / 0.5 for j in shared]), 0)
        expected.append(-sum(w * (z[i] @ z[j] / 0.5 - below) for j, w in shared.items()) / sum(shared.values()))
    value = loss(z, LabelSets.from_rows(rows, 4))
    torch.testing.assert_close(value, torch.stack(expected).mean())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere:Loss", "no module 'nowhere' is installed or in this folder: write the module as in an import"),
        ("theirs.py:Overlap", "no module 'theirs.py' is installed or in this folder: .*without .py"),
        ("theirs:Missing", "the module 'theirs' has no 'Missing'"),
        ("theirs:", "a module or a class is missing: write module:Class"),
        (":Overlap", "a module or a class is missing: write module:Class"),
        ("theirs:function", "'function' of 'theirs' is no subclass of torch.nn.Module"),
        ("broken:Loss", r"the module 'broken' cannot be imported \(ZeroDivisionError: division by zero\)"),
        ("needy:Loss", "'needy' imports 'no_such_package_anywhere', which is not installed"),
        ("theirs:NoTemperature", r"NoTemperature does not take the arguments \(temperature=0.07\)"),
        ("theirs:Raises", r"Raises\(temperature=0.07\) raises ValueError: only above 1: fix it"),
        ("theirs:Weighty", "Weighty has weights of its own, which no optimiser would train"),
        ("theirs:PerNote", r"it returns a value of shape \(4,\): return a scalar tensor"),
        ("theirs:Number", "it returns a value of type float: return a scalar tensor"),
        ("theirs:Constant", "its value has no gradient"),
        ("theirs:Empty", "no two notes share a label it returns nan: return a finite number"),
        ("theirs:Steep", "its gradient is not finite"),
        ("theirs:WantsTensor", "some of whose notes share a label it raises AttributeError"),
    ],
)
def test_what_cannot_be_trained_with_is_refused_in_one_sentence(folder: Path, name: str, said: str) -> None:
    """The option is named, and one line says what to do."""
    with pytest.raises(InvalidOption, match=said) as caught:
        own_loss(name, 0.07)
    assert str(caught.value).startswith(f"--loss {name}: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_those_that_are_built_in(folder: Path) -> None:
    """And says how a loss of one's own is named."""
    with pytest.raises(InvalidOption, match="--loss must be one of bce, sd, a class as module:Class, .*, got 'nope'"):
        own_loss("nope", 0.07, built_in=("bce", "sd"))


def test_a_loss_without_candidates_cannot_have_a_queue(folder: Path) -> None:
    """Only asked of it where there is one."""
    own_loss("theirs:NoQueue", 0.07)
    with pytest.raises(InvalidOption, match="and a queue it raises TypeError"):
        own_loss("theirs:NoQueue", 0.07, queue=True)


def test_a_package_announces_losses_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages with one name are refused."""
    known = {
        "overlap": [EntryPoint("overlap", "theirs:Overlap", module.GROUP)],
        "twice": [EntryPoint("twice", f"theirs:{name}", module.GROUP) for name in ("Overlap", "Base")],
    }
    monkeypatch.setattr(module, "entry_points", lambda group, name: EntryPoints(known.get(name, [])))
    assert type(own_loss("overlap", 0.07)).__name__ == "Overlap"
    with pytest.raises(InvalidOption, match="--losses twice: 2 installed packages announce this name"):
        own_loss("twice", 0.07, "--losses")


def test_the_digest_is_that_of_the_source(folder: Path) -> None:
    """It changes with a letter of the module, but not during a run."""
    own_loss_digest.cache_clear()
    before = own_loss_digest("theirs:Overlap")
    assert before == own_loss_digest("theirs:Base")
    (folder / "theirs.py").write_text(SOURCE + "# more\n")
    assert own_loss_digest("theirs:Overlap") == before
    own_loss_digest.cache_clear()
    assert own_loss_digest("theirs:Overlap") != before


def test_trying_a_loss_leaves_the_random_numbers_as_they_were(folder: Path) -> None:
    """A run with it draws what another one draws."""
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    own_loss("theirs:Overlap", 0.07)
    assert torch.equal(torch.rand(2), expected)
