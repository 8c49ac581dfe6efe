"""What each text in a snapshot is, and so what redaction makes of it: every field of the model that can hold a text.

A field that is not listed here is refused, so that a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping

from pgadvisor.model import (
    activity,
    catalog,
    counters,
    coverage,
    objects,
    plans,
    server,
    snapshot,
    statements,
    statistics,
    whatif,
)
from pgadvisor.model.base import Model

# What the texts are. A name of users is marked by the kind of thing it names, after NAME.
KEPT = "kept"
NAME = "name:"
SQL = "sql"
SPECIAL = "special"
TYPE = "type"
PROSE = "prose"
APPLICATION = "application"
SETTINGS = "settings"

_SCHEMA, _RELATION, _COLUMN, _ROLE = NAME + "schema", NAME + "relation", NAME + "column", NAME + "role"
_DATABASE, _HOST = NAME + "database", NAME + "host"


def _fields(**treatments: str) -> dict[str, str]:
    """Treatments by field; a list of fields in one text, parted by blanks."""
    return {field: what for what, fields in treatments.items() for field in fields.split()}


def _kept(fields: str) -> dict[str, str]:
    return dict.fromkeys(fields.split(), KEPT)


TREATMENTS: Mapping[type[Model], Mapping[str, str]] = {
    snapshot.Snapshot: _kept("tool_version"),
    snapshot.Contents: _kept("holds"),
    snapshot.Host: {"name": _HOST},
    snapshot.Limits: {**_kept("execute"), "schemas": _SCHEMA, "exclude_schemas": _SCHEMA},
    snapshot.Change: {**_kept("new vanished"), "notes": PROSE},
    server.Server: {
        **_kept("version system_identifier encoding collation service locale_provider ctype locale"),
        "database": _DATABASE,
        "role": _ROLE,
        "memberships": _ROLE,
        "search_path": _SCHEMA,
        "host": _HOST,
        "address": _HOST,
    },
    server.Setting: {**_kept("name unit source default"), "value": SPECIAL},
    server.SettingOverride: {"database": _DATABASE, "role": _ROLE, "name": KEPT, "value": SPECIAL},
    server.Extension: {**_kept("name version"), "schema": _SCHEMA},
    catalog.Relation: {
        **_kept("persistence partition_strategy options replica_identity access_method toast_options"),
        "schema": _SCHEMA,
        "name": _RELATION,
        "owner": _ROLE,
        "partition_columns": _COLUMN,
        "tablespace": NAME + "tablespace",
        "definition": SQL,
        "partition_key": SQL,
        "partition_bound": SQL,
        "foreign_server": NAME + "server",
    },
    catalog.Column: {
        **_kept("type_category options identity generated alignment storage compression"),
        "name": _COLUMN,
        "type": TYPE,
        "type_name": SPECIAL,
        "collation": PROSE,
        "default": SQL,
    },
    catalog.IndexKey: {
        **_kept("operator_class_options"),
        "column": _COLUMN,
        "expression": SQL,
        "operator_class": PROSE,
        "collation": PROSE,
    },
    catalog.IndexDefinition: {
        **_kept("access_method options"),
        "schema": _SCHEMA,
        "table": _RELATION,
        "include": _COLUMN,
        "predicate": SQL,
        "tablespace": NAME + "tablespace",
    },
    catalog.Index: {"schema": _SCHEMA, "name": NAME + "index"},
    catalog.Constraint: {
        **_kept("on_delete on_update match_type"),
        "name": NAME + "constraint",
        "columns": _COLUMN,
        "referenced_columns": _COLUMN,
        "definition": SQL,
    },
    objects.Schema: {"name": _SCHEMA, "owner": _ROLE},
    objects.TypeAttribute: {"name": _COLUMN, "type": TYPE, "collation": PROSE},
    objects.UserType: {
        "schema": _SCHEMA,
        "name": NAME + "type",
        "owner": _ROLE,
        "labels": NAME + "label",
        "base_type": TYPE,
        "default": SQL,
        "checks": SQL,
        "subtype": TYPE,
        "collation": PROSE,
    },
    objects.Function: {
        **_kept("kind language volatility parallel"),
        "schema": _SCHEMA,
        "name": NAME + "function",
        "owner": _ROLE,
        "arguments": SQL,
        "result": SQL,
        "configuration": SETTINGS,
        "definition": SPECIAL,
    },
    # An operator's name is of signs alone.
    objects.Operator: {
        **_kept("name restrict_estimator join_estimator"),
        "schema": _SCHEMA,
        "left_type": TYPE,
        "right_type": TYPE,
    },
    objects.RewriteRule: {**_kept("event enabled"), "name": NAME + "rule"},
    objects.Trigger: {
        **_kept("enabled timing events"),
        "name": NAME + "trigger",
        "columns": _COLUMN,
        "definition": SQL,
    },
    objects.Sequence: {
        **_kept("type"),
        "schema": _SCHEMA,
        "name": NAME + "sequence",
        "owner_column": _COLUMN,
    },
    objects.Policy: {**_kept("command"), "name": NAME + "policy", "roles": _ROLE, "using": SQL, "check": SQL},
    objects.ExtendedStatistics: {
        **_kept("kinds n_distinct dependencies most_common_value_nulls most_common_frequencies"),
        **_kept("most_common_base_frequencies"),
        "schema": _SCHEMA,
        "name": NAME + "statistics",
        "columns": _COLUMN,
        "expressions": SQL,
        "most_common_values": SPECIAL,
        "expression_statistics": SPECIAL,
    },
    objects.Collation: {
        **_kept("provider collate ctype locale"),
        "schema": _SCHEMA,
        "name": NAME + "collation",
    },
    objects.Tablespace: {**_kept("options"), "name": NAME + "tablespace"},
    objects.Publication: {"name": NAME + "publication", "schemas": _SCHEMA},
    statistics.PgStats: _fields(
        special="column most_common_vals histogram most_common_elems range_length_histogram range_bounds_histogram",
        kept="most_common_freqs most_common_elem_freqs elem_count_histogram",
    ),
    counters.ViewRow: _kept("view key values"),
    counters.Window: _kept("source"),
    activity.SessionState: {
        **_kept("backend_type state wait_event_type wait_event query_id"),
        "database": _DATABASE,
        "role": _ROLE,
        "application": APPLICATION,
    },
    activity.PreparedTransaction: {"database": _DATABASE, "owner": _ROLE},
    activity.StandbyState: {**_kept("state sync_state"), "application": APPLICATION, "address": _HOST},
    activity.ReplicationSlot: {
        **_kept("kind plugin wal_status"),
        "name": NAME + "slot",
        "database": _DATABASE,
    },
    activity.Replication: {"upstream": _HOST, "subscriptions": NAME + "publication"},
    activity.RunningCommand: {**_kept("command phase"), "database": _DATABASE},
    statements.StatementRow: _kept("query_id"),
    statements.StatementText: {**_kept("query_id reason also"), "text": SQL},
    statements.StatementSource: {"name": PROSE},
    statements.ParameterSample: {**_kept("query_id source"), "values": SPECIAL},
    statements.StatementRole: {"name": _ROLE, "member_of": _ROLE},
    statements.Statements: _kept("extension_version"),
    plans.ObservedPlan: {**_kept("query_id planner"), "plan": SPECIAL, "role": _ROLE, "role_missed": _ROLE},
    plans.ParameterValue: {"type": TYPE, "value": SPECIAL, "source": PROSE},
    whatif.PlannerIdentity: _kept("version server_version"),
    whatif.IndexName: {"schema": _SCHEMA, "name": NAME + "index"},
    whatif.Configuration: {"settings": SPECIAL},
    whatif.WhatIfAnswer: {**_kept("query_id"), "role": _ROLE, "values": SPECIAL, "plan": SPECIAL, "refusal": SPECIAL},
    whatif.Shortfall: {**_kept("events query_ids"), "what": PROSE, "reason": PROSE, "names": NAME + "function"},
    coverage.Gap: {"scope": PROSE, "reason": SPECIAL, "remedy": PROSE},
    coverage.Footprint: {"scans_added": SPECIAL},
}
