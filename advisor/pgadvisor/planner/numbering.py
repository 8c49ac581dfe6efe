"""Parameters of a plan by the numbers they have in the statement's own text, where another text was planned for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pgadvisor.model.plans import ParameterValue
from pgadvisor.workload.lexer import Kind, lex


def renumbered_plan(plan: dict[str, Any], positions: Sequence[int]) -> dict[str, Any]:
    """A plan in whose expressions $i has become the statement's $n with n = positions[i - 1].

    One with InitPlans stays as it is: before 17 what they return is spelt like a parameter.
    """
    if tuple(positions) == tuple(range(1, len(positions) + 1)) or _has_returns(plan):
        return plan
    changed: dict[str, Any] = _renumbered(plan, positions)
    return changed


def renumbered_values(values: Sequence[ParameterValue], positions: Sequence[int]) -> tuple[ParameterValue, ...]:
    """Values by the positions that they have in the statement's own text."""
    return tuple(
        msgspec.structs.replace(value, position=positions[value.position - 1])
        if value.position <= len(positions)
        else value
        for value in values
    )


def _has_returns(part: object) -> bool:
    if isinstance(part, dict):
        return "(returns " in str(part.get("Subplan Name", "")) or any(map(_has_returns, part.values()))
    return isinstance(part, list) and any(map(_has_returns, part))


def _renumbered(part: Any, positions: Sequence[int]) -> Any:  # noqa: ANN401  JSON
    if isinstance(part, dict):
        return {key: _renumbered(value, positions) for key, value in part.items()}
    if isinstance(part, list):
        return [_renumbered(value, positions) for value in part]
    return _text(part, positions) if isinstance(part, str) and "$" in part else part


def _text(text: str, positions: Sequence[int]) -> str:
    lexed = lex(text)
    pieces: list[str] = []
    done = 0
    for token in lexed.tokens:
        if token.kind is Kind.PARAMETER:
            number = int(lexed.of(token)[1:])
            if 1 <= number <= len(positions):
                pieces += [text[done : token.start], f"${positions[number - 1]}"]
                done = token.end
    return "".join(pieces) + text[done:]
