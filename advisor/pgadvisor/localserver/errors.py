"""What goes wrong with a private server."""


class LocalServerError(Exception):
    """A private server cannot be had; the message says what happened and what to do."""
