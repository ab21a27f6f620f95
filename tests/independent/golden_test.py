#!/usr/bin/env python3
"""golden_test.py ARCHIVE MODEL   the second implementation decodes an archive that is kept for ever; the hashes in it must agree."""
import os
import sys
import tempfile

from reference_archive import decode
from reference_model import Model

if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        decode(sys.argv[1], Model(sys.argv[2]), os.path.join(folder, 'out'))
