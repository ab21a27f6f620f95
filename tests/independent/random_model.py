"""Writes a small random model file and a text that it predicts well, for what models/default.fzm does not reach.

Written from docs/model-format.md alone, like reference_model.py: a head of its own, fewer key/value heads than heads, a vocabulary that is
no power of two, a short context (so many chunks and lanes), tables of cosines that are none, rows and whole vectors of zeros, and
values from denormal ones to the largest that the limits allow.
"""
import random
import struct

from reference_model import Chunk, Model, frequencies, np, sha256

LAYERS, HEADS, KV_HEADS, HEAD_WIDTH, WIDTH, FEED_FORWARD, CONTEXT = 4, 6, 2, 12, 28, 20, 17
CHUNK = CONTEXT - CONTEXT // 8  # two tokens are read again
TEXT_BYTES = CHUNK * 8 * 4 + 31  # four lanes, and a chunk that is not full
MIXED_LANES, MIXED_CHUNKS_OF_A_LANE = 4, 16
PRINTABLE = range(0x20, 0x7f)


def is_printable(token):
    return len(token) == 1 and token[0] in PRINTABLE


def tokenizer(rng):
    """Two tokens without bytes, the 256 bytes, and pairs of bytes in front of the printable ones, so many that the printable ones
    lie on both sides of the code tree's first decision, 512. No merges: each byte of a text becomes its own token."""
    pairs = rng.sample([bytes((a, b)) for a in range(0x20) for b in PRINTABLE], rng.randint(390, 470))
    tokens = [b'', b''] + sorted([bytes((byte,)) for byte in range(256)] + pairs)
    lengths = np.array([len(token) for token in tokens], '<u2').tobytes()
    return tokens, struct.pack('<6I', len(tokens), 0, 0, 0, 0, 0) + lengths + b''.join(tokens)


def tensors(rng, tokens):
    vocabulary = len(tokens)
    printable = np.array([is_printable(token) for token in tokens])

    def matrix(rows, columns, exponent, used=True):
        weights = rng.integers(-127, 128, (rows, columns)).astype('i1')
        used = np.logical_and(used, rng.uniform(0, 1, rows) > 0.05)
        scales = np.where(used, np.minimum(1, 2.0 ** (exponent + rng.uniform(-2, 2, rows))), 0)
        return weights.tobytes() + scales.astype('<f4').tobytes()

    def vector(n, limit):
        return rng.uniform(-limit, limit, n).astype('<f4').tobytes()

    embedding = rng.integers(-127, 128, (vocabulary, WIDTH)).astype('i1').tobytes()
    embedding += (2.0 ** rng.choice([-7] * 8 + [-40, -58, -66, -80, -108, -140, -200], vocabulary)).astype('<f4').tobytes()
    queries, keys = HEADS * HEAD_WIDTH, KV_HEADS * HEAD_WIDTH
    parts = [embedding]
    for _ in range(LAYERS):
        attention = rng.choice([-10, -8, -6, -2])
        inner, outer = rng.choice([(-8, -8), (-8, -8), (-20, -30), (2, 2), (-106, 2), (-113, 2)])
        parts += [vector(WIDTH, rng.choice([1, 2, 4096])), matrix(queries, WIDTH, attention), matrix(keys, WIDTH, attention),
                  matrix(keys, WIDTH, inner), matrix(WIDTH, queries, outer), vector(WIDTH, rng.choice([1, 2, 4096])),
                  matrix(FEED_FORWARD, WIDTH, inner), matrix(FEED_FORWARD, WIDTH, inner), matrix(WIDTH, FEED_FORWARD, outer)]
    parts += [vector(WIDTH, 2), matrix(vocabulary, WIDTH, -7, printable)]
    return b''.join(parts) + vector(CONTEXT * HEAD_WIDTH // 2, 1) + vector(CONTEXT * HEAD_WIDTH // 2, 1)


def write_model(path, seed):
    tokens, tokenizer_bytes = tokenizer(random.Random(seed))
    begin, flags = 1, 0
    configuration = struct.pack('<9IfII', len(tokens), WIDTH, LAYERS, HEADS, KV_HEADS, HEAD_WIDTH, FEED_FORWARD, CONTEXT, begin,
                                10.0 ** -(seed % 9), flags, 0)
    sections = [configuration, b'random %d' % seed, tensors(np.random.default_rng(seed), tokens), tokenizer_bytes,
                np.arange(len(tokens), dtype='<u4').tobytes()]
    file_bytes = 32 + 48 * len(sections) + 32 + sum(map(len, sections))
    frame = struct.pack('<8sIIIIQ', b'\x89FZM\r\n\x1a\n', 1, 1, len(sections), 0, file_bytes)
    frame += b''.join(struct.pack('<IIQ', i + 1, 0, len(section)) + sha256(section) for i, section in enumerate(sections))
    with open(path, 'wb') as file:
        file.write(frame + sha256(frame) + b''.join(sections))


def draw_text(model, rng, size, before=b''):
    """What follows a text, from the model itself, so that it predicts it well."""
    printable = [token for token, content in enumerate(model.tokens) if is_printable(content)]
    tokens = [model.tokens.index(bytes((byte,))) for byte in before[CHUNK - model.context:]]
    known, size = len(tokens), len(tokens) + size
    while len(tokens) < size:
        chunk, inputs = Chunk(model), [model.begin] + tokens[CHUNK - model.context:]
        for _ in range(min(CHUNK, size - len(tokens))):
            table = frequencies(chunk.logits(inputs)[-1])[printable]
            inputs = rng.choices(printable, table.tolist())
            tokens += inputs
    return b''.join(model.tokens[token] for token in tokens[known:])


def write_text(path, model_path, seed):
    """A text for which no other codec is smaller than the model alone."""
    with open(path, 'wb') as file:
        file.write(draw_text(Model(model_path), random.Random(seed), TEXT_BYTES))


def write_mixed_text(path, model_path, seed):
    """A text for model and memory in several lanes. Some chunks are the same in all lanes, but for a few symbols, so the lanes
    often write to the same place in the same step, and not always the same. Then each lane has a line again and again, then an
    end that all lanes share; in the last lane it comes a little earlier, so the others' matches reach the end of the block."""
    model, rng, text = Model(model_path), random.Random(seed), b''
    body, tail = (draw_text(model, rng, chunks * CHUNK) for chunks in (MIXED_CHUNKS_OF_A_LANE - 6, 2))
    lines = 4 * (draw_text(model, rng, CHUNK - 1) + b'\n')
    for _ in range(MIXED_LANES):
        for first in range(0, len(body), CHUNK):
            chunk = body[first:first + CHUNK] if rng.random() < 0.15 else draw_text(model, rng, CHUNK, text)
            text += bytes(rng.choice(body + b'\n\n\n') if rng.random() < 0.03 else byte for byte in chunk)
        text += lines + tail
    with open(path, 'wb') as file:
        file.write(text[:-len(tail) - 4] + tail[:-3])
