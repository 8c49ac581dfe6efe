"""What the telling of indexes works with."""

from __future__ import annotations

from pgadvisor.model.index_advice import FOREIGN_KEY_CHECK
from pgadvisor_reports.index_view import index_pages
from support.index_reports import index_report


def test_the_check_of_a_foreign_key_is_told_as_the_servers_own() -> None:
    (page,) = index_pages(index_report(), ())
    said = page.text_of(f"{FOREIGN_KEY_CHECK}public.order_items.order_items_product_id_fkey")
    assert said == "the server's own check of the key; its time is estimated"
    assert page.text_of("12345") == "12345"
