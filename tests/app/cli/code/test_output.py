"""The table that a coder reads."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from app.cli.code.output import DISAGREES, render
from app.coding.neighbour_evidence import neighbour_evidence
from icd_coder_client.answer import CodeTitle, Tokens
from icd_coder_client.coding import PredictAnswer
from icd_coder_client.neighbours import Neighbour
from model.prediction import Evidence, RankedCode


def ranked(rank: int, code: str, selected: bool) -> RankedCode:
    return RankedCode(rank, "icd9cm", code, f"Title {code}", 0.6 if selected else 0.1, 0.5, selected, 7)


def neighbour(note_id: str, similarity: float, *codes: str) -> Neighbour:
    titles = [CodeTitle(system="icd9cm", code=code, title=f"Title {code}") for code in codes]
    return Neighbour(note_id=note_id, similarity=similarity, codes=titles)


def explained(code: str, evidence: tuple[Evidence, ...], no_span: str | None) -> RankedCode:
    return replace(ranked(1, code, True), evidence=evidence, no_span=no_span)


def shown(codes: list[RankedCode], neighbours: list[Neighbour], every_code: bool = False) -> list[str]:
    evidence = neighbour_evidence(codes, neighbours, neighbours)
    answer = PredictAnswer(
        bundle_id="b" * 64,
        precision="fp32",
        codes=evidence.codes,
        neighbours=evidence.neighbours,
        tokens=Tokens(read=3, total=3, truncated=False),
        warnings=[],
        timings_ms={"total": 1.0},
    )
    out = StringIO()
    Console(file=out, width=140, highlight=False).print(render("note", "text", answer, True, every_code))
    return out.getvalue().splitlines()


def test_support_and_disagreement_stand_beside_each_code() -> None:
    """401.9: selected, all carry it. 428.0: selected, none carries it. 486: not selected, 0.8 of 1.2 carry it."""
    codes = [ranked(1, "401.9", True), ranked(2, "428.0", True), ranked(3, "486", False)]
    lines = shown(codes, [neighbour("near", 0.8, "401.9", "486"), neighbour("far", 0.4, "401.9")])
    rows = {code: next(line for line in lines if f"Title {code}" in line) for code in ("401.9", "428.0", "486")}
    assert "2/2 100%" in rows["401.9"]
    assert "0/2   0%" in rows["428.0"]
    assert "1/2  67%" in rows["486"]
    assert [DISAGREES in rows[code] for code in rows] == [False, True, True]


def test_flags_stand_behind_the_evidence_and_a_reason_where_there_is_none() -> None:
    """Briefly."""
    denied = Evidence(0, 4, "text", 0.5, ("lexicon",), negated=True, family=True)
    lines = shown([explained("486", (denied,), None), explained("401.9", (), "no span: from neighbours")], [])
    rows = {code: next(line for line in lines if f"Title {code}" in line) for code in ("486", "401.9")}
    assert rows["486"].rstrip().endswith("[text] (negated, family)")
    assert rows["401.9"].rstrip().endswith("no span: from neighbours")


def test_a_neighbour_names_what_it_shares_first() -> None:
    """Even behind six codes that it does not share."""
    codes = [*(f"10{number}" for number in range(7)), "428.0"]
    lines = shown([ranked(1, "428.0", True)], [neighbour("near", 0.9, *codes)])
    row = next(line for line in lines if line.startswith("near"))
    assert "1/8" in row
    assert "428.0, 100, 101, 102, 103, 104 and 2 more" in row


def test_a_code_that_a_neighbour_carries_twice_counts_once() -> None:
    """And a code of another system is another code."""
    other = Neighbour(
        note_id="x", similarity=0.9, codes=[CodeTitle(system="icd9pcs", code="66", title="Something else")]
    )
    notes = [neighbour("n", 0.9, "401.9", "401.9"), other]
    evidence = neighbour_evidence([ranked(1, "66", True), ranked(2, "401.9", True)], notes, notes)
    assert [code.neighbour_count for code in evidence.codes] == [0, 1]
    assert [[code.code for code in note.shared] for note in evidence.neighbours] == [["401.9"], []]


def test_codes_far_below_their_threshold_are_counted_not_shown() -> None:
    """The threshold is 0.5: the codes from half of it on, and three of any answer; --all shows the rest."""
    probabilities = (0.9, 0.6, 0.3, 0.25, 0.2, 0.1)
    codes = [
        replace(ranked(rank, f"40{rank}", probability > 0.5), probability=probability)
        for rank, probability in enumerate(probabilities, start=1)
    ]
    few, every = ("\n".join(shown(codes, [], every_code)) for every_code in (False, True))
    assert [f"Title 40{rank}" in few for rank in range(1, 7)] == [True, True, True, True, False, False]
    assert "2 more below 50% of their threshold: --all shows them" in few
    assert all(f"Title 40{rank}" in every for rank in range(1, 7))
    assert "--all" not in every
    unlikely = [replace(code, rank=rank, selected=False) for rank, code in enumerate(codes[4:] * 2, start=1)]
    assert sum("Title" in line for line in shown(unlikely, [])) == 3
