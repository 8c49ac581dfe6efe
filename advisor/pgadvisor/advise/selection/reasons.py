"""Why each candidate that is not chosen was left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from msgspec import structs

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.known_plans import INFINITY, bits_of
from pgadvisor.advise.selection.state import Trial
from pgadvisor.advise.statement_words import as_much, called
from pgadvisor.indexes.algebra import covers, serves_equality_on
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.index_advice import IndexPrice, LeftIndex, WhyNot
from pgadvisor.model.index_text import index_text


@dataclass(frozen=True)
class Chosen:
    """A candidate at its price."""

    candidate: Candidate
    price: IndexPrice


def reasons_for(
    trial: Trial, chosen: Mapping[int, Chosen], there: int, least: float, option: str, *, examined: bool
) -> list[LeftIndex]:
    """Candidates that are not in a set, those first that would gain most by themselves.

    least is what each is to gain, as an option of that name has it. examined: all were asked about; else those that no
    known plan uses may be of use.
    """
    as_is, values = trial.values(trial.as_is), trial.values(there)
    found: list[tuple[float, int, LeftIndex]] = []
    for bit, each in chosen.items():
        if bit & there:
            continue
        alone = -trial.change(as_is, trial.as_is, trial.as_is | bit)
        beside = -trial.change(values, there, there | bit)
        why = _Why(trial, chosen, there, least, option, bit, alone, beside, examined=examined)
        found.append((-why.alone_before_writes, bit, why.told(each)))
    return [left for _, _, left in sorted(found, key=lambda entry: entry[:2])]


@dataclass(frozen=True)
class _Why:
    """What is known of one candidate: what it gains alone and beside the chosen ones, its writing taken off."""

    trial: Trial
    chosen: Mapping[int, Chosen]
    there: int
    least: float
    option: str
    bit: int
    alone: float
    beside: float
    examined: bool

    @property
    def alone_before_writes(self) -> float:
        return self.alone + self.trial.items[self.bit].writes

    def told(self, candidate: Chosen) -> LeftIndex:
        """It, with the first reason that holds."""
        why, sentence, served_by = next(self._reasons())
        return LeftIndex(
            definition=candidate.candidate.definition,
            why=why,
            sentence=sentence,
            served_by=served_by,
            size_bytes=candidate.price.size_bytes,
            gain_ms=self._in_ms(self.alone_before_writes),
            write_ms=candidate.price.write_ms,
            query_ids=tuple(sorted(candidate.candidate.query_ids)),
            findings=tuple(sorted(candidate.candidate.findings)),
        )

    def _in_ms(self, amount: float) -> float | None:
        return max(self.trial.objective.in_ms(amount), 0.0) if -INFINITY < amount < INFINITY else None

    def _reasons(self) -> Iterator[tuple[WhyNot, str, str]]:
        writes = self.trial.items[self.bit].writes
        used = bool(self.trial.touched(self.bit))
        if self.bit & self.trial.evaluator.unanswered:
            yield WhyNot.NOT_EXAMINED, self._unanswered(), ""
        if self.beside == -INFINITY:
            yield WhyNot.SLOWS, self._slows(), ""
        if not used and not self.examined:
            yield WhyNot.NOT_EXAMINED, "The search ended before it was asked about.", ""
        wanting = self.chosen[self.bit].candidate.query_ids
        if not used and wanting and wanting <= self.trial.evaluator.refused.keys():
            yield WhyNot.NOT_EXAMINED, "The statements that it is for were not planned.", ""
        if not used:
            yield WhyNot.NO_GAIN, "No statement's plan would use it, for the values that count.", ""
        if self.beside > self.least and not self.trial.fits(self.there | self.bit):
            yield WhyNot.OVER_BUDGET, self._over_budget(), ""
        if self.beside <= self.least < self.beside + writes:
            yield WhyNot.TOO_COSTLY, "Writing it would take more than it gains.", ""
        better = self._better() if self.alone_before_writes > self.least else None
        if better is not None:
            name = described(better)
            yield WhyNot.BETTER_ONE, _beside(name), name
        if self.beside > self.least:
            yield WhyNot.NOT_EXAMINED, "The search ended before it was tried beside the others.", ""
        yield WhyNot.NO_GAIN, self._too_little(), ""

    def _unanswered(self) -> str:
        """Why the planner gave no plan."""
        said = "The planner gave no plan of a statement that might use it"
        why = self.trial.evaluator.why_unanswered.get(self.bit, "").removesuffix(".")
        return f"{said}: {why}." if why else f"{said}."

    def _slows(self) -> str:
        """Which statement forbids it."""
        query_id, times = self.trial.slowed(self.there | self.bit)
        if times == INFINITY:
            return f"With it no plan of {called(query_id)} is known."
        return f"With it {called(query_id)} would cost {as_much(times)} (indexes.max_regression)."

    def _too_little(self) -> str:
        """What it gains, and what an index is to gain, both as shares of the workload."""
        whole = self.trial.objective.whole
        if not whole:
            return f"It would gain less than an index is to gain ({self.option})."
        gains, least = _percent(max(self.beside, 0.0) / whole), _percent(self.least / whole)
        keys = ", ".join(sorted(self.chosen[self.bit].candidate.foreign_keys))
        if keys and self.alone_before_writes > self.least:
            # They serve its statements, and not the key.
            return (
                f"Beside others that do more for its statements it would gain {gains} of the workload, as far as "
                f"{keys} was checked; {self.option} asks for {least}."
            )
        return f"It would gain {gains} of the workload; {self.option} asks for {least}."

    def _over_budget(self) -> str:
        limits = self.trial.limits
        if self.trial.added(self.there).bit_count() >= limits.max_indexes:
            return f"More than {limits.max_indexes} indexes may not be proposed, and others gain more."
        if self.trial.items[self.bit].size_bytes is None:
            return "Nobody can say how large it would be, and there is a budget."
        return "It does not fit into the budget beside others that gain more for their size."

    def _better(self) -> IndexDefinition | None:
        """The chosen index that does its work: one that stands in for it, else the one without which it gains most.

        One for a foreign key has the work of serving it, whatever its statements gain by others.
        """
        own = self.chosen[self.bit].candidate.definition
        proposed = [
            bit
            for bit in bits_of(self.trial.added(self.there))
            if not frozenset(self.trial.touched(bit)).isdisjoint(self.trial.touched(self.bit))
        ]
        if self.chosen[self.bit].candidate.foreign_keys:
            proposed = [bit for bit in proposed if self._serves_key(bit)]
        for bit in proposed:
            if covers(self.chosen[bit].candidate.definition, own):
                return self.chosen[bit].candidate.definition
        on_table = [bit for bit in proposed if self._place(bit) == (own.schema, own.table)]
        gains = [(self._gain_without(bit), -bit) for bit in on_table or proposed]
        best = max(gains, default=None)
        return self.chosen[-best[1]].candidate.definition if best is not None else None

    def _serves_key(self, bit: int) -> bool:
        """Whether another finds rows by the columns of this one, which are those of its foreign key."""
        other, own = self.chosen[bit].candidate.definition, self.chosen[self.bit].candidate.definition
        columns = [column for column in own.key_columns if column is not None]
        return self._place(bit) == (own.schema, own.table) and serves_equality_on(other, columns)

    def _place(self, bit: int) -> tuple[str, str]:
        definition = self.chosen[bit].candidate.definition
        return definition.schema, definition.table

    def _gain_without(self, other: int) -> float:
        without = self.there & ~other
        gain = -self.trial.change(self.trial.values(without), without, without | self.bit)
        # What no plan is known for without the other, nor with the one in its place, gains nothing.
        return 0.0 if isnan(gain) else gain


def passed_on(left: LeftIndex, gone: Sequence[Chosen], one: Chosen) -> LeftIndex:
    """What was left for one of those that go is left for the one that stands in their place."""
    names = {described(each.candidate.definition) for each in gone}
    if left.why is not WhyNot.BETTER_ONE or left.served_by not in names:
        return left
    name = described(one.candidate.definition)
    return structs.replace(left, sentence=_beside(name), served_by=name)


def _beside(name: str) -> str:
    """That a candidate is of no use beside one that is chosen."""
    return f"Beside {name}, which is proposed, it would gain next to nothing."


def _percent(share: float) -> str:
    return "less than 0.01%" if share < 0.0001 else f"{100 * share:.3g}%"


def described(definition: IndexDefinition) -> str:
    """An index that has no name yet, by all that tells it from others on the same columns."""
    return index_text(definition)
