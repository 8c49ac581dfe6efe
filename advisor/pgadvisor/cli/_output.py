"""Files that reports go to: checked before the server is asked anything, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgadvisor.cli._errors import Failure
from pgadvisor.gate import ExitCode
from pgadvisor.registry import load_renderer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from pgadvisor.model.report import Report

STDOUT = Path("-")


def coloured() -> bool:
    """Whether standard output is a terminal that takes colours and whose user does (https://no-color.org)."""
    # None where it was closed before we came.
    return (
        sys.stdout is not None
        and sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )


def tell(text: str) -> None:
    """Says something on standard output, as it is. Raises Failure where that is closed or its file has no room."""
    with _to_stdout():
        click.echo(text, nl=False)


@contextlib.contextmanager
def _to_stdout() -> Iterator[TextIO]:
    """Standard output, all of which is where it belongs afterwards. A pipe that nobody reads is not our failure."""
    if sys.stdout is None:
        raise Failure("Cannot write to standard output: it is closed. Name a file.", ExitCode.CANNOT_WRITE)
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would try once more to write it when it closes it.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Failure(f"Cannot write to standard output: {error.strerror}.", ExitCode.CANNOT_WRITE) from error


def refuse_overwriting(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Raises Failure where a file that is to be written is one that is read, or is to be written twice.

    It is the same file by whatever name or link. Pipes and devices keep nothing that could be lost. What is read may be
    a connection string, which os.path.exists takes for no file however long it is.
    """
    files = [path for path in outputs if path != STDOUT and (path.is_file() or not path.exists())]
    for number, path in enumerate(files):
        if any(each != STDOUT and _is_same(path, each) for each in inputs if os.path.exists(each)):  # noqa: PTH110
            raise Failure(
                f"{path} is what is read, and would be overwritten. Name another file to write to.", ExitCode.USAGE
            )
        if any(_is_same(path, each) for each in files[:number]):
            raise Failure(
                f"{path} is named for two things that are written, and would keep one. Name two files.", ExitCode.USAGE
            )


def _is_same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)


def check_writable(path: Path) -> None:
    """Fails now rather than after the work where a file cannot be written."""
    if path == STDOUT:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a directory")
        if path.exists() and not path.is_file():
            # A pipe or a device; it is not replaced.
            if not os.access(path, os.W_OK):
                raise PermissionError(0, "you may not write to it")
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise cannot_write(path, error) from error


def write(report: Report, renderer: str, path: Path) -> None:
    """Renders and writes one report."""
    write_bytes(load_renderer(renderer)(report), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Writes a file; one that was there is replaced only by a complete one, but a pipe or a device is written to."""
    if path == STDOUT:
        with _to_stdout() as stdout:
            stdout.buffer.write(content)
        return
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".{target.name}.{os.getpid()}"
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)
            return
        temporary.write_bytes(content)
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> Failure:
    """What is said of a file that cannot be written."""
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    remedy = "Make room, or name a file elsewhere" if is_full else "Name a file in a folder you may write to"
    return Failure(f"Cannot write {path}: {error.strerror}. {remedy}.", ExitCode.CANNOT_WRITE)
