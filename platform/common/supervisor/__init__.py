"""Run processes, restart what dies, and leave none behind, however this process ends.

`Process` says what to run; `Supervisor` runs it.
"""

from common.supervisor.process import Account, Process
from common.supervisor.supervisor import Failed, Stopped, Supervisor

__all__ = ["Account", "Failed", "Process", "Stopped", "Supervisor"]
