"""The schema of a twin: what the snapshot's catalog says, made as commands of a role without rights."""
