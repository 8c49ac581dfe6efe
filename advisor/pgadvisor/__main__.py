"""The command's entry: ``pgadvisor`` and ``python -m pgadvisor``."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Runs the command line; exits with the documented codes, on Ctrl-C at whatever moment with 130."""
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run() -> int:
    import click

    from pgadvisor.cli import cli

    try:
        code = cli.main(prog_name="pgadvisor", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
