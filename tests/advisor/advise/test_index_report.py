"""What of a report bears on indexes, and what of it is left out."""

from __future__ import annotations

import msgspec

from pgadvisor.advise.index_report import about_indexes
from pgadvisor.model.base import Severity
from pgadvisor.model.findings import OutcomeStatus
from pgadvisor.model.proposals import AnalyzeTable
from support.index_reports import index_report, several_databases_report


def test_what_is_recommended_of_indexes_stays_as_it_is_and_the_rest_goes() -> None:
    whole = index_report()
    other = msgspec.structs.replace(
        whole.recommendations[0],
        key="analyze",
        proposal=AnalyzeTable(schema="public", table="events"),
        findings=(whole.findings[4].key,),
    )
    whole = msgspec.structs.replace(
        whole,
        recommendations=(other, *whole.recommendations),
        action_plan=("analyze", *whole.action_plan),
        findings=tuple(
            msgspec.structs.replace(each, recommendations=(*each.recommendations, "analyze")) for each in whole.findings
        ),
    )
    report = about_indexes(whole)
    assert report.recommendations == whole.recommendations[1:]
    assert report.action_plan == whole.action_plan[1:]
    assert report.index_advice == whole.index_advice
    assert report.trust == whole.trust
    # Stale statistics, a table without a key, and what no recommendation is for, are another command's.
    assert [each.rule for each in report.findings] == [
        "invalid_index",
        "sequential_scan_with_filter",
        "unindexed_foreign_key",
        "duplicate_index",
    ]
    assert [each.rank for each in report.findings] == [1, 2, 3, 4]
    assert report.severity_counts == {Severity.CRITICAL: 1, Severity.WARNING: 3, Severity.INFO: 0}
    keys = {each.key for each in report.findings}
    assert all(set(each.related) <= keys and "analyze" not in each.recommendations for each in report.findings)
    assert all(set(each.findings) <= keys for each in report.statements)
    # What could not look is not taken for clean.
    statuses = {each.rule: each.status for each in report.outcomes}
    assert statuses["unused_index"] is OutcomeStatus.NOT_CHECKED
    assert "stale_statistics" not in statuses
    assert {each.rule for each in report.rules} == statuses.keys()


def test_findings_that_the_advice_left_without_a_recommendation_are_told() -> None:
    whole = index_report()
    advice = whole.index_advice
    assert advice is not None
    finding = whole.findings[6]
    left = msgspec.structs.replace(advice.left[0], findings=(finding.key,))
    whole = msgspec.structs.replace(whole, index_advice=msgspec.structs.replace(advice, left=(left,)))
    assert finding.key in {each.key for each in about_indexes(whole).findings}


def test_of_several_databases_each_keeps_its_advice() -> None:
    whole = several_databases_report()
    assert about_indexes(whole).index_advice_by_database == whole.index_advice_by_database
