"""The best set of indexes within a budget.

Each statement is planned with every candidate there, then without those that it used, and so on, for the values that
count: a few hundred EXPLAINs tell which indexes serve it and what each way costs (known_plans.py). Among these ways
sets are looked for without asking, from several beginnings with several moves (moves.py); the best is asked for, which
teaches more plans, until it stays the best. What is chosen was asked of the planner for the whole set; where no more
may be asked, it is bounded by what is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.known_plans import bits_of
from pgadvisor.advise.selection.least import least_gain, short_of
from pgadvisor.advise.selection.moves import LEAST_BYTES, grow, improve, most_gaining, shrink
from pgadvisor.advise.selection.objective import Objective
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.reasons import Chosen, reasons_for
from pgadvisor.advise.selection.replacing import Replaceable
from pgadvisor.advise.selection.seeding import seed
from pgadvisor.advise.selection.state import Item, Limits, Trial
from pgadvisor.model.catalog import Index
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.model.whatif import Configuration, IndexName
from pgadvisor.planner.counted import EndOfSearchError
from pgadvisor.progress import Progress

if TYPE_CHECKING:
    from pgadvisor.config import IndexesConfig

__all__ = ["Chosen", "Selection", "select"]

# Sets that are asked for at most, one after the other.
_ROUNDS = 8
# Candidates that are tried beside the best set in each round.
_TRIED = 16
# Indexes of one plan that sets are grown from, the most gaining ones.
_FIRST = 6
# Of all sets grown, those that are improved.
_IMPROVED = 4
# A statement that would have less than this share of what one may gain is not asked about it.
_SPECK = 0.05


@dataclass
class Selection:
    """What the search came to: what is built, in the order of what each is worth, what goes, what was left and why.

    cut_short says which bound ended the search before it was done, "" where none did.
    """

    create: list[Chosen] = field(default_factory=list)
    drop: list[Index] = field(default_factory=list)
    left: list[LeftIndex] = field(default_factory=list)
    cut_short: str = ""

    @property
    def configuration(self) -> Configuration:
        """All of it, as a planner takes it."""
        return Configuration(
            create=tuple(chosen.candidate.definition for chosen in self.create),
            drop=tuple(IndexName(schema=index.schema, name=index.name) for index in self.drop),
        )


def select(
    evaluator: Evaluator,
    candidates: Sequence[Candidate],
    prices: Prices,
    options: IndexesConfig,
    progress: Progress,
) -> Selection:
    """The best set that was found, proved by the planner as a whole, with the reason of each that is not in it.

    Raises PlannerError where the planner is gone.
    """
    search = _Search(evaluator, candidates, prices, options, progress)
    selection = Selection()
    try:
        search.run()
    except EndOfSearchError as error:
        selection.cut_short = str(error)
    trial, there = search.trial, search.best
    values = trial.values(there)
    worth = {bit: trial.change(values, there, there & ~bit) for bit in bits_of(trial.added(there))}
    selection.create = [search.chosen[bit] for bit in sorted(worth, key=lambda bit: (-worth[bit], bit))]
    selection.drop = [search.existing[bit] for bit in bits_of(trial.as_is & ~there)]
    selection.left = [
        *search.impossible,
        *reasons_for(trial, search.chosen, there, search.least, search.option, examined=search.everything_was_asked),
    ]
    return selection


class _Search:
    """One search; best is the best set so far."""

    def __init__(
        self,
        evaluator: Evaluator,
        candidates: Sequence[Candidate],
        prices: Prices,
        options: IndexesConfig,
        progress: Progress,
    ) -> None:
        self._evaluator = evaluator
        self._progress = progress
        self.impossible: list[LeftIndex] = []
        self.everything_was_asked = False
        self.existing: dict[int, Index] = {}
        progress("Imagining indexes")
        able = self._able(sorted(candidates, key=lambda each: repr(each.definition)))
        sizes = evaluator.planner.sizes([candidate.definition for candidate in able])
        self.chosen = {
            evaluator.bit(candidate.definition): Chosen(candidate, prices.of(candidate.definition, size.size_bytes))
            for candidate, size in zip(able, sizes, strict=True)
        }
        objective = Objective(evaluator.base, options.goal)
        self.least = least_gain(objective, options, evaluator.facts)
        self.option = short_of(objective, options, evaluator.facts)
        items = [
            Item(bit, each.price.size_bytes, objective.of_writes(each.price.write_ms))
            for bit, each in self.chosen.items()
        ]
        limits = Limits(options.max_bytes, options.max_indexes, options.max_regression)
        self._stands_in = self._replaceable() if options.drop else {}
        for bit, index in self.existing.items():
            price = prices.of_existing(index)
            items.append(Item(bit, price.size_bytes, objective.of_writes(price.write_ms), exists=True))
        self.trial = Trial(evaluator, objective, items, limits)
        self.best = self.trial.as_is

    def run(self) -> None:
        """Looks for the best set. Raises EndOfSearchError; best is then the best that is known."""
        if not self.chosen:
            return
        try:
            seed(self.trial, sum(self.chosen), self._progress)
            self.everything_was_asked = True
            self._settle()
        except EndOfSearchError:
            self.trial.refresh()
            found = self._found()
            # What may still be asked is kept for what was found: with caution it may be worse than by what is known.
            self._evaluator.costs(self._evaluator.configuration(found))
            self.trial.refresh()
            self.best = min(self.best, found, key=self.trial.value)
            raise

    def _settle(self) -> None:
        """Finds the best set by what is known and asks for it, until that teaches nothing new."""
        trial, asked = self.trial, set[int]()
        for number in range(_ROUNDS):
            self._progress("Choosing indexes", number, _ROUNDS)
            found = self._found()
            if found in asked:
                break
            asked.add(found)
            self._ask_for(found)
            self.best = min(self.best, found, key=trial.value)
            self._try_beside(self.best)
        for _ in range(_ROUNDS):
            kept = self._without_what_gains_little(self.best)
            self.best = self._without_what_is_replaced(kept)
            # Without it others may pay.
            more = self._if_stood_in_for(improve(trial, self.best, self.least))
            self._ask_for(more)
            if not trial.fits(more) or trial.value(more) >= trial.value(self.best) - self.least:
                break
            self.best = more

    def _found(self) -> int:
        """The best set by what is known."""
        trial, least = self.trial, self.least
        everything = trial.as_is
        for some in trial.sets:
            everything |= some
        beginnings = [self.best, grow(trial, trial.as_is, least, per_byte=True)]
        if self.best == trial.as_is:
            beginnings += [grow(trial, trial.as_is, least, per_byte=False), shrink(trial, everything)]
            beginnings += [grow(trial, first, least, per_byte=True) for first in most_gaining(trial, _FIRST)]
        promising = sorted(set(beginnings), key=lambda there: (trial.value(there), there))[:_IMPROVED]
        ends = dict.fromkeys(improve(trial, there, least) for there in promising)
        return min(ends, key=trial.value)

    def _ask_for(self, there: int) -> None:
        trial = self.trial
        trial.evaluator.learn((question, there) for question, _ in trial.questions())
        trial.refresh()

    def _try_beside(self, there: int) -> None:
        """Asks for the set with one more, for those that may gain most by all that is known."""
        trial = self.trial
        values = trial.values(there)
        hopes: list[tuple[float, int, list[int]]] = []
        for bit in bits_of(sum(self.chosen) & ~there):
            then = there | bit
            hoped = {place: values[place] - trial.least_value(place, then) for place in trial.touched(bit)}
            hope = sum(hoped.values())
            if hope > max(-trial.change(values, there, then), 0.0) + self.least:
                places = [place for place, gain in hoped.items() if gain > _SPECK * hope]
                hopes.append((hope / max(trial.bytes_of(bit), LEAST_BYTES), bit, places))
        hopes.sort(key=lambda each: (-each[0], each[1]))
        trial.evaluator.learn(
            (question, there | bit) for _, bit, places in hopes[:_TRIED] for question, _ in trial.counting(places)
        )
        trial.refresh()

    def _without_what_gains_little(self, there: int) -> int:
        """The set without those that do not pay beside the others, each time asked for."""
        trial = self.trial
        while bits := trial.added(there):
            trial.evaluator.learn(
                (question, there & ~bit) for bit in bits_of(bits) for question, _ in trial.questions(trial.touched(bit))
            )
            trial.refresh()
            values = trial.values(there)
            worth, bit = min((trial.change(values, there, there & ~bit), bit) for bit in bits_of(bits))
            if worth > self.least:
                return there
            there = self._if_stood_in_for(there & ~bit)
        return there

    def _without_what_is_replaced(self, there: int) -> int:
        """The set without existing indexes that one of its new ones stands in for, as long as no statement minds.

        Each is asked about for all statements that may use it.
        """
        trial = self.trial
        for bit in self._stands_in:
            then = there & ~bit
            if then == there or not self._stands_in[bit] & there:
                continue
            self._ask_for(then)
            before, after = (trial.evaluator.configuration(each) for each in (there, then))
            if trial.change(trial.values(there), there, then) > self.least:
                continue
            if not trial.evaluator.slows(before, after, trial.limits.max_regression):
                there = then
        return there

    def _if_stood_in_for(self, there: int) -> int:
        """The set with existing indexes back that nothing in it stands in for."""
        for bit, others in self._stands_in.items():
            if not others & there:
                there |= bit
        return there

    def _replaceable(self) -> dict[int, int]:
        """Existing indexes that the planner can leave out, each with the candidates that can stand in for it."""
        facts, found = self._evaluator.facts, defaultdict[int, int](int)
        if facts is None:
            return {}
        replaceable = Replaceable(facts)
        stays: dict[IndexName, bool] = {}
        for bit, each in self.chosen.items():
            for index in replaceable.by(each.candidate.definition):
                name = IndexName(schema=index.schema, name=index.name)
                if name not in stays:
                    stays[name] = bool(self._evaluator.planner.unable(Configuration(drop=(name,))))
                if stays[name]:
                    continue
                standing = self._evaluator.bit(index)
                self.existing[standing] = index
                found[standing] |= bit
        return dict(sorted(found.items()))

    def _able(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Candidates that the planner can imagine; of the others it says why not."""
        planner = self._evaluator.planner
        if not planner.unable(Configuration(create=tuple(each.definition for each in candidates))):
            return list(candidates)
        able = []
        for candidate in candidates:
            reason = planner.unable(Configuration(create=(candidate.definition,)))
            if not reason:
                able.append(candidate)
                continue
            self.impossible.append(
                LeftIndex(
                    definition=candidate.definition,
                    why=WhyNot.IMPOSSIBLE,
                    sentence=reason,
                    query_ids=tuple(sorted(candidate.query_ids)),
                    findings=tuple(sorted(candidate.findings)),
                )
            )
        return able
