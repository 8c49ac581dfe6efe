"""Which managed service a server belongs to, told by names that only that service has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A managed service and its signs, any one of which gives it away: kind and name, as service_signs.sql has them."""

    name: str
    signs: frozenset[tuple[str, str]]


def _signs(**names: str) -> frozenset[tuple[str, str]]:
    return frozenset((kind, name) for kind, listed in names.items() for name in listed.split())


# In this order: Aurora has what RDS has, AlloyDB may have what Cloud SQL has.
# The roles and databases of the queries' fragments _service_roles and _service_databases are from the same pages.
SERVICES = (
    # https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Updates.html (aurora_version())
    Service("Amazon Aurora", _signs(function="aurora_version")),
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html
    Service("Amazon RDS", _signs(role="rds_superuser rdsadmin", database="rdsadmin", setting="rds.extensions")),
    # https://cloud.google.com/alloydb/omni/docs/database-users/overview
    Service("Google AlloyDB", _signs(role="alloydbsuperuser alloydbadmin", database="alloydbadmin")),
    # https://cloud.google.com/sql/docs/postgres/users
    Service("Google Cloud SQL", _signs(role="cloudsqlsuperuser cloudsqladmin", database="cloudsqladmin")),
    # https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-servers
    Service(
        "Azure Database",
        _signs(
            role="azure_pg_admin azuresu",
            database="azure_maintenance azure_sys",
            extension="azure",
            setting="azure.extensions",
        ),
    ),
    # https://supabase.com/docs/guides/database/postgres/roles
    Service("Supabase", _signs(role="supabase_admin supabase_auth_admin supabase_storage_admin")),
    # https://neon.com/docs/manage/roles
    Service("Neon", _signs(role="neon_superuser", extension="neon", setting="neon.tenant_id neon.timeline_id")),
    # https://docs.digitalocean.com/products/databases/postgresql/how-to/manage-users-and-databases/
    Service("DigitalOcean", _signs(role="doadmin")),
    # https://aiven.io/docs/products/postgresql/concepts/dba-tasks-pg
    Service("Aiven", _signs(role="avnadmin", extension="aiven_extras")),
)

# What is asked for: one query tells which of these there are.
SIGN_NAMES = tuple(sorted({name for service in SERVICES for _, name in service.signs}))


def service_of(signs: Iterable[tuple[str, str]]) -> str | None:
    """The service that has one of these names; None where nothing gives one away."""
    found = frozenset(signs)
    return next((service.name for service in SERVICES if service.signs & found), None)
