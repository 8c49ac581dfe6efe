"""PostgreSQL's logs as a source of statements."""
