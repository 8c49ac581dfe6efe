"""The types that are stored and sent: one subject, one module each."""
