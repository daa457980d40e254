"""Whose document is read next: organizations take turns, however many each has waiting.

This is start-time fair queueing (Goyal, Vin and Cheng, 1996). The n-th job that an organization has
waiting is for the n-th round from now, and a job's priority is its round, counted down from 0. So a
single upload waits for one document of each organization at most, and a steady stream of single
uploads does not keep the many of another from their turn either. What is taken up again after a
crash keeps its round, which is past, and comes first.
"""

from uuid import UUID

from django.db import connection

# Both are answered by an index, at a cost that does not grow with what waits. More than 0 have jobs
# that keep the queue itself going.
_NEXT_PRIORITY = """
SELECT coalesce(least(
    (SELECT priority FROM procrastinate_jobs
     WHERE status = 'todo' AND queue_name = %(queue)s AND priority <= 0
     ORDER BY priority DESC, id LIMIT 1),
    (SELECT min(priority) FROM procrastinate_jobs
     WHERE status = 'todo' AND queue_name = %(queue)s
       AND args ->> 'organization_id' = %(organization)s) - 1
), 0)
"""


def next_priority(queue: str, organization_id: UUID) -> int:
    """The priority of the job that an organization queues next: in the round that is on now, or
    after the last one that it has waiting."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_PRIORITY, {"queue": queue, "organization": str(organization_id)})
        return cursor.fetchone()[0]
