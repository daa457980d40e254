from typing import Any

from django.utils.cache import patch_cache_control


class NotStored:
    """Of a view whose answers are for the caller alone: no cache keeps them."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        patch_cache_control(response, no_store=True, private=True)
        return response
