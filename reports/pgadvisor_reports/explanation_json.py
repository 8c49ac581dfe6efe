"""An explanation as JSON."""

from __future__ import annotations

import msgspec

from pgadvisor.model.explanation import Explanation


def render(explanation: Explanation) -> bytes:
    """Indented JSON that ends with a line break; the same explanation gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(explanation, order="deterministic"), indent=2) + b"\n"
