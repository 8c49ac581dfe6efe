"""What a what-if tells as one HTML page, made as the report's is."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from pgadvisor.model.effects import Effect
from pgadvisor.model.whatif_result import WhatIfResult
from pgadvisor_reports import whatif_words
from pgadvisor_reports.html import asset, environment
from pgadvisor_reports.page import group_gaps

MAX_STATEMENTS = 200


def render(result: WhatIfResult) -> bytes:
    """The page as UTF-8; the same result gives the same bytes."""
    script = asset("page.js")
    work = result.workload
    after = work.estimated
    html = (
        environment()
        .get_template("whatif.html.j2")
        .render(
            result=result,
            title=whatif_words.title(result),
            said=whatif_words,
            losers=whatif_words.having(result, Effect.LOSES),
            gainers=whatif_words.having(result, Effect.GAINS),
            replanned=whatif_words.having(result, Effect.OTHER_PLAN),
            max_statements=MAX_STATEMENTS,
            dearest=max(work.cost_before, work.cost_after),
            longest=max([work.total_ms, *([after.low_ms, after.high_ms or 0.0] if after is not None else [])]),
            gap_groups=group_gaps(result.gaps),
            style=Markup(asset("page.css")),  # noqa: S704  our own
            script=Markup(script),  # noqa: S704  our own
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    return html.encode(errors="replace")
