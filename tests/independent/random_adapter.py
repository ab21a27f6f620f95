"""random_adapter.py MODEL SEED OUT   writes an adapter with random integers, from docs/format.md ("Adapter")

Exit code 77: NumPy is not installed.
"""
import random
import struct
import sys

from encode_test import RangeEncoder
from reference_adapter import IntegerStates, shapes
from reference_model import Model, sha256


def encode(coder, states, q):
    """One integer; `states` are those of its matrix."""
    def decide(name, bit):
        coder.decision(states.zero(name), bit)
        states.count(name, bit)

    decide('nonzero', int(q != 0))
    if q == 0:
        return
    decide('negative', int(q < 0))
    for i in range(1, 16):
        decide(('greater', i), int(abs(q) > i))
        if abs(q) <= i:
            return
    before = 1
    for k in reversed(range(7)):
        bit = abs(q) - 16 >> k & 1
        decide(('rest', before), bit)
        before = 2 * before + bit


def write_adapter(path, model, seed):
    """Of all magnitudes, and weak enough for the model to go on predicting."""
    draw = random.Random(seed)
    rank, targets = draw.randint(1, 5), draw.randint(1, 15)
    sites = [(layer, t) for layer in range(len(model.layers)) for t in range(4) if targets >> t & 1]
    scales = b''.join(struct.pack('<f', draw.randint(0, 1000) * 2.0 ** -33) for _ in sites for _ in range(rank))
    coder, states = RangeEncoder(), {}
    for _, t in sites:
        for matrix, size in zip('AB', shapes(model)[t]):
            state = states.setdefault((t, matrix), IntegerStates())
            for _ in range(size * rank):
                encode(coder, state, max(-127, min(127, round(draw.gauss(0, draw.choice((0.6, 3, 60)))))))
    stream = coder.stream()
    head = struct.pack('<4sHBBII32s', b'FZa1', 1, rank, targets, len(model.layers), 48 + len(scales) + len(stream) + 16, model.weights_hash)
    adapter = head + scales + stream
    with open(path, 'wb') as file:
        file.write(adapter + sha256(adapter)[:16])


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    write_adapter(sys.argv[3], Model(sys.argv[1]), int(sys.argv[2]))
