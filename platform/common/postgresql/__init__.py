"""Django's PostgreSQL backend, less what does not hold for keys that start with a tenant."""
