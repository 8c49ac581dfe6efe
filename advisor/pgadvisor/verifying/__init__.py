"""Advice on indexes tried on a copy of a database: the only thing in the project that ever writes."""
