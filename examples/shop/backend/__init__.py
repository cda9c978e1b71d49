"""Django's PostgreSQL backend with one span more: the wait for a connection of the pool."""
