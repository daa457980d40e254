from config.tests.attempts.fixtures import _django_db_helper, scene

__all__ = ["_django_db_helper", "scene"]
