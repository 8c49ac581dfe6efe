"""The telling: one renderer per format. A renderer decides nothing; all it shows stands in the report."""
