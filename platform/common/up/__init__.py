"""The steps of `manage.py up`: what must hold first, the database, the processes."""
