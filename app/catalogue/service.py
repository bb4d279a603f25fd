"""The codes that the bundle can answer with: found by words, by the beginning of a code, or beneath a category."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.catalogue.code_tree import CodeTree
from app.catalogue.schemas import CodesQuery
from app.catalogue.title_search import TitleWords
from icd_coder_client.catalogue import CatalogueCode, CodesAnswer, ExpectedOfPolicy, PlacedCode
from model.icd import Code
from model.ranking.code_counts import CodeCounts
from model.ranking.thresholds import GLOBAL, ThresholdPolicy, policy_named

CODE_START = re.compile(r"[A-Za-z0-9]{1,7}(\.[A-Za-z0-9]{0,4})?")
NOT_COUNTED = "the bundle was trained before single codes were counted: precision and recall are of all codes together"
OTHER_POLICY = (
    "single codes were counted at the global threshold: ask for that policy to see their precision and recall"
)


@dataclass(frozen=True)
class Catalogue:
    """The codes of one bundle; nothing here asks the network."""

    bundle_id: str
    tree: CodeTree
    words: TitleWords
    policies: Sequence[ThresholdPolicy]
    """Those that answer a caller who may see stored notes: of the ranker, or of the classifier alone."""
    policies_alone: Sequence[ThresholdPolicy]
    """Those that answer another caller, for whom the ranker reads no stored note."""

    def search(self, query: CodesQuery, reads_notes: bool) -> CodesAnswer:
        """One page of the codes that a query finds, with the thresholds of this caller's predictions.

        Raises:
            InvalidOption: a system, a subtree or a policy that the bundle has not.
        """
        policy = policy_named(self.policies if reads_notes else self.policies_alone, query.policy)
        columns = self._ordered(query)
        page = columns[query.offset : query.offset + query.limit]
        following = query.offset + len(page)
        thresholds = policy.of(page)
        codes = [self._entry(*each, policy.counts) for each in zip(page.tolist(), thresholds.tolist(), strict=True)]
        return CodesAnswer(
            bundle_id=self.bundle_id,
            total=len(columns),
            next_offset=following if following < len(columns) else None,
            codes=codes,
            policy=ExpectedOfPolicy(
                name=policy.name,
                precision=policy.expected_precision,
                recall=policy.expected_recall,
                notes=None if policy.counts is None else policy.counts.notes,
            ),
            warnings=[] if policy.counts else [NOT_COUNTED if policy.name == GLOBAL else OTHER_POLICY],
        )

    def _ordered(self, query: CodesQuery) -> np.ndarray:
        """Codes that begin as the query first, in their order; then titles, those with most training notes first."""
        allowed = self.tree.allowed(
            None if query.system is None else [query.system], [] if query.category is None else [query.category]
        )
        if query.q is None:
            found = np.arange(len(self.tree.codes), dtype=np.int64)
        else:
            beginning = self._beginning(query.q)
            titled = np.setdiff1d(self.words.columns(query.q), beginning)
            counts = self.tree.codes.train_counts[titled]
            found = np.concatenate([beginning, titled[np.argsort(-counts, kind="stable")]])
        return found if allowed is None else found[allowed[found]]

    def _beginning(self, written: str) -> np.ndarray:
        """Columns of the codes of any system that begin so, in the order of the columns."""
        if not CODE_START.fullmatch(written.strip()):
            return np.zeros(0, dtype=np.int64)
        prefix = written.strip().upper()
        rows = [self.tree.beneath(Code(system, prefix)) for system in self.tree.systems]
        return np.sort(np.concatenate(rows))

    def _entry(self, column: int, threshold: float, counts: CodeCounts | None) -> CatalogueCode:
        label = self.tree.codes[column]
        category, parent = self.tree.category(label.key), self.tree.parent(label.key)
        return CatalogueCode(
            system=label.system,
            code=label.code,
            title=label.title,
            category=self._placed(category),
            parent=None if parent is None else self._placed(parent),
            children=[self._placed(child) for child in self.tree.children(label.key)],
            train_count=label.count_train,
            threshold=threshold,
            **({} if counts is None else counts.of(column)._asdict()),
        )

    def _placed(self, code: Code) -> PlacedCode:
        column = self.tree.codes.column(code)
        return PlacedCode(code=code.code, title=None if column is None else self.tree.codes[column].title)
