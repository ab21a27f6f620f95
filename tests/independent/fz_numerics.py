#!/usr/bin/env python3
"""A second implementation of what an archive means, written from docs/numerics.md, docs/model-format.md and docs/format.md alone.

  fz_numerics.py golden MODEL.fzm [EXPECTED_A EXPECTED_B]   hashes of the frequency tables of three fixed chunks
  fz_numerics.py decode ARCHIVE MODEL.fzm|none OUT          write the corpus stream of an archive to OUT

Exit code 77: NumPy is not installed.
"""
import sys

from reference_archive import decode
from reference_model import Chunk, Model, check, frequencies, sha256


def golden(model, expected):
    """Prints digest A, over the tables of the chunks 1 and 2, and digest B, over those of all chunks."""
    state, digests = 1, []
    for length in (512, 40, 1):
        chunk = []
        for _ in range(length):
            state = (state * 1664525 + 1013904223) % 2 ** 32
            chunk.append((state >> 8) % model.vocabulary)
        tables = frequencies(Chunk(model).logits([model.begin] + chunk[:-1]))
        digests.append(b''.join(sha256(table.astype('<u4').tobytes()) for table in tables))
    found = [sha256(b''.join(digests[1:])).hex(), sha256(b''.join(digests)).hex()]
    print('\n'.join(found))
    check(not expected or found == expected, 'other frequency tables than the expected ones: ' + ' '.join(expected))


if __name__ == '__main__':
    if sys.argv[1:2] == ['golden'] and len(sys.argv) in (3, 5):
        golden(Model(sys.argv[2]), sys.argv[3:])
    elif sys.argv[1:2] == ['decode'] and len(sys.argv) == 5:
        decode(sys.argv[2], None if sys.argv[3] == 'none' else Model(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(__doc__)
