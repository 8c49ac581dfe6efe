"""Several planners of one kind as one: built side by side, each asked a part of a workload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import TypeVar

from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.whatif import AS_IS, Configuration, IndexSize, PlannerIdentity, Shortfall
from pgadvisor.planner.protocol import Answer, Asked, Planner, PlannerError, Question, Use
from pgadvisor.planner.used import by_configuration

A = TypeVar("A")
T = TypeVar("T")


class Workers:
    """A Planner (planner/protocol.py) over several that answer alike, such as twins of one snapshot.

    builders make them; the first does so in the calling thread, so that its progress may be shown, the others at the
    same time in threads of their own. Raises PlannerError where one cannot be had; none is left then.
    """

    def __init__(self, builders: Sequence[Callable[[], Planner]]) -> None:
        self._threads = ThreadPoolExecutor(max(len(builders) - 1, 1), thread_name_prefix="pgadvisor planner")
        self._planners: list[Planner] = []
        others = [self._threads.submit(build) for build in builders[1:]]
        try:
            self._planners.append(builders[0]())
        finally:
            # Whatever happened, what is being built comes to its end, so that it can be closed.
            wait(others)
            self._planners += [each.result() for each in others if each.exception() is None]
            if len(self._planners) < len(builders):
                self.close()
        for each in others:
            each.result()

    @property
    def identity(self) -> PlannerIdentity:
        """Which planner these are."""
        return self._first.identity

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What of the audited server they have not, or have otherwise, each told once.

        Some of it comes to light when a question is asked, and each is asked others.
        """
        return tuple(dict.fromkeys(told for planner in self._planners for told in planner.shortfalls))

    def unable(self, configuration: Configuration) -> str:
        """Why they cannot say what a configuration would do, in one sentence; "" where they can."""
        answers = self._of_each([_unable(planner, configuration) for planner in self._planners])
        return next(filter(None, answers), "")

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large they take indexes to be that do not exist, in their order."""
        return self._first.sizes(definitions)

    def names(self, definitions: Sequence[IndexDefinition]) -> tuple[str, ...]:
        """What indexes that do not exist are called in its plans, where a configuration has them in this order."""
        return self._first.names(definitions)

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement, always by the same planner. Raises PlannerError where it is gone."""
        return self._first.plan(question, configuration)

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order, whoever is first; None where one is refused.

        Raises PlannerError where one of the planners is gone.
        """
        return self._shared(questions, [len(questions)], lambda planner, part: planner.costs(part, configuration))

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        """What statements cost and which indexes they use, in their order; None where one is refused.

        Raises PlannerError where one of the planners is gone.
        """
        sizes = (len(questions) for _, questions in by_configuration(asked))
        return self._shared(asked, sizes, lambda planner, part: planner.uses(part))

    def close(self) -> None:
        """Closes all of them; closing twice is no error."""
        self._threads.shutdown(cancel_futures=True)
        planners, self._planners = self._planners, []
        for planner in planners:
            with suppress(PlannerError):
                planner.close()

    @property
    def _first(self) -> Planner:
        if not self._planners:
            raise PlannerError("The planners are closed.")
        return self._planners[0]

    def _shared(
        self, asked: Sequence[A], sizes: Iterable[int], ask: Callable[[Planner, Sequence[A]], Sequence[T]]
    ) -> tuple[T, ...]:
        """Answers in the order of what is asked, whoever gives them; sizes are how many stand together each time."""
        first, count = self._first, len(self._planners)
        if count == 1 or len(asked) < count:
            return tuple(ask(first, asked))
        parts = _dealt(sizes, len(asked), count)
        found: dict[int, T] = {}
        tasks = [
            partial(ask, planner, [asked[place] for place in part])
            for planner, part in zip(self._planners, parts, strict=True)
        ]
        for part, answers in zip(parts, self._of_each(tasks), strict=True):
            found |= zip(part, answers, strict=True)
        return tuple(found[place] for place in range(len(asked)))

    def _of_each(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """What each task gave, in their order, once all are done. Raises the first error."""
        others: list[Future[T]] = [self._threads.submit(task) for task in tasks[1:]]
        try:
            answers = [task() for task in tasks[:1]]
        finally:
            # None is asked anything else while it is still at this.
            wait(others)
        return answers + [each.result() for each in others]


def _unable(planner: Planner, configuration: Configuration) -> Callable[[], str]:
    return lambda: planner.unable(configuration)


def _dealt(sizes: Iterable[int], whole: int, count: int) -> list[list[int]]:
    """Places of all that is asked, as parts that are about as large, groups that stand together kept so if small."""
    parts: list[list[int]] = [[] for _ in range(count)]
    begun = 0
    for size in sizes:
        places = range(begun, begun + size)
        begun += size
        if size * count > whole:
            # Every so manyth, so that each has about as much to do: the costliest of a workload stand together.
            for start, part in enumerate(parts):
                part += places[start::count]
        else:
            min(parts, key=len).extend(places)
    return parts
