"""The adapter of an archive, a second implementation: from docs/format.md ("Adapter") and docs/numerics.md, part III, alone."""
import struct

from reference_model import check, np, sha256


class IntegerStates:
    """The states of the decisions of one kind of matrix."""

    def __init__(self):
        self.states = {}

    def zero(self, name):
        return self.states.get(name, (32768, 0))[0]

    def count(self, name, bit):
        p, n = self.states.get(name, (32768, 0))
        p = (p * (2 * n + 1) + (0 if bit else 131072)) // (2 * n + 3)
        self.states[name] = min(max(p, 32), 65504), min(n + 1, 255)


def decode_integer(decoder, states):
    def decide(name):
        bit = decoder.decision(states.zero(name))
        states.count(name, bit)
        return bit

    if not decide('nonzero'):
        return 0
    sign, size = -1 if decide('negative') else 1, 1
    while size <= 15 and decide(('greater', size)):
        size += 1
    if size == 16:
        before = 1
        for _ in range(7):
            before = 2 * before + decide(('rest', before))
        size += before - 128
        check(size <= 127, 'an integer of the adapter exceeds 127')
    return sign * size


def shapes(model):
    """Inputs and outputs of each target."""
    w, f = model.width, model.feed_forward
    return [(w, (model.heads + 2 * model.kv_heads) * model.head_width), (model.heads * model.head_width, w), (w, 2 * f), (f, w)]


def read_adapter(data, model, make_decoder):
    """By layer and target: A, scales and B."""
    magic, version, rank, targets, layers, size, weights = struct.unpack('<4sHBBII32s', data[:48])
    check(magic == b'FZa1' and version == 1 and size == len(data) and data[-16:] == sha256(data[:-16])[:16], 'bad adapter')
    check(1 <= rank <= 64 and 1 <= targets <= 15, 'rank or targets outside the limits')
    check(weights == model.weights_hash and layers == len(model.layers), 'an adapter of another model')
    sites = [(layer, t) for layer in range(layers) for t in range(4) if targets >> t & 1]
    scales = np.frombuffer(data, dtype='<f4', count=len(sites) * rank, offset=48).reshape(len(sites), rank)
    check(all(0 <= scale and 127 * rank * float(scale) <= 32 for scale in scales.flat), 'a scale outside the limits')
    decoder, states, adapter = make_decoder(data[48 + scales.nbytes:-16]), {}, {}
    for site, site_scales in zip(sites, scales):
        inputs, outputs = shapes(model)[site[1]]
        a, b = (np.array([decode_integer(decoder, states.setdefault((site[1], matrix), IntegerStates())) for _ in range(count * rank)])
                for matrix, count in (('A', inputs), ('B', outputs)))
        adapter[site] = a.reshape(rank, inputs), site_scales, b.reshape(outputs, rank)
    return adapter
