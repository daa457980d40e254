"""Settings, URLs and the ASGI entry. `platform/` is a plain folder, so the root may be missing."""

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])

if _ROOT not in sys.path:
    sys.path.append(_ROOT)
