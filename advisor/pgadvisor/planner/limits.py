"""Within which limits plans are observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Limits(Protocol):
    """What the planner needs of the configuration; CollectConfig has it, and says what each limit means."""

    @property
    def max_explains(self) -> int:
        """How many EXPLAINs in all."""

    @property
    def max_value_explains(self) -> int:
        """How many EXPLAINs, of those in all, for values on which plans may depend."""

    @property
    def lock_share(self) -> float:
        """Which share of the free slots of the server's lock table one plan may take."""

    @property
    def trust_owners(self) -> Sequence[str]:
        """Names of roles whose functions may run with the collecting role's rights."""

    @property
    def execute(self) -> str:
        """What may be executed: off or safe."""

    @property
    def execute_timeout_ms(self) -> int:
        """For one execution."""

    @property
    def execute_total_ms(self) -> int:
        """For all executions."""

    @property
    def execute_max_statements(self) -> int:
        """How many executions."""

    @property
    def execute_min_calls(self) -> int:
        """How often the server must have run a statement."""

    @property
    def execute_max_mean_ms(self) -> float:
        """How long it may have taken on average."""

    @property
    def execute_max_max_ms(self) -> float:
        """How long it may ever have taken."""

    @property
    def execute_max_cost(self) -> float:
        """The planner's cost of it."""

    @property
    def execute_warm_up(self) -> bool:
        """Whether each is run once before it is measured."""

    @property
    def execute_runs(self) -> int:
        """How often each is measured."""

    @property
    def session(self) -> Mapping[str, str]:
        """Settings under which statements are planned and executed, such as a tenant's id, by name."""
