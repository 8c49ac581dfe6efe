"""The report as one HTML page: no network, readable without JavaScript, safe with any text in it."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pgadvisor.model.index_advice import Goal
from pgadvisor.model.report import Report
from pgadvisor_reports import formatting, index_notes, index_words, verification_words, whatif_words, words
from pgadvisor_reports.index_view import index_pages
from pgadvisor_reports.page import MAX_ROWS, Page
from pgadvisor_reports.plan_tree import plan_table
from pgadvisor_reports.sql_highlight import highlight
from pgadvisor_reports.text import clip, visible

MAX_TEXT = 6_000
# Of the advice on indexes: statements before and after, those of them with plans, and indexes left for one reason.
MAX_EFFECTS = 30
MAX_PLANS = 5
MAX_LEFT = 100
MAX_EMBEDDED_BYTES = 400_000

_UNSAFE = re.compile("[<>&\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def render(report: Report) -> bytes:
    """The page as UTF-8; the same report gives the same bytes."""
    return _rendered(report)


def render_indexes(report: Report) -> bytes:
    """The same page with the advice on indexes before all else."""
    return _rendered(report, indexes_first=True)


def _rendered(report: Report, *, indexes_first: bool = False) -> bytes:
    page = Page(report)
    pages = index_pages(report, page.recommendations)
    advices = [each for each in pages if each.advice is not None]
    script = asset("page.js")
    data = _embedded(report)
    html = (
        environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            report=report,
            advices=advices,
            tried_on=next((each for each in pages if each.was_tried), (advices or pages)[0]),
            proved={row.action.key: (advice, row) for advice in advices for row in advice.rows},
            shown_statements=frozenset(view.anchor for view in page.statements),
            indexes_first=indexes_first,
            said=index_words,
            notes=index_notes.notes,
            of_plans=whatif_words,
            time_goal=Goal.TIME,
            max_effects=MAX_EFFECTS,
            max_plans=MAX_PLANS,
            max_left=MAX_LEFT,
            style=Markup(asset("page.css")),  # noqa: S704  our own
            script=Markup(script),  # noqa: S704  our own
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            data=data if len(data) <= MAX_EMBEDDED_BYTES else None,
            data_bytes=len(data),
            configuration=msgspec.json.format(msgspec.json.encode(report.configuration), indent=2).decode(),
        )
    )
    return html.encode(errors="replace")


def _embedded(report: Report) -> Markup:
    """The report as JSON that neither ends its block nor opens another, nor holds what an editor would act on."""
    text = msgspec.json.encode(report, order="deterministic").decode()
    return Markup(_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))  # noqa: S704  escaped here


@cache
def environment() -> Environment:
    """Where templates find what they need; strangers' text is escaped, made visible and kept to a length."""
    environment = Environment(
        loader=PackageLoader("pgadvisor_reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_fit,
    )
    environment.filters.update(
        {
            name: getattr(formatting, name)
            for name in ("count", "duration", "size", "fraction", "cost", "moment", "span", "significant", "grouped")
        }
    )
    environment.filters["sql"] = _sql
    environment.globals.update(
        evidence=formatting.evidence,
        impact=formatting.impact,
        rate=formatting.rate,
        window_length=formatting.window_length,
        plan_table=plan_table,
        words=words,
        tested=verification_words,
        max_rows=MAX_ROWS,
    )
    return environment


def _sql(text: str, fold: bool = False) -> Markup:
    return highlight(text[:MAX_TEXT], fold=fold) + clip(text, MAX_TEXT)[MAX_TEXT:]


def _fit(value: object) -> object:
    """Every expression of a template passes here: what comes from elsewhere is made visible and kept to a length."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(clip(value, MAX_TEXT))


@cache
def asset(name: str) -> str:
    """A style sheet or script that the pages carry."""
    return files("pgadvisor_reports").joinpath("assets", name).read_text(encoding="utf-8")
