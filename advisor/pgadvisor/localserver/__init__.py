"""A private PostgreSQL: made in a folder of its own, gone without a trace when it is no longer needed."""

from pgadvisor.localserver.binaries import Binaries, find_binaries, newest_binaries
from pgadvisor.localserver.container import container_binaries
from pgadvisor.localserver.errors import LocalServerError
from pgadvisor.localserver.folder import reusable_folder
from pgadvisor.localserver.server import LocalServer
from pgadvisor.localserver.template import Template

__all__ = [
    "Binaries",
    "LocalServer",
    "LocalServerError",
    "Template",
    "container_binaries",
    "find_binaries",
    "newest_binaries",
    "reusable_folder",
]
