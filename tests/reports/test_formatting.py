from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pgadvisor.model.counters import Window
from pgadvisor.model.findings import Evidence, Unit
from pgadvisor.model.report import Rate, RateUnit, ReportImpact
from pgadvisor_reports import formatting
from pgadvisor_reports.formatting import GROUP, grouped
from pgadvisor_reports.text import one_line
from support.reports import NOW


@pytest.mark.parametrize(
    ("value", "shown", "full"),
    [
        (0.0, "0 ms", "0 ms"),
        (0.0000001, "< 0.001 ms", "0 ms"),
        (0.1234, "0.123 ms", "0.123 ms"),
        (999.0, "999 ms", "999 ms"),
        (1_500.0, "1.5 s", "1_500 ms"),
        (90_000.0, "1.5 min", "90_000 ms"),
        (5_400_000.0, "1.5 h", "5_400_000 ms"),
        (4 * 86_400_000.0, "4 days", "345_600_000 ms"),
        (None, "unknown", "unknown"),
        (float("nan"), "unknown", "unknown"),
        (float("inf"), "unknown", "unknown"),
    ],
)
def test_durations(value: float | None, shown: str, full: str) -> None:
    assert formatting.duration(value) == (shown, full.replace("_", GROUP))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 bytes"), (1023, f"1{GROUP}023 bytes"), (1024, "1 kB"), (37_748_736, "36 MB"), (5 * 2**50, "5 PB")],
)
def test_sizes(value: int, shown: str) -> None:
    assert formatting.size(value).text == shown


@pytest.mark.parametrize(
    ("value", "shown", "full"),
    [
        (12_345, "12_345", "12_345"),
        (1_204_331, "1.2 million", "1_204_331"),
        (3e9, "3 billion", "3_000_000_000"),
        (0.5, "0.5", "0.5"),
        (9223372036854775807, "9_223_372 trillion", "9_223_372_036_854_775_807"),
    ],
)
def test_counts(value: float, shown: str, full: str) -> None:
    assert formatting.count(value).text == shown.replace("_", GROUP)
    if value < 2**53:
        assert formatting.count(value).full == full.replace("_", GROUP)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0%"), (0.0001, "< 0.1%"), (0.412, "41.2%"), (0.9999, "100%"), (1.0, "100%"), (0.54, "54%")],
)
def test_fractions(value: float, shown: str) -> None:
    assert formatting.fraction(value).text == shown


def test_moments_are_told_in_utc() -> None:
    local = datetime(2026, 3, 14, 9, 26, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert formatting.moment(local).text == "2026-03-14 03:56 UTC"
    assert formatting.moment(datetime(2026, 3, 14, 9, 26, tzinfo=UTC)).full == "2026-03-14T09:26:00+00:00"
    assert formatting.moment(None).text == "unknown"


@pytest.mark.parametrize(
    ("per", "since", "shown"),
    [
        (RateUnit.PER_DAY, timedelta(days=7), "2 s per day"),
        (RateUnit.PER_HOUR, timedelta(hours=7), "2 s per hour"),
        (RateUnit.TOTAL, timedelta(minutes=7), "2 s in 7 min"),
        (RateUnit.TOTAL, None, "2 s since an unknown time"),
    ],
)
def test_rates_name_the_time_they_are_over(per: RateUnit, since: timedelta | None, shown: str) -> None:
    window = Window(since=None if since is None else NOW - since, until=NOW, source="reset")
    assert formatting.rate(Rate(total=14_000.0, value=2_000.0, per=per), window).text == shown


@pytest.mark.parametrize(
    ("per", "shown", "full"),
    [
        (RateUnit.PER_DAY, "at most 2.5 million writes per day", "20 000 000 writes in 8 days or more"),
        (RateUnit.TOTAL, "2.5 million writes in 8 days or more", "20 000 000 writes in 8 days or more"),
    ],
)
def test_what_was_counted_for_longer_than_is_known_is_at_most_so_much(per: RateUnit, shown: str, full: str) -> None:
    window = Window(since=NOW - timedelta(days=8), until=NOW, source="server start")
    counted = Rate(total=20_000_000.0, value=2_500_000.0, per=per, at_most=True)
    told = formatting.count_rate(counted, "writes", window)
    assert (told.text, told.full.replace(formatting.GROUP, " ")) == (shown, full)
    assert formatting.count_rate(counted, "writes", window, True).full.endswith("in all, over the hosts' windows")


def test_a_total_of_several_servers_is_over_no_one_window() -> None:
    window = Window(since=NOW - timedelta(seconds=43), until=NOW, source="reset")
    total = Rate(total=6_780.0, value=6_780.0, per=RateUnit.TOTAL)
    over = "in all, over the hosts' windows"
    assert formatting.rate(total, window, True) == (f"6.78 s {over}", f"6\N{NARROW NO-BREAK SPACE}780 ms {over}")
    assert formatting.rate(Rate(total=7.0, value=1.0, per=RateUnit.PER_DAY), window, True).text == "1 ms per day"
    impact = formatting.impact(ReportImpact(time=total, writes=total), window, window, True)
    assert [figure.text for figure in impact] == [f"6.78 s {over}", f"6\N{NARROW NO-BREAK SPACE}780 writes {over}"]


def test_evidence_by_unit() -> None:
    def shown(value: float | int | str | None, unit: Unit) -> str:
        return formatting.evidence(Evidence(label="x", value=value, unit=unit)).text

    assert shown(1, Unit.ROWS) == "1 row"
    assert shown(2.0, Unit.ROWS) == "2 rows"
    assert shown(2048, Unit.BYTES) == "2 kB"
    assert shown(0.5, Unit.SECONDS) == "500 ms"
    assert shown(7_200.0, Unit.SECONDS) == "2 h"
    assert shown(0.25, Unit.FRACTION) == "25%"
    assert shown(12.5, Unit.COST) == "12.50"
    assert shown(7, Unit.COUNT) == "7"
    assert shown("…", Unit.ROWS) == "…"
    assert shown(None, Unit.BYTES) == "unknown"


def test_an_impact_without_figures_is_empty() -> None:
    nought = Rate(total=0.0, value=0.0, per=RateUnit.TOTAL)
    assert formatting.impact(ReportImpact(), None, None) == []
    assert formatting.impact(ReportImpact(time=nought, bytes=0, writes=nought), None, None) == []


def test_digits_of_a_number_stay_together_on_one_line() -> None:
    assert one_line(f"  {grouped(1234567)}\n rows{GROUP}of   it ") == f"1{GROUP}234{GROUP}567 rows of it"
