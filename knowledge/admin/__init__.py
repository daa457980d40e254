"""Documents in the admin: kept, uploaded many at once, and searched as somebody would."""

from knowledge.admin.documents import DocumentAdmin

__all__ = ["DocumentAdmin"]
