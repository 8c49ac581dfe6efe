"""Answers that a planner gave, collected while it gives them, and given again from a snapshot without it."""

from __future__ import annotations

from collections.abc import Sequence

from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import create_index
from pgadvisor.indexes.quoting import qualified
from pgadvisor.masking import mask_literals
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.whatif import (
    AS_IS,
    Configuration,
    ConfigurationContents,
    IndexSize,
    PlannerIdentity,
    PlannerKind,
    Shortfall,
    WhatIfAnswer,
)
from pgadvisor.planner.fronting import Fronting
from pgadvisor.planner.index_names import names_in_order
from pgadvisor.planner.protocol import Answer, Asked, Planner, PlannerError, Question, Use
from pgadvisor.planner.used import uses_by_plans

# A statement's id stands for its text: what has none of the server's has a fingerprint of its text for one.
_MAX_NAMED = 3
_Key = tuple[str, str, tuple[str | None, ...] | None, ConfigurationContents]


class Recording(Fronting):
    """A Planner (planner/protocol.py) that collects what another one answers.

    What was answered once is not asked again: a snapshot can hold one answer to a question alone.
    """

    def __init__(self, planner: Planner) -> None:
        super().__init__(planner)
        self._answers: dict[_Key, WhatIfAnswer] = {}
        self._sizes: dict[IndexDefinition, IndexSize] = {}

    @property
    def answers(self) -> tuple[WhatIfAnswer, ...]:
        """What it answered so far, in the order in which it was first asked."""
        return tuple(self._answers.values())

    @property
    def index_sizes(self) -> tuple[IndexSize, ...]:
        """The sizes that it told so far, in the order in which it was first asked."""
        return tuple(self._sizes.values())

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large it takes indexes to be that do not exist, in their order."""
        sizes = self._planner.sizes(definitions)
        self._sizes |= {size.definition: size for size in sizes}
        return sizes

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement. Raises PlannerError where the planner is gone, not where it refuses."""
        key = _key(question, configuration)
        if key not in self._answers:
            answer = self._planner.plan(question, configuration)
            self._answers[key] = WhatIfAnswer(
                query_id=question.query_id,
                role=_role(question),
                configuration=configuration,
                planner=self._planner.identity,
                values=question.values,
                plan=answer.plan,
                refusal=answer.refusal,
            )
        kept = self._answers[key]
        return Answer(kept.plan, kept.refusal)

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order, by their plans, which are kept; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        return tuple(self.plan(question, configuration).cost for question in questions)

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        """What statements cost and which indexes they use, which is not kept; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        return self._planner.uses(asked)


class Recorded:
    """A Planner (planner/protocol.py) that says again what a snapshot has kept, and refuses all else.

    Raises PlannerError where the snapshot has kept nothing.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        if not snapshot.answers:
            raise PlannerError(
                "the snapshot holds no answers of a planner. Leave out --planner recorded, so that a twin is asked, or "
                "keep some with pgadvisor whatif DSN --save FILE"
            )
        self._snapshot = snapshot
        self._by = snapshot.answers[0].planner
        self._answers = {
            (each.query_id, each.role, each.values, each.configuration.contents): each for each in snapshot.answers
        }
        self._configurations = {each.configuration.contents for each in snapshot.answers}
        self._sizes = {size.definition: size for size in snapshot.index_sizes}
        self._shortfalls = snapshot.shortfalls

    @property
    def identity(self) -> PlannerIdentity:
        """That the answers were kept, with the version of the planner that gave them."""
        return PlannerIdentity(
            kind=PlannerKind.RECORDED, version=self._by.version, server_version=self._by.server_version
        )

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What the planner that answered had not, or had otherwise."""
        return self._shortfalls

    def unable(self, configuration: Configuration) -> str:
        """Why it cannot say what a configuration would do, in one sentence; "" where it can."""
        if configuration.contents in self._configurations:
            return ""
        told = [_told(each) for each in dict.fromkeys(each.configuration for each in self._snapshot.answers)]
        more = f"; and {len(told) - _MAX_NAMED} more" if len(told) > _MAX_NAMED else ""
        return f"{self._not_kept('of this configuration')} It holds those of: {'; '.join(told[:_MAX_NAMED])}{more}."

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large indexes were taken to be that do not exist, in their order; None where that was not kept."""
        return tuple(self._sizes.get(each, IndexSize(definition=each, size_bytes=None)) for each in definitions)

    def names(self, definitions: Sequence[IndexDefinition]) -> tuple[str, ...]:
        """What indexes that do not exist are called in its plans, where a configuration has them in this order."""
        return names_in_order(definitions, Facts(self._snapshot, {}))

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement as it was kept; a refusal where it was not."""
        kept = self._answers.get(_key(question, configuration))
        if kept is None:
            return Answer(None, self.unable(configuration) or self._not_kept("for this statement with these values"))
        return Answer(kept.plan, kept.refusal)

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order; None where none was kept."""
        return tuple(self.plan(question, configuration).cost for question in questions)

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        """What statements cost and which indexes they use, by their plans; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        return uses_by_plans(self, asked, Facts(self._snapshot, {}))

    def close(self) -> None:
        """It holds nothing."""

    def _not_kept(self, what: str) -> str:
        return f"The snapshot keeps what {self._by.kind} answered during its collection, and holds no answer {what}."


def _told(configuration: Configuration) -> str:
    """A configuration as it would be asked for, constants in its indexes masked."""
    texts = [mask_literals(create_index(each, "x", concurrently=False)) for each in configuration.create]
    parts = [f"--create '{text.replace(' x ON ', ' ON ', 1).removesuffix(';')}'" for text in texts]
    parts += [f"--drop {qualified(each.schema, each.name)}" for each in configuration.drop]
    parts += [f"--set {name}={value}" for name, value in configuration.settings]
    return " ".join(parts) or "what is, without a change"


def _key(question: Question, configuration: Configuration) -> _Key:
    return question.query_id, _role(question), question.values, configuration.contents


def _role(question: Question) -> str:
    return "" if question.role is None else question.role.name
