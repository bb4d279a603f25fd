"""What fills real summaries without being coded: laboratory values, films, daily events, advice."""

from random import Random

from training.synthetic.distractors import Distractions
from training.synthetic.wording import Template, pick, sentence, wording

PAD_BLOCKS = ("lab", "lab", "imaging", "imaging", "course", "course", "course", "story", "instructions")
STUDIES = ("chest", "chest", "head", "abdomen", "heart")


class Filler:
    """Filler for one note: a block's templates come in random order, none twice before all were used."""

    def __init__(self, distractions: Distractions, rng: Random) -> None:
        self._distractions = distractions
        self._rng = rng
        self._decks: dict[str, list[Template]] = {}

    def say(self, block: str) -> str:
        """A wording of the next template of a block."""
        deck = self._decks.get(block)
        if not deck:
            deck = self._decks[block] = list(wording()[block])
            self._rng.shuffle(deck)
        return deck.pop().render(self._rng)

    def exam(self, count: int) -> list[str]:
        """Vitals, then ``count`` of the systems in their order."""
        vitals, *systems = wording()["exam"]
        chosen = sorted(self._rng.sample(range(len(systems)), count))
        return [vitals.render(self._rng), *(systems[index].render(self._rng) for index in chosen)]

    def panel(self) -> str:
        """A line of laboratory values with its time."""
        rng = self._rng
        day = f"[**<year>-{1 + int(rng.random() * 12)}-{1 + int(rng.random() * 28)}**]"
        clock = f"{1 + int(rng.random() * 11):02d}:{int(rng.random() * 60):02d}{pick(['AM', 'PM'], rng)}"
        names = rng.sample(wording()["lab.name"], 4 + int(rng.random() * 6))
        return f"{day} {clock} BLOOD " + " ".join(name.render(rng) for name in names)

    def pad(self, sections: dict[str, list[str]], target: int) -> None:
        """Append filler to the sections until they hold ``target`` words, headings and header allowed for."""
        words = 75 + sum(len(line.split()) for lines in sections.values() for line in lines)
        while words < target:
            section, line = self._line()
            sections[section].append(line)
            words += len(line.split())

    def _line(self) -> tuple[str, str]:
        """A section and a line for it."""
        chance = self._rng.random()
        match pick(PAD_BLOCKS, self._rng):
            case "lab" if chance < 0.75:
                return "results", self.panel()
            case "lab":
                return "results", sentence(self.say("micro" if chance < 0.9 else "lab.line"))
            case "imaging":
                return "results", self._study()
            case "instructions":
                section = "instructions" if chance < 0.6 else "followup"
                return section, sentence(self.say(section))
            case block:
                return block, sentence(self.say(f"{block}.filler"))

    def _study(self) -> str:
        """A film or tracing in a few sentences, at times with a finding that is absent."""
        study = f"imaging.{pick(STUDIES, self._rng)}"
        lines = [
            self.say(study),
            *(self.say(f"{study}.filler") for _ in range(1 + int(self._rng.random() * 3))),
        ]
        negated = self._distractions.mention("negated", self._rng) if self._rng.random() < 0.3 else None
        return " ".join(sentence(line) for line in [*lines, *([negated] if negated else [])])
