"""A connection to hold an advisory lock on."""

import psycopg
from django.db import connection


def lock_connection(whose: str) -> psycopg.Connection:
    """A connection that is nobody else's: it lives as long as the locks of its session are wanted.

    The server releases a session-level lock when this process dies, however it dies, and the lock survives the commits
    in between. Django's connection will not do: it may be closed and reopened after CONN_MAX_AGE or an error, and the
    lock would be gone unnoticed. Behind a pooler in transaction mode a session has no fixed server connection: point
    DATABASE_URL of the worker at PostgreSQL itself or at a session-mode pool.
    """
    params = connection.get_connection_params()
    wanted = {key: params[key] for key in ("dbname", "user", "password", "host", "port") if params.get(key)}
    options = {key: value for key, value in params.items() if key.startswith(("ssl", "connect_timeout", "service"))}
    return psycopg.connect(**wanted, **options, autocommit=True, application_name=f"clinic_crm {whose}")
