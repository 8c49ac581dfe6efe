"""An explanation as one HTML page, made as the report's is."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from pgadvisor.model.explanation import Explanation
from pgadvisor_reports import explanation_words
from pgadvisor_reports.html import asset, environment
from pgadvisor_reports.page import group_gaps


def render(explanation: Explanation) -> bytes:
    """The page as UTF-8; the same explanation gives the same bytes."""
    script = asset("page.js")
    html = (
        environment()
        .get_template("explanation.html.j2")
        .render(
            explanation=explanation,
            title=explanation_words.title(explanation),
            said=explanation_words,
            dearest=max((side.total_cost or 0.0 for side in explanation.plans), default=0.0),
            gap_groups=group_gaps(explanation.gaps),
            style=Markup(asset("page.css")),  # noqa: S704  our own
            script=Markup(script),  # noqa: S704  our own
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    return html.encode(errors="replace")
