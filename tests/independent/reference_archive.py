"""Decodes the language model's blocks of an archive, a second implementation: from docs/format.md alone, on reference_model.py."""
import bz2
import struct

from reference_model import Chunk, check, frequencies, np, sha256


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
        """Walks down the code tree over the frequencies of the logits z."""
        vocabulary = len(z)
        below = [0] + np.cumsum(frequencies(z)).tolist()
        b, depth = 0, (vocabulary - 1).bit_length()
        for i in range(depth):
            m, end = b + (1 << depth - i - 1), min(b + (1 << depth - i), vocabulary)
            if m >= vocabulary:
                continue
            low, total = below[m] - below[b], below[end] - below[b]
            r = max(0, total.bit_length() - 32)
            p = min(max(((low >> r) << 16) // (total >> r), 1), 65535)
            if self.decision(p):
                b = m
        return b


class Ranks:
    """Codec 4: tokens from their ranks (docs/numerics.md, section 9)."""

    def __init__(self, data):
        self.data, self.offset = data, 0

    def token(self, z):
        rank, self.offset = read_varint(self.data, self.offset)
        return int(np.argsort(-z, kind='stable')[rank])


def decode_model_block(model, codec, payload, context):
    """The raw bytes of a block of codec 3 or 4."""
    count, offset = read_varint(payload, 0)
    lanes, offset = 1 << payload[offset], offset + 1
    chunks = -(-count // context)
    check(lanes <= min(1024, max(1, chunks)), 'too many lanes')
    if codec == 3:
        sizes = []
        for _ in range(lanes - 1):
            size, offset = read_varint(payload, offset)
            sizes.append(size)
        starts = [offset + sum(sizes[:l]) for l in range(lanes)] + [len(payload)]
        sources = [RangeDecoder(payload[starts[l]:starts[l + 1]]) for l in range(lanes)]
    else:
        size, offset = read_varint(payload, offset)
        stream = bz2.BZ2Decompressor()
        ranks = stream.decompress(payload[offset:])
        check(stream.eof and not stream.unused_data and len(ranks) == size, 'wrong size of the ranks')
        sources = [Ranks(ranks)] * lanes  # one after another, the lanes hold the tokens in order
    tokens = []
    for l, source in enumerate(sources):
        for c in range(l * chunks // lanes, (l + 1) * chunks // lanes):
            chunk, token = Chunk(model), model.begin
            for _ in range(min(context, count - c * context)):
                token = source.token(chunk.logits([token])[0])
                tokens.append(token)
    return b''.join(model.tokens[token] for token in tokens)


def decode(archive_path, model, out_path):
    """Writes the corpus stream. The file table and the index are zstd, which Python lacks: only their hashes are looked at."""
    with open(archive_path, 'rb') as file:
        archive = file.read()
    header, footer = archive[:104], archive[-88:]
    magic, version, coder, _, numerics, context, _, _, weights, tokenizer = struct.unpack('<8sHBBIIIQ32s32s', header[:96])
    check(magic == b'\x89FZD\r\n\x1a\n' and version == 1 and header[96:] == sha256(header[:96])[:8], 'bad header')
    check(context > 0, 'the archive has no block of a language model')
    check((weights, tokenizer) == (model.weights_hash, model.tokenizer_hash), 'the archive needs another model')
    check(numerics == 1 and context <= model.context, 'the archive needs other numerics')
    check(footer[80:] == b'FZend\r\n\x1a' and footer[72:80] == sha256(footer[:72])[:8], 'bad footer')
    end, table_bytes, index_bytes, block_count, corpus_bytes, table_hash, index_hash = struct.unpack('<QI4xI4xI4xQ16s16s', footer[:72])
    check(end + table_bytes + index_bytes + 88 == len(archive), 'bad sizes in the footer')
    check(table_hash == sha256(archive[end:end + table_bytes])[:16], 'bad file table')
    check(index_hash == sha256(archive[end + table_bytes:-88])[:16], 'bad index')
    corpus, offset = b'', 104
    for block in range(block_count):
        head = archive[offset:offset + 56]
        magic, codec, block_id, raw_offset, raw_bytes, payload_bytes, raw_hash, payload_check = struct.unpack('<4sB3xIQII16s8s', head[:52])
        check(magic == b'FZb1' and head[52:] == sha256(head[:52])[:4], 'bad block header')
        check(block_id == block and raw_offset == len(corpus), 'a block out of order')
        payload = archive[offset + 56:offset + 56 + payload_bytes]
        check(payload_check == sha256(payload)[:8], 'bad payload')
        check(codec == coder + 3, 'a block of codec %d: only those of the language model are decoded here' % codec)
        raw = decode_model_block(model, codec, payload, context)
        check(len(raw) == raw_bytes and sha256(raw)[:16] == raw_hash, 'block %d decodes to other bytes' % block)
        corpus, offset = corpus + raw, offset + 56 + payload_bytes
        print('block %d: codec %d, %d bytes: hash agrees' % (block, codec, raw_bytes))
    check(offset == end and len(corpus) == corpus_bytes, 'the blocks do not fill their place')
    with open(out_path, 'wb') as file:
        file.write(corpus)
