"""Schemas of a search_path that are in no catalog are names of users all the same."""

from __future__ import annotations

import msgspec

from pgadvisor.model.server import Setting, SettingOverride
from pgadvisor.snapshots.redaction import redacted
from support.snapshots import snapshot


def test_schemas_that_are_in_the_path_alone() -> None:
    path = '"$user", public, CANARY_bare, "CANARY ""quoted"'
    made = snapshot(
        {
            "tables": {"public.t": {"rows": 5, "columns": ["id bigint"]}},
            "statements": [
                {"id": "1", "text": "select 1", "plans": [{"tree": "Seq Scan on public.t cost=5 rows=1"}]},
            ],
        }
    )
    replace, (plan,) = msgspec.structs.replace, made.plans
    server = replace(
        made.server,
        settings=(Setting(name="search_path", value=path, unit=None, source="database", default=None),),
        overrides=(SettingOverride(database=None, role="r", name="search_path", value=path),),
    )
    made = replace(made, server=server, plans=(replace(plan, plan={**plan.plan, "Settings": {"search_path": path}}),))
    found = redacted(made, names=True)
    assert "CANARY" not in msgspec.json.encode(found).decode()
    value = found.server.settings[0].value
    assert value.startswith('"$user", public, ')
    assert value.count(",") == 3
    assert {found.server.overrides[0].value, found.plans[0].plan["Settings"]["search_path"]} == {value}
    assert redacted(made).server.settings[0].value == path
