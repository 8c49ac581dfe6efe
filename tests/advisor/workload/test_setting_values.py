"""Values of settings are shown as the server shows them."""

from __future__ import annotations

import psycopg
import pytest

from pgadvisor.model.server import Setting
from pgadvisor.workload.setting_values import shown_value
from support.databases import Database


@pytest.mark.server
def test_values_are_shown_as_show_gives_them(database: Database) -> None:
    for name, values in (
        ("work_mem", ("64", "4096", "64MB", "1.5MB", "65536kB", "1024", "2GB", "lots", "1 GB", "1e3", "64 mb")),
        ("effective_cache_size", ("1", "524288", "4GB", "100kB", "3")),
        ("min_parallel_table_scan_size", ("0", "1024")),
        ("statement_timeout", ("0", "90000", "1.5h", "250", "2d")),
        ("random_page_cost", ("1.1", "4")),
        ("enable_sort", ("off",)),
    ):
        ((value, unit),) = database.execute("SELECT setting, unit FROM pg_settings WHERE name = %s", (name,))
        setting = Setting(name=name, value=value, unit=unit, source="", default=None)
        ((shown,),) = database.execute("SELECT current_setting(%s)", (name,))
        assert shown_value(setting, value) == shown
        for each in values:
            try:
                ((shown,),) = database.execute("SELECT set_config(%s, %s, true)", (name, each))
            except psycopg.errors.InvalidParameterValue:
                shown = each
            assert shown_value(setting, each) == shown
    assert shown_value(None, "42") == "42"
