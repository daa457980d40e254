"""Files as downloads."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from csp.constants import NONE
from django.http import FileResponse


class Download(FileResponse):
    """A stored file that a browser saves and never shows: whoever uploaded it chose its bytes.

    Read piece by piece by either kind of server; Django's own response would be read whole into
    memory under ASGI.
    """

    def __init__(self, file: Any, *, filename: str):
        super().__init__(
            file,
            as_attachment=True,
            filename=filename,
            content_type="application/octet-stream",
            headers={"X-Content-Type-Options": "nosniff"},
        )
        # Should a browser show it all the same, it runs nothing and knows nobody.
        self._csp_replace = {"default-src": [NONE], "sandbox": True}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        file: Any = self.file_to_stream
        while piece := await asyncio.to_thread(file.read, self.block_size):
            yield piece
