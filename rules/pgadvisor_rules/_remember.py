"""What several rules, or one rule many times, would work out anew from the same facts."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar
from weakref import WeakKeyDictionary

from pgadvisor.rules_api import Facts

A = TypeVar("A", bound=Hashable)
R = TypeVar("R")


def per_facts(function: Callable[[Facts, A], R]) -> Callable[[Facts, A], R]:
    """A function that works its answer out once for each argument, and forgets it with the facts.

    The answers may not hold the facts, which would then never go.
    """
    known: WeakKeyDictionary[Facts, dict[A, R]] = WeakKeyDictionary()

    def remembered(facts: Facts, about: A) -> R:
        answers = known.setdefault(facts, {})
        if about not in answers:
            answers[about] = function(facts, about)
        return answers[about]

    remembered.__doc__ = function.__doc__
    return remembered
