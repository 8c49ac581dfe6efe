"""A private PostgreSQL: made in a folder of its own, gone without a trace when it is no longer needed."""

from pgadvisor.localserver.binaries import Binaries, find_binaries
from pgadvisor.localserver.errors import LocalServerError
from pgadvisor.localserver.folder import reusable_folder
from pgadvisor.localserver.server import LocalServer

__all__ = ["Binaries", "LocalServer", "LocalServerError", "find_binaries", "reusable_folder"]
