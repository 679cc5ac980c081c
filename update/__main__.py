"""Start the program: `python3 <template>/update --clone <clone of the template> [arguments]`."""

import sys
from pathlib import Path

# Python looks for modules in this folder; the package is in the folder above.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from update.command import main

sys.exit(main(sys.argv[1:]))
