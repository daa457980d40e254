"""The folder `platform` must stay what it is: no package, and nobody's module of that name."""

import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

from common.home import ROOT

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def test_the_module_platform_is_the_standard_librarys():
    assert Path(platform.__file__).parent == STANDARD_LIBRARY


def test_the_module_platform_is_the_standard_librarys_under_manage_py():
    command = [
        sys.executable,
        "manage.py",
        "shell",
        "--no-imports",
        "-c",
        "import platform as p; print(p.__file__)",
    ]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert Path(said.stdout.strip()).parent == STANDARD_LIBRARY


def test_no_module_lies_directly_in_the_folder_platform():
    assert list((ROOT / "platform").glob("*.py")) == []


def test_make_lists_its_targets():
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "install", "test", "test-long", "test-browser", "check", "lock", "clean"):
        assert f"  make {target} " in said
