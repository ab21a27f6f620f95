"""Decodes blocks of the codecs 3 to 12 of an archive, a second implementation: from docs/format.md alone, on reference_model.py,
reference_adapter.py, reference_memory.py and reference_quick.py."""
import bz2
import struct

import reference_quick
from reference_adapter import read_adapter
from reference_memory import Memory
from reference_model import Chunk, check, frequencies, np, sha256

RANGE, RANKS, MIXED = range(3)  # coders
MEMORY, QUICK, BINARY = 6, 10, 11  # codecs without a model
OVERLAPPING = 7                 # the first codec whose chunks overlap
TUNED = 12
MEMORY_VERSIONS = {5: 1, 9: 2, TUNED: 3}  # beside a model


def coder_of(codec):
    """Of a codec of the language model."""
    return MIXED if codec in MEMORY_VERSIONS else codec - (OVERLAPPING if codec >= OVERLAPPING else 3)


def read_varint(data, offset):
    value = shift = 0
    while True:
        value |= (data[offset] & 127) << shift
        shift, offset = shift + 7, offset + 1
        if data[offset - 1] < 128:
            check(shift == 7 or data[offset - 1] > 0, 'a number that is not in its shortest form')
            return value, offset


class RangeDecoder:
    def __init__(self, stream):
        self.rest = iter(stream)
        self.range, self.code = 2 ** 32 - 1, 0
        for _ in range(4):
            self.code = self.code * 256 + next(self.rest, 0)

    def decision(self, p):
        bound = self.range * p >> 16
        bit = int(self.code >= bound)
        self.code, self.range = (self.code - bound, self.range - bound) if bit else (self.code, bound)
        while self.range < 2 ** 24:
            self.range, self.code = self.range * 256, (self.code * 256 + next(self.rest, 0)) % 2 ** 32
        return bit

    def token(self, z):
        """Walks down the code tree."""
        tree, p = CodeTree(z), 0
        for i in range(tree.depth):
            p = 2 * p + (self.decision(tree.zero(i, p)) if tree.has_decision(i, p) else 0)
        return p


class CodeTree:
    """The model's probabilities of the decisions of one token, from its logits z. The bits before decision i are those of p."""

    def __init__(self, z):
        self.vocabulary, self.depth = len(z), (len(z) - 1).bit_length()
        self.below = [0] + np.cumsum(frequencies(z)).tolist()

    def has_decision(self, i, p):
        return (2 * p + 1 << self.depth - i - 1) < self.vocabulary

    def zero(self, i, p):
        b, m, end = p << self.depth - i, 2 * p + 1 << self.depth - i - 1, min(p + 1 << self.depth - i, self.vocabulary)
        low, total = self.below[m] - self.below[b], self.below[end] - self.below[b]
        r = max(0, total.bit_length() - 32)
        return min(max(((low >> r) << 16) // (total >> r), 1), 65535)


class Ranks:
    """Codec 4: tokens from their ranks (docs/numerics.md, section 9)."""

    def __init__(self, data):
        self.data, self.offset = data, 0

    def token(self, z):
        rank, self.offset = read_varint(self.data, self.offset)
        return int(np.argsort(-z, kind='stable')[rank])


def read_lanes(payload, offset, most):
    lanes = 1 << payload[offset]
    check(lanes <= min(1024, max(1, most)), 'too many lanes')
    return lanes, offset + 1


def read_streams(payload, offset, lanes):
    sizes = []
    for _ in range(lanes - 1):
        size, offset = read_varint(payload, offset)
        sizes.append(size)
    starts = [offset + sum(sizes[:l]) for l in range(lanes)] + [len(payload)]
    return [RangeDecoder(payload[starts[l]:starts[l + 1]]) for l in range(lanes)]


class Reader:
    """The model along a lane, chunk by chunk; `before` are the lane's tokens so far."""

    def __init__(self, model, chunk_size, overlap):
        self.model, self.chunk_size, self.overlap = model, chunk_size, overlap

    def logits(self, before):
        """Of the next token."""
        if len(before) % self.chunk_size > 0:
            return self.chunk.logits(before[-1:])[0]
        self.chunk = Chunk(self.model)
        return self.chunk.logits([self.model.begin] + (before[-self.overlap:] if self.overlap > 0 else []))[-1]


def decode_alone(sources, readers, lanes):
    """Codecs 3, 4, 7 and 8: the tokens, lane by lane."""
    tokens = []
    for source, reader, (start, end) in zip(sources, readers, lanes):
        while len(tokens) < end:
            tokens.append(source.token(reader.logits(tokens[start:])))
    return tokens


def decode_mixed(model, sources, readers, lanes, version):
    """Codecs 5, 9 and 12: the tokens, all lanes in step."""
    memory = Memory(model.tokens, lanes, with_model=True, version=version)
    trees = {}  # of each lane
    while active := memory.active_lanes():
        for l in active:
            start = lanes[l][0]
            trees[l] = CodeTree(readers[l].logits(memory.symbols[start:start + memory.t]))
        memory.step(lambda l, zero: sources[l].decision(zero), lambda l, i, p: trees[l].zero(i, p))
    return memory.symbols


def decode_model_block(model, codec, payload, context):
    """The raw bytes of a block of the language model, and its number of lanes."""
    count, offset = read_varint(payload, 0)
    overlap, offset = read_varint(payload, offset) if codec >= OVERLAPPING else (0, offset)
    check(2 * overlap <= context, 'chunks overlap by more than half the context')
    chunk_size = context - overlap
    chunks = -(-count // chunk_size)
    lanes, offset = read_lanes(payload, offset, chunks)
    if coder_of(codec) == RANKS:
        size, offset = read_varint(payload, offset)
        stream = bz2.BZ2Decompressor()
        ranks = stream.decompress(payload[offset:])
        check(stream.eof and not stream.unused_data and len(ranks) == size, 'wrong size of the ranks')
        sources = [Ranks(ranks)] * lanes  # one after another, the lanes hold the tokens in order
    else:
        sources = read_streams(payload, offset, lanes)
    starts = [min(l * chunks // lanes * chunk_size, count) for l in range(lanes + 1)]
    places, readers = list(zip(starts, starts[1:])), [Reader(model, chunk_size, overlap) for _ in range(lanes)]
    if coder_of(codec) == MIXED:
        tokens = decode_mixed(model, sources, readers, places, MEMORY_VERSIONS[codec])
    else:
        tokens = decode_alone(sources, readers, places)
    return b''.join(model.tokens[token] for token in tokens), lanes


def decode_memory_block(payload, size, binary):
    """The raw bytes of a block of codec 6, or 11 for binary ones, and its number of lanes."""
    lanes, offset = read_lanes(payload, 0, size)
    sources = read_streams(payload, offset, lanes)
    starts = [l * size // lanes for l in range(lanes + 1)]
    memory = Memory([bytes([b]) for b in range(256)], list(zip(starts, starts[1:])), with_model=False, binary=binary)
    while memory.active_lanes():
        memory.step(lambda l, zero: sources[l].decision(zero))
    return bytes(memory.symbols), lanes


def decode_quick_block(payload, size):
    """The raw bytes of a block of codec 10."""
    check(payload[0] == 0, 'no such kind of payload')
    return reference_quick.code(size, RangeDecoder(payload[1:]).decision)


def check_model(model, header):
    """Of an archive with blocks of the language model: is it the right one?"""
    coder, numerics, context, weights, tokenizer = header
    check(model is not None, 'the archive needs a model')
    check((weights, tokenizer) == (model.weights_hash, model.tokenizer_hash), 'the archive needs another model')
    check(numerics == 1 and context <= model.context and coder <= 2, 'the archive needs other numerics')


def decode(archive_path, model, out_path):
    """Writes the corpus stream; codec and number of lanes of each block. The model may be None if the archive needs none.
    The file table and the index are zstd, which Python lacks: only their hashes are looked at."""
    with open(archive_path, 'rb') as file:
        archive = file.read()
    header, footer = archive[:104], archive[-88:]
    magic, version, coder, _, numerics, context, _, adapter_bytes, weights, tokenizer = struct.unpack('<8sHBBIIIQ32s32s', header[:96])
    check(magic == b'\x89FZD\r\n\x1a\n' and 1 <= version <= 7 and header[96:] == sha256(header[:96])[:8], 'bad header')
    uses_model = context > 0
    if uses_model:
        check_model(model, (coder, numerics, context, weights, tokenizer))
        model.adapter = read_adapter(archive[104:104 + adapter_bytes], model, RangeDecoder) if adapter_bytes else {}
    else:
        check(coder == numerics == adapter_bytes == 0 and weights == tokenizer == bytes(32), 'half a model in the header')
    check(footer[80:] == b'FZend\r\n\x1a' and footer[72:80] == sha256(footer[:72])[:8], 'bad footer')
    end, table_bytes, index_bytes, block_count, corpus_bytes, table_hash, index_hash = struct.unpack('<QI4xI4xI4xQ16s16s', footer[:72])
    check(end + table_bytes + index_bytes + 88 == len(archive), 'bad sizes in the footer')
    check(table_hash == sha256(archive[end:end + table_bytes])[:16], 'bad file table')
    check(index_hash == sha256(archive[end + table_bytes:-88])[:16], 'bad index')
    corpus, offset, blocks = b'', 104 + adapter_bytes, []
    for block in range(block_count):
        head = archive[offset:offset + 56]
        magic, codec, block_id, raw_offset, raw_bytes, payload_bytes, raw_hash, payload_check = struct.unpack('<4sB3xIQII16s8s', head[:52])
        check(magic == b'FZb1' and head[52:] == sha256(head[:52])[:4], 'bad block header')
        check(block_id == block and raw_offset == len(corpus), 'a block out of order')
        payload = archive[offset + 56:offset + 56 + payload_bytes]
        check(payload_check == sha256(payload)[:8], 'bad payload')
        check(codec in (MEMORY, QUICK, BINARY) or uses_model and codec in (3, 4, 5, 7, 8, 9, TUNED) and coder_of(codec) == coder, 'a block of codec %d, which is not decoded here' % codec)
        if codec in (MEMORY, BINARY):
            raw, lanes = decode_memory_block(payload, raw_bytes, codec == BINARY)
        elif codec == QUICK:
            raw, lanes = decode_quick_block(payload, raw_bytes), 1
        else:
            raw, lanes = decode_model_block(model, codec, payload, context)
        check(len(raw) == raw_bytes and sha256(raw)[:16] == raw_hash, 'block %d decodes to other bytes' % block)
        corpus, offset = corpus + raw, offset + 56 + payload_bytes
        blocks.append((codec, lanes))
        print('block %d: codec %d, %d bytes, lanes: %d: hash agrees' % (block, codec, raw_bytes, lanes))
    check(offset == end and len(corpus) == corpus_bytes, 'the blocks do not fill their place')
    codecs = {codec for codec, _ in blocks}
    check(bool(codecs - {MEMORY, QUICK, BINARY}) == uses_model, 'a model in the header that no block has')
    lowest = 7 if TUNED in codecs else 6 if BINARY in codecs else 5 if QUICK in codecs else 4 if max(codecs) >= OVERLAPPING else 3 if adapter_bytes else 2 if max(codecs) >= 5 else 1
    check(version == lowest, 'not the lowest version that has these codecs')
    with open(out_path, 'wb') as file:
        file.write(corpus)
    return blocks
