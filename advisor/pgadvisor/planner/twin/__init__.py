"""The twin: a private server whose planner sees what the audited server's sees, built from a snapshot alone."""
