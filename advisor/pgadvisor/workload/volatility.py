"""Functions of PostgreSQL whose value changes from row to row."""

from __future__ import annotations

from pgadvisor.workload.words import words

VOLATILE = words("random random_normal clock_timestamp timeofday nextval gen_random_uuid uuidv4 uuidv7")
