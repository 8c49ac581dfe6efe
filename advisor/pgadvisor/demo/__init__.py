"""A shop with problems on a private server, and the audit that finds them: ``make demo``."""

from pgadvisor.demo.show import run

__all__ = ["run"]
