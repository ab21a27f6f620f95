"""The numerics, a second implementation: model file to frequency tables, from docs/model-format.md and docs/numerics.md alone.

It shares nothing with the C++ program, so their agreement shows that the texts are complete. It favours the look of the texts over
speed. All floats are NumPy float32, one operation at a time; all sums are int64. Exit code 77: NumPy is not installed.
"""
import hashlib
import struct
import sys

try:
    import numpy as np
except ImportError:
    print('skipped: this needs NumPy (Debian: python3-numpy)')
    sys.exit(77)

# 1 / 0 and overflow to infinity belong to section 3; a NaN never arises.
np.seterr(divide='ignore', over='ignore', under='ignore', invalid='raise')

f32 = np.float32
LOG2E = f32(float.fromhex('0x1.715476p+0'))
TINY = f32(2.0 ** -100)
EXP2_COEFFICIENTS = [f32(float.fromhex(c)) for c in
                     ('0x1.5bba14p-10', '0x1.3cea88p-7', '0x1.c6b752p-5', '0x1.ebf9bcp-3', '0x1.62e42ap-1', '0x1p+0')]


def sha256(data):
    return hashlib.sha256(data).digest()


def check(condition, what):
    if not condition:
        sys.exit('independent implementation: ' + what)


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
        self.adapter = {}  # of the archive: by layer and target, A, scales and B
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


def adapted(y, quantized, site):
    """Section 25: y with what the adapter adds to a map of the quantized vector; `site` is None where there is none."""
    if site is None:
        return y
    (q, a), (matrix_a, scales, matrix_b) = quantized, site
    t = np.einsum('pi,ri->pr', q, matrix_a).astype(f32) * a * scales
    m = largest(np.abs(t))
    c = np.rint(t * divide_or_zero(f32(32767), m, m < TINY)).astype(np.int64)
    return np.where(m < TINY, y, y + np.einsum('pr,jr->pj', c, matrix_b).astype(f32) * (m / f32(32767)))


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
        for index, (layer, cache) in enumerate(zip(m.layers, self.cache)):
            site = [m.adapter.get((index, target)) for target in range(4)]
            y = quantize(norm(x, layer['attention_norm'], m.epsilon))
            qkv = np.concatenate([linear(y, layer[name]) for name in ('query', 'key', 'value')], axis=-1)
            heads = adapted(qkv, y, site[0]).reshape(len(tokens), -1, m.head_width)
            q, k, v = np.split(heads, [m.heads, m.heads + m.kv_heads], axis=1)
            for (integers, scales), new in zip(cache, (quantize(rotate(k, cosine, sine)), quantize(v))):
                integers[first:last], scales[first:last] = new
            o = self.attention(quantize(rotate(q, cosine, sine)), cache, first, last)
            o = quantize(o)
            x = adapted(x + linear(o, layer['attention_output']), o, site[1])
            y = quantize(norm(x, layer['feed_forward_norm'], m.epsilon))
            both = np.concatenate([linear(y, layer[name]) for name in ('gate', 'up')], axis=-1)
            gate, up = np.split(adapted(both, y, site[2]), 2, axis=-1)
            h = gate / (f32(1) + exp2(gate * -LOG2E)) * up
            h = quantize(h)
            x = adapted(x + linear(h, layer['down']), h, site[3])
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
