from __future__ import annotations

import json
from collections.abc import Callable

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from pgadvisor.cli.schema import schema as schema_command
from pgadvisor.model.report import Report
from pgadvisor_reports.json import published_schema, render, schema, schema_bytes
from support.hostile_reports import hostile_report
from support.reports import healthy_report, large_report, partial_report, sample_report


@pytest.mark.parametrize("make", [sample_report, healthy_report, partial_report, large_report, hostile_report])
def test_reports_validate_and_come_back_the_same(make: Callable[[], Report]) -> None:
    report = make()
    content = render(report)
    jsonschema.Draft202012Validator(schema()).validate(json.loads(content))
    assert msgspec.json.decode(content, type=Report) == report
    assert content.endswith(b"}\n")
    assert render(make()) == content


def test_the_schema_refuses_what_is_not_a_report() -> None:
    data = json.loads(render(sample_report()))
    data["findings"][0]["severity"] = "fatal"
    with pytest.raises(jsonschema.ValidationError, match="fatal"):
        jsonschema.validate(data, schema())


def test_published_schema_is_up_to_date() -> None:
    assert published_schema() == schema_bytes(), "pgadvisor schema > reports/pgadvisor_reports/report.schema.json"


def test_the_command_prints_the_published_schema() -> None:
    assert CliRunner().invoke(schema_command).output_bytes == schema_bytes()
