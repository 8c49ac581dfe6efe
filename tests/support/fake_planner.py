"""A planner that says what a test told it to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pgadvisor.indexes.ddl import index_name
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.whatif import AS_IS, Configuration, IndexSize, PlannerIdentity, PlannerKind, Shortfall
from pgadvisor.planner.protocol import Answer, Asked, Question, Use
from pgadvisor.planner.used import names_in
from support.plan_text import explain

Tree = Callable[[Question, Configuration], str]


@dataclass
class FakePlanner:
    """Plans by a function that gives a tree in the notation of `support.plan_text`, or "!" and a refusal.

    asked are all questions, in order, with their configurations.
    """

    tree: Tree
    shortfalls: tuple[Shortfall, ...] = ()
    unable_because: str = ""
    size_bytes: int | None = 8192
    identity: PlannerIdentity = field(
        default=PlannerIdentity(kind=PlannerKind.TWIN, version="18.3", server_version="18.3")
    )
    asked: list[tuple[Question, Configuration]] = field(default_factory=list)
    closed: bool = False

    def unable(self, configuration: Configuration) -> str:
        return self.unable_because

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        return tuple(IndexSize(definition=each, size_bytes=self.size_bytes) for each in definitions)

    def names(self, definitions: Sequence[IndexDefinition]) -> tuple[str, ...]:
        taken: list[str] = []
        for each in definitions:
            taken.append(index_name(each, taken))
        return tuple(taken)

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        self.asked.append((question, configuration))
        tree = self.tree(question, configuration)
        return Answer(None, tree[1:]) if tree.startswith("!") else Answer(explain(tree))

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        return tuple(self.plan(question, configuration).cost for question in questions)

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        found: list[Use | None] = []
        for question, configuration in asked:
            named = dict(zip(self.names(configuration.create), configuration.create, strict=True))
            answer = self.plan(question, configuration)
            names = frozenset(() if answer.plan is None else names_in(answer.plan["Plan"]))
            created = frozenset(named[name] for name in names if name in named)
            rows = 1.0 if answer.plan is None else float(answer.plan["Plan"].get("Plan Rows", 1))
            found.append(None if answer.cost is None else Use(answer.cost, created, names, rows=rows))
        return tuple(found)

    def close(self) -> None:
        self.closed = True
