"""How search does at size: recall and time by organization, against exact, a peer, and no policy.

    python benchmarks/search_at_size.py CRANFIELD [--chunks 60000] [--organizations 1000]

CRANFIELD holds `cran.all.1400` and `cran.qry`. In a PostgreSQL of its own, thrown away afterwards,
as the application's login under row level security; a query's time includes its transaction and
naming the organization. What is compared is asked in turns, and a ratio is the median of the ratios
of the turns: other work on the machine slows both.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

SEED = 4
AT_MOST = 100_000  # chunks of the largest organization


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cranfield", type=Path)
    parser.add_argument("--chunks", type=int, default=60_000)
    parser.add_argument("--organizations", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chancery-benchmark-") as directory:
        home = Path(directory)
        home.chmod(0o711)
        os.environ["CHANCERY_HOME"] = directory
        os.environ.pop("DATABASE_URL", None)

        from common import embedded

        with embedded.running(home, durable=False):
            run(options)


def run(options) -> None:
    import django

    django.setup()

    from benchmarks.at_size import report, setup

    began = time.perf_counter()
    world = setup.make(options)
    print(f"loaded in {time.perf_counter() - began:.0f} s", flush=True)
    report.print_all(world, rounds=options.rounds)


if __name__ == "__main__":
    main()
