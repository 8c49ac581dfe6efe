"""What a planner that stands before another one leaves to that one."""

from __future__ import annotations

from collections.abc import Sequence

from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.whatif import Configuration, IndexSize, PlannerIdentity, Shortfall
from pgadvisor.planner.protocol import Planner


class Fronting:
    """The part of a Planner (planner/protocol.py) that is another one's: all but its plans."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    @property
    def identity(self) -> PlannerIdentity:
        """Which planner this is."""
        return self._planner.identity

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What of the audited server it has not, or has otherwise."""
        return self._planner.shortfalls

    def unable(self, configuration: Configuration) -> str:
        """Why it cannot say what a configuration would do, in one sentence; "" where it can."""
        return self._planner.unable(configuration)

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large it takes indexes to be that do not exist, in their order."""
        return self._planner.sizes(definitions)

    def names(self, definitions: Sequence[IndexDefinition]) -> tuple[str, ...]:
        """What indexes that do not exist are called in its plans, where a configuration has them in this order."""
        return self._planner.names(definitions)

    def close(self) -> None:
        """Closes the planner."""
        self._planner.close()
