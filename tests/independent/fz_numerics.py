#!/usr/bin/env python3
"""A second implementation of the numerics, written from docs/numerics.md, docs/model-format.md and docs/format.md alone.

  fz_numerics.py golden MODEL.fzm [EXPECTED_A EXPECTED_B]   hashes of the frequency tables of three fixed chunks
  fz_numerics.py decode ARCHIVE MODEL.fzm OUT               write the corpus stream of an archive to OUT

It shares nothing with the C++ program, so their agreement shows that the texts are complete. It favours the look of the texts over
speed. All floats are NumPy float32, one operation at a time; all sums are int64. Exit code 77: NumPy is not installed.
"""
import bz2
import hashlib
import struct
import sys

try:
    import numpy as np
except ImportError:
    print('skipped: this needs NumPy (Debian: python3-numpy)')
    sys.exit(77)

f32 = np.float32
LOG2E = f32(float.fromhex('0x1.715476p+0'))
TINY = f32(2.0 ** -100)
EXP2_COEFFICIENTS = [f32(float.fromhex(c)) for c in
                     ('0x1.5bba14p-10', '0x1.3cea88p-7', '0x1.c6b752p-5', '0x1.ebf9bcp-3', '0x1.62e42ap-1', '0x1p+0')]


def sha256(data):
    return hashlib.sha256(data).digest()


def check(condition, what):
    if not condition:
        sys.exit('fz_numerics: ' + what)


# ---- docs/model-format.md

class Matrix:
    def __init__(self, weights, scales):
        self.weights, self.scales = weights, scales


class Model:
    """A parsed model file: configuration, tensors and the bytes of each token."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            data = file.read()
        magic, version, numerics, section_count, _, file_bytes = struct.unpack_from('<8sIIIIQ', data)
        check(magic == b'\x89FZM\r\n\x1a\n' and (version, numerics, section_count) == (1, 1, 5), 'not a model of version 1')
        end = 32 + 48 * section_count
        check(data[end:end + 32] == sha256(data[:end]) and file_bytes == len(data), 'damaged model frame')
        sections, section_hashes, offset = [], [], end + 32
        for i in range(section_count):
            kind, _, length, digest = struct.unpack_from('<IIQ32s', data, 32 + 48 * i)
            sections.append(data[offset:offset + length])
            section_hashes.append(digest)
            check(kind == i + 1 and sha256(sections[i]) == digest, 'damaged model section')
            offset += length
        check(offset == len(data), 'bytes after the last section')
        self.weights_hash = sha256(section_hashes[0] + section_hashes[2])
        self.tokenizer_hash = section_hashes[3]
        (self.vocabulary, self.width, layer_count, self.heads, self.kv_heads, self.head_width, self.feed_forward, self.context,
         self.begin, epsilon, flags, _) = struct.unpack('<9IfII', sections[0])
        self.epsilon = f32(epsilon)
        self.read_tensors(sections[2], layer_count, tied_head=flags & 1 == 1)
        count = struct.unpack_from('<I', sections[3])[0]
        offset, self.tokens = 24 + 2 * count, []
        for length in struct.unpack_from('<%dH' % count, sections[3], 24):
            self.tokens.append(sections[3][offset:offset + length])
            offset += length

    def read_tensors(self, data, layer_count, tied_head):
        position = 0

        def take(count, kind):
            nonlocal position
            array = np.frombuffer(data, dtype=kind, count=count, offset=position)
            position += array.nbytes
            return array

        def vector(n):
            return take(n, '<f4').astype(f32)

        def matrix(rows, columns):
            return Matrix(take(rows * columns, 'i1').reshape(rows, columns).astype(np.int64), vector(rows))

        w, q, kv, f = self.width, self.heads * self.head_width, self.kv_heads * self.head_width, self.feed_forward
        self.embedding, self.layers = matrix(self.vocabulary, w), []
        for _ in range(layer_count):
            self.layers.append(dict(
                attention_norm=vector(w), query=matrix(q, w), key=matrix(kv, w), value=matrix(kv, w), attention_output=matrix(w, q),
                feed_forward_norm=vector(w), gate=matrix(f, w), up=matrix(f, w), down=matrix(w, f)))
        self.final_norm = vector(w)
        self.head = self.embedding if tied_head else matrix(self.vocabulary, w)
        self.cosine, self.sine = (vector(self.context * self.head_width // 2).reshape(self.context, -1) for _ in range(2))
        check(position == len(data), 'wrong length of the tensors')


# ---- docs/numerics.md. Arrays hold one vector along their last axis; the axes before it are positions and heads.

def largest(x):
    return np.max(x, axis=-1, keepdims=True)


def divide_or_zero(numerator, x, is_zero):
    """numerator / x, and 0 where is_zero, so that the caller's products become 0 there."""
    return np.where(is_zero, f32(0), numerator / np.where(is_zero, f32(1), x))


def quantize(x):
    """Section 2: integers and scale."""
    m = largest(np.abs(x))
    q = np.rint(x * divide_or_zero(f32(127), m, m < TINY)).astype(np.int64)
    return q, np.where(m < TINY, f32(0), m / f32(127))


def norm(x, gain, epsilon):
    """Section 3."""
    m = largest(np.abs(x))
    t = np.rint(x * divide_or_zero(f32(32767), m, m < TINY)).astype(np.int64)
    mean = np.sum(t * t, axis=-1, keepdims=True).astype(f32) / f32(x.shape[-1])
    u = np.where(m < TINY, f32(1), m / f32(32767))
    f = (f32(1) / np.sqrt(mean + epsilon / (u * u))) / u
    return np.where(m < TINY, f32(0), x * f * gain)


def exp2(t):
    """Section 4."""
    t = np.clip(t, f32(-125), f32(125))
    w = np.rint(t)
    f = t - w
    p = EXP2_COEFFICIENTS[0]
    for coefficient in EXP2_COEFFICIENTS[1:]:
        p = p * f + coefficient
    return (p.view(np.int32) + (w.astype(np.int32) << 23)).view(f32)


def linear(quantized, matrix):
    """Section 5: the linear map of a quantized vector."""
    q, a = quantized
    return np.einsum('pi,ji->pj', q, matrix.weights).astype(f32) * a * matrix.scales


def rotate(x, cosine, sine):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    c, s = cosine[:, None, :], sine[:, None, :]
    return np.concatenate((a * c - b * s, b * c + a * s), axis=-1)


class Chunk:
    """The transformer at one chunk: the input tokens so far, as the quantized keys and values of their positions."""

    def __init__(self, model):
        self.model, self.length = model, 0
        shape = (model.context, model.kv_heads)
        self.cache = [[(np.zeros(shape + (model.head_width,), np.int64), np.zeros(shape + (1,), f32)) for _ in 'kv']
                      for _ in model.layers]

    def logits(self, tokens):
        """Section 5: appends input tokens (the begin token is the first of a chunk); base-2 logits after each of them."""
        m, first, last = self.model, self.length, self.length + len(tokens)
        self.length = last
        cosine, sine = m.cosine[first:last], m.sine[first:last]
        x = m.embedding.weights[tokens].astype(f32) * m.embedding.scales[tokens][:, None]
        for layer, cache in zip(m.layers, self.cache):
            y = quantize(norm(x, layer['attention_norm'], m.epsilon))
            q, k, v = (linear(y, layer[name]).reshape(len(tokens), -1, m.head_width) for name in ('query', 'key', 'value'))
            for (integers, scales), new in zip(cache, (quantize(rotate(k, cosine, sine)), quantize(v))):
                integers[first:last], scales[first:last] = new
            o = self.attention(quantize(rotate(q, cosine, sine)), cache, first, last)
            x = x + linear(quantize(o), layer['attention_output'])
            y = quantize(norm(x, layer['feed_forward_norm'], m.epsilon))
            gate, up = linear(y, layer['gate']), linear(y, layer['up'])
            h = gate / (f32(1) + exp2(gate * -LOG2E)) * up
            x = x + linear(quantize(h), layer['down'])
        q, a = quantize(norm(x, m.final_norm, m.epsilon))
        return np.einsum('pi,ji->pj', q, m.head.weights).astype(f32) * (a * LOG2E) * m.head.scales

    def attention(self, query, cache, first, last):
        """Section 6. Axes: p position of the query, t head, j position of the key, c element of a head."""
        m = self.model
        key_head = np.arange(m.heads) // (m.heads // m.kv_heads)
        (k, b), (v, c) = ((integers[:last, key_head], scales[:last, key_head, 0].T) for integers, scales in cache)
        q, a = query
        seen = np.arange(last) <= np.arange(first, last)[:, None, None]
        s = np.einsum('ptc,jtc->ptj', q, k).astype(f32) * (a * (LOG2E / np.sqrt(f32(m.head_width)))) * b
        e = np.where(seen, exp2(s - largest(np.where(seen, s, f32(-np.inf)))), f32(0))
        d = np.sum(np.rint(e * f32(65536)).astype(np.int64), axis=-1, keepdims=True)
        u = e * c
        l = largest(u)
        w = np.rint(u * divide_or_zero(f32(16384), l, l < TINY)).astype(np.int64)
        o = np.where(l < TINY, f32(0), np.einsum('ptj,jtc->ptc', w, v).astype(f32) * (l * f32(4) / d.astype(f32)))
        return o.reshape(last - first, -1)


def frequencies(z):
    """Section 8."""
    return np.maximum(1, np.floor(exp2(z - largest(z)) * f32(2.0 ** 30)).astype(np.int64))


# ---- docs/format.md

def read_varint(data, offset):
    value = shift = 0
    while True:
        value |= (data[offset] & 127) << shift
        shift, offset = shift + 7, offset + 1
        if data[offset - 1] < 128:
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
            self.range, self.code = self.range * 256, self.code * 256 + next(self.rest, 0)
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
    check(lanes <= max(1, chunks), 'more lanes than chunks')
    if codec == 3:
        sizes = []
        for _ in range(lanes - 1):
            size, offset = read_varint(payload, offset)
            sizes.append(size)
        starts = [offset + sum(sizes[:l]) for l in range(lanes)] + [len(payload)]
        sources = [RangeDecoder(payload[starts[l]:starts[l + 1]]) for l in range(lanes)]
    else:
        size, offset = read_varint(payload, offset)
        ranks = bz2.decompress(payload[offset:])
        check(len(ranks) == size, 'wrong size of the ranks')
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
    with open(archive_path, 'rb') as file:
        archive = file.read()
    header, footer = archive[:104], archive[-88:]
    magic, version, coder, _, numerics, context, _, _, weights, tokenizer = struct.unpack('<8sHBBIIIQ32s32s', header[:96])
    check(magic == b'\x89FZD\r\n\x1a\n' and version == 1 and header[96:] == sha256(header[:96])[:8], 'bad header')
    check(footer[80:] == b'FZend\r\n\x1a' and footer[72:80] == sha256(footer[:72])[:8], 'bad footer')
    end, block_count, corpus_bytes = struct.unpack('<Q16xI4xQ', footer[:40])
    check(numerics == 1 and (weights, tokenizer) == (model.weights_hash, model.tokenizer_hash), 'archive of another model')
    corpus, offset = b'', 104
    for block in range(block_count):
        head = archive[offset:offset + 56]
        magic, codec, block_id, raw_offset, raw_bytes, payload_bytes, raw_hash, payload_check = struct.unpack('<4sB3xIQII16s8s', head[:52])
        check(magic == b'FZb1' and block_id == block and raw_offset == len(corpus) and head[52:] == sha256(head[:52])[:4], 'bad block header')
        payload = archive[offset + 56:offset + 56 + payload_bytes]
        check(payload_check == sha256(payload)[:8], 'bad payload')
        check(codec == coder + 3, 'a block of codec %d: this program decodes blocks of the language model only' % codec)
        raw = decode_model_block(model, codec, payload, context)
        check(len(raw) == raw_bytes and sha256(raw)[:16] == raw_hash, 'block %d decodes to other bytes' % block)
        corpus, offset = corpus + raw, offset + 56 + payload_bytes
        print('block %d: codec %d, %d lanes, %d bytes: hash agrees' % (block, codec, 1 << payload[read_varint(payload, 0)[1]], raw_bytes))
    check(offset == end and len(corpus) == corpus_bytes, 'bad footer')
    with open(out_path, 'wb') as file:
        file.write(corpus)


def golden(model, expected):
    """Digest A is over the tables of the chunks 1 and 2, digest B over all. With only A expected, only A is computed."""
    state, digests = 1, []
    for chunk_number, length in enumerate((512, 40, 1)):
        chunk = []
        for _ in range(length):
            state = (state * 1664525 + 1013904223) % 2 ** 32
            chunk.append((state >> 8) % model.vocabulary)
        if chunk_number > 0 or len(expected) != 1:
            z = Chunk(model).logits([model.begin] + chunk[:-1])
            digests.append(b''.join(sha256(table.astype('<u4').tobytes()) for table in frequencies(z)))
    found = [sha256(b''.join(digests[-2:])).hex(), sha256(b''.join(digests)).hex()][:len(expected) or 2]
    print('\n'.join(found))
    check(not expected or found == expected, 'other frequency tables than expected: ' + ' '.join(expected))


if __name__ == '__main__':
    np.seterr(divide='ignore', over='ignore', under='ignore', invalid='raise')
    if sys.argv[1:2] == ['golden'] and 3 <= len(sys.argv) <= 5:
        golden(Model(sys.argv[2]), sys.argv[3:])
    elif sys.argv[1:2] == ['decode'] and len(sys.argv) == 5:
        decode(sys.argv[2], Model(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(__doc__)
