"""Snapshots as files, two of them as an interval, several servers as one, and without anybody's data."""
