"""What a what-if tells as JSON."""

from __future__ import annotations

import msgspec

from pgadvisor.model.whatif_result import WhatIfResult


def render(result: WhatIfResult) -> bytes:
    """Indented JSON that ends with a line break; the same result gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(result, order="deterministic"), indent=2) + b"\n"
