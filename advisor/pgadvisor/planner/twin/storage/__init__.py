"""The files of a twin: hollow ones of the right length, with the few pages in them that the planner reads."""
