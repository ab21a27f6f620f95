"""The quick memory, a second implementation: the probability of every bit of a block from those before it.

It is written from docs/numerics.md, part IV, and the parts of part II that it names (reference_memory.py), and shares nothing with
the C++ program. Everything is a Python integer; tables are dictionaries of what was touched.
"""
from collections import defaultdict

from reference_memory import FIRST, NEXT, SEEN, SQUASH, STRETCH, Bucket, combine, limit

TOP = 2 ** 31 - 1


# ---- Section 27

def learnt(p, bit, rate):
    return p + ((TOP if bit else 0) - p >> rate)


def logit_of(p):
    return STRETCH[16 * (p >> 19) + 8]


# ---- Section 28

class Text:
    def __init__(self, known):
        self.known = known  # the bytes so far
        self.tail = self.word = self.previous = self.line = self.above = self.first = 0

    def append(self, c):
        x = len(self.known)
        if x == self.line:
            self.first = c
        self.known.append(c)
        self.tail = (self.tail << 8 | c) % 2 ** 64
        if chr(c) in 'ABCDEFGHIJKLMNOPQRSTUVWXYZ':
            self.word = combine((self.word + 1) % 2 ** 32, c + 32)
        elif chr(c) in 'abcdefghijklmnopqrstuvwxyz' or c > 127:
            self.word = combine((self.word + 1) % 2 ** 32, c)
        else:
            self.previous, self.word = self.word or self.previous, 0
            if c == 0x0A:
                self.above, self.line = self.line, x + 1

    def bytes(self, n):
        return (self.tail % 2 ** (8 * n) + n) * 0x9E3779B97F4A7C15 % 2 ** 64 >> 32

    def contexts(self):
        c1, column = self.tail % 256, len(self.known) - self.line
        up = self.known[self.above + column] if self.above + column < self.line else 256
        return [self.bytes(1), self.bytes(2), self.bytes(3), self.bytes(4), self.bytes(6),
                combine(self.word, c1),
                combine(combine(up, c1), self.first + 256 * min(column, 255)),
                combine((self.word + 1) % 2 ** 32, self.previous)]


# ---- Section 29

class Histories:
    """Table and map of one context."""

    def __init__(self, bits):
        self.bits, self.buckets = bits, defaultdict(Bucket)
        self.map = [first << 15 for first in FIRST]

    def open(self, context, path):
        g = (context + path * 0x9E3779B1) % 2 ** 32 * 0x85EBCA77 % 2 ** 32
        h = g ^ g >> 15
        check, f = h % 256 or 1, h >> 32 - self.bits
        near, far = self.buckets[f], self.buckets[f ^ 1]
        self.bucket = near if near.check == check else far if far.check == check else None
        if self.bucket is None:
            self.bucket = near if SEEN[near.nodes[0]] <= SEEN[far.nodes[0]] else far
            self.bucket.check, self.bucket.nodes = check, [0] * 15

    def look(self, i, path):
        k = i % 4
        self.node = 2 ** k - 1 + path % 2 ** k
        self.history = self.bucket.nodes[self.node]
        return logit_of(self.map[self.history])

    def learn(self, bit):
        self.bucket.nodes[self.node] = NEXT[self.history][bit]
        self.map[self.history] = learnt(self.map[self.history], bit, 7)


# ---- Section 30

class Match:
    def __init__(self, bits):
        self.bits, self.places, self.map = bits, defaultdict(int), [2 ** 30] * 32
        self.q = self.r = 0

    def follow(self, text):
        """After the byte, which is the last that the text knows."""
        known = text.known
        if self.r > 0 and known[self.q] == known[-1]:
            self.q, self.r = self.q + 1, self.r + 1
        else:
            self.r = 0
        if len(known) < 6:
            return
        place = text.bytes(6) >> 32 - self.bits
        y = self.places[place]
        if self.r == 0 and y > 0:
            agreeing = 0
            while agreeing < min(64, y) and known[y - 1 - agreeing] == known[-1 - agreeing]:
                agreeing += 1
            if agreeing >= 6:
                self.q, self.r = y, agreeing
        self.places[place] = len(known)

    def look(self, i, path, known):
        """Input and state."""
        r = self.r
        self.entry = r if r < 16 else 16 + (r - 16) // 4 if r < 32 else min(31, 20 + (r - 32) // 16)
        self.fits = r > 0 and (256 + known[self.q]) >> 8 - i == path
        if not self.fits:
            return 0, 0
        self.e = known[self.q] >> 7 - i & 1
        x = logit_of(self.map[self.entry])
        return x if self.e else -x, 1 if self.entry < 15 else 2 if self.entry < 24 else 3

    def learn(self, bit):
        if self.fits:
            self.map[self.entry] = learnt(self.map[self.entry], int(bit == self.e), 7)


# ---- Sections 31 and 32

def mixed(weights, inputs):
    return limit(sum(w * z >> 5 for w, z in zip(weights, inputs)) >> 11, -3071, 3071)


def code(size, decide):
    """The bytes of a block of this size; decide(zero) gives each bit."""
    known, u = [], size.bit_length()
    text = Text(known)
    tables = [Histories(limit(u - 2, 10, 18)) for _ in range(8)]
    match = Match(limit(u, 10, 22))
    mixers = [defaultdict(lambda: [14746] * 9 + [0]) for _ in range(2)]
    refinements = defaultdict(lambda: [SQUASH[limit(256 * (k - 12), -3071, 3071)] << 15 for k in range(25)])
    while len(known) < size:
        contexts, c1, x = text.contexts(), text.tail % 256, len(known)
        rate, path = 10 + 507904 // (2048 + x), 1
        for i in range(8):
            if i % 4 == 0:
                for table, context in zip(tables, contexts):
                    table.open(context, path)
            inputs = [table.look(i, path) for table in tables]
            z, state = match.look(i, path, known)
            inputs += [z, 256]
            sets = [path, (state, sum(table.history != 0 for table in tables[1:]), (0, 1, 1, 2, 2, 3, 3, 3)[i])]
            logits = [mixed(mixer[chosen], inputs) for mixer, chosen in zip(mixers, sets)]
            l = sum(logits) // 2
            refinement, k, d = refinements[combine(c1, path) % 4096], l + 3072 >> 8, (l + 3072) % 256
            r = ((refinement[k] >> 15) * (256 - d) + (refinement[k + 1] >> 15) * d) // 256
            bit = decide(65536 - limit((SQUASH[l] + r + 1) // 2, 1, 65535))
            for table in tables:
                table.learn(bit)
            match.learn(bit)
            for mixer, chosen, own in zip(mixers, sets, logits):
                gradient = ((65536 * bit - SQUASH[own]) * rate + 2 ** 11) // 2 ** 12
                mixer[chosen] = [limit(w + (z * gradient + 2 ** 7 >> 8), 1 - 2 ** 19, 2 ** 19 - 1)
                                 for w, z in zip(mixer[chosen], inputs)]
            nearest = k + (d >= 128)
            refinement[nearest] = learnt(refinement[nearest], bit, 6)
            path = 2 * path + bit
        text.append(path - 256)
        match.follow(text)
    return bytes(known)
