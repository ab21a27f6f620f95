"""The memory, a second implementation: the probability of every decision from what the lanes have held.

It is written from docs/numerics.md, part II, alone and shares nothing with the C++ program, so their agreement shows that the
text is complete. Everything is a Python integer. Tables are dictionaries of what was touched: what is not there still is as it
was at first. Wherever the text says that an order cannot matter (of lanes, decisions, parts that learn), a seeded random order
is taken.
"""
import random
from collections import Counter, defaultdict
from functools import partial

BEFORE, NONE_ABOVE, LINE_START = 2 ** 32 - 1, 2 ** 32 - 2, 2 ** 32 - 3


# ---- Section 10

def limit(x, a, b):
    return min(max(x, a), b)


def combine(h, v):
    x = (h ^ v) * 0x9E3779B1 % 2 ** 32
    x = (x ^ x >> 15) * 0x85EBCA77 % 2 ** 32
    return x ^ x >> 13


def hash_of(h, *values):
    for value in values:
        h = combine(h, value)
    return h


# ---- Section 11

class Levels:
    """The levels of an alphabet and their groups."""

    def __init__(self, symbol_count):
        self.symbol_count, self.depth = symbol_count, (symbol_count - 1).bit_length()
        groups, self.starts = -(-self.depth // 4), [0]
        for g in range(groups - 1):
            self.starts.append(self.starts[g] + -(-(self.depth - self.starts[g]) // (groups - g)))
        self.group = [max(g for g in range(groups) if self.starts[g] <= i) for i in range(self.depth)]

    def has_decision(self, i, p):
        return (2 * p + 1) * 2 ** (self.depth - 1 - i) < self.symbol_count


assert Levels(2 ** 17).starts == [0, 4, 8, 11, 14]


# ---- Section 12

def logistic_tables():
    """squash as a dictionary, stretch as a list (its element 0 is never used)."""
    squash, power = {}, 2 ** 62
    for k in range(3072):
        total = 2 ** 62 + power
        squash[-k] = max(1, (power * 2 ** 16 + total // 2) // total)
        squash[k] = 65536 - squash[-k]
        power = power * 4593706758521714574 // 2 ** 62
    stretch, k = [0] * 65536, 0
    for p in range(32768, 65536):
        while squash[k] < p:
            k += 1
        stretch[p], stretch[65536 - p] = k, -k
    return squash, stretch


SQUASH, STRETCH = logistic_tables()
assert [SQUASH[k] for k in (-256, 0, 192, 3071)] == [17625, 32768, 44511, 65535]
assert [STRETCH[p] for p in (1, 8, 32768, 49152)] == [-2736, -2292, 0, 282]


def logit(x):
    return limit(x, -3071, 3071)


# ---- Section 13

def most(count):
    return (40, 20, 10, 7, 5, 4)[count] if count < 6 else 3


def doubt(count):
    return (0, 1, 2, 2, 3, 3, 3)[count] if count < 7 else 4 if count <= 12 else 5 if count <= 25 else 6


def history_after(history, b):
    counts, a = list(history[:2]), 1 - b
    counts[a] = doubt(counts[a])
    counts[b] = min(counts[b] + 1, most(counts[a]))
    counts[a] = min(counts[a], most(counts[b]))
    return counts[0], counts[1], b if counts[0] > 0 and counts[1] > 0 else 0


def number_histories():
    """The histories in order of discovery, and next(i, b) as NEXT[i][b]."""
    histories, after = [(0, 0, 0)], []
    for history in histories:  # it grows meanwhile
        pair = [history_after(history, b) for b in (0, 1)]
        for found in pair:
            if found not in histories:
                histories.append(found)
        after.append([histories.index(found) for found in pair])
    return histories, after


HISTORIES, NEXT = number_histories()
SEEN = [zeros + ones for zeros, ones, _ in HISTORIES]
FIRST = [65536 * (5 * ones + 2) // (5 * (zeros + ones) + 4) for zeros, ones, _ in HISTORIES]
assert len(HISTORIES) == 161 and all(0 not in pair for pair in NEXT)
assert [(HISTORIES[i], NEXT[i], FIRST[i]) for i in (0, 4, 7)] == [
    ((0, 0, 0), [1, 2], 32768), ((1, 1, 1), [9, 10], 32768), ((3, 0, 0), [13, 8], 6898)]


# ---- Section 14

class Map:
    def __init__(self, first=lambda entry: 32768):
        self.first, self.entries, self.counts = first, {}, {}

    def p(self, entry):
        return self.entries[entry][0] if entry in self.entries else self.first(entry)

    def count(self, entry, one):
        bits, ones = self.counts.get(entry, (0, 0))
        self.counts[entry] = bits + 1, ones + one

    def learn(self):
        for entry, (m, o) in self.counts.items():
            p, w = self.entries.get(entry) or (self.first(entry), 1)
            self.entries[entry] = limit((p * w + 65536 * o + (w + m) // 2) // (w + m), 8, 65528), min(w + m, 255)
        self.counts.clear()


# ---- Section 15

class Period:
    """A lane's guess at the length of records in text."""

    def __init__(self):
        self.period = self.votes = 0
        self.places = [0] * 4096

    def learn(self, x, tail):
        place = tail % 2 ** 32 * 0x9E3779B1 % 2 ** 32 // 2 ** 20
        d, self.places[place] = x - self.places[place], x
        if not 4 <= d <= 4096:
            return
        if d == self.period:
            self.votes = min(self.votes + 1, 255)
        elif self.votes == 0:
            self.period, self.votes = d, 1
        else:
            self.votes -= 1


class BinaryPeriod:
    """The same in binary bytes."""

    def __init__(self):
        self.period = self.age = 0
        self.votes = [0] * 4097
        self.places = [0] * 4096, [0] * 4096

    def learn(self, x, tail):
        for places, q in zip(self.places, (tail % 2 ** 16, tail % 2 ** 32)):
            place = q * 0x9E3779B1 % 2 ** 32 // 2 ** 20
            d, places[place] = x - places[place], x
            if 4 <= d <= 4096:
                self.vote(d)

    def vote(self, d):
        self.votes[d] += 1
        if self.votes[d] > self.votes[self.period]:
            self.period = d
        self.age += 1
        if self.age == 16384:
            self.age, self.votes = 0, [votes // 2 for votes in self.votes]


class LaneText:
    def __init__(self, symbols, begin, binary):
        self.symbols, self.begin = symbols, begin
        self.position = self.line = begin
        self.first = LINE_START
        self.above = self.above_end = self.word = self.previous = self.field = self.tail = 0
        self.records = BinaryPeriod() if binary else Period()  # which only the contexts of bytes use

    def append(self, s, content):
        """The symbol s, which stands for the bytes `content`, was coded."""
        if self.position == self.line:
            self.first = s
        self.position += 1
        for b in content:
            self.tail = (self.tail * 2 ** 8 + b) % 2 ** 64
            upper = b in b'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
            if upper or b in b'abcdefghijklmnopqrstuvwxyz' or b > 127:
                self.word = combine((self.word + 1) % 2 ** 32, b + 32 if upper else b)
                continue
            if self.word != 0:
                self.previous = self.word
            self.word = 0
            if b == 0x0A:
                self.field = 0
            if b in b'\t ",:;=|':
                self.field = combine(self.field, b)
        if 0x0A in content:
            self.above = self.line
            self.line = self.above_end = self.position
            self.first = LINE_START
        self.records.learn(self.position - self.begin, self.tail)

    def back(self, d):
        """sd."""
        return BEFORE if self.position - d < self.begin else self.symbols[self.position - d]

    def up(self, d):
        x = self.above + (self.position - self.line) + d
        return self.symbols[x] if x < self.above_end else NONE_ABOVE

    def bytes(self, c):
        q = self.tail % 2 ** (8 * c)
        return combine(combine(0, q % 2 ** 32), q // 2 ** 32)

    def record(self, r, d):
        period = self.records.period
        return self.back(r * period - d) if period > 0 else NONE_ABOVE

    @property
    def phase(self):
        period = self.records.period
        return (self.position - self.begin) % period if period > 0 else 0

    @property
    def column(self):
        return min(self.position - self.line, 255)


def token_contexts(text):
    s1, s2, s3, s4, s5, s6 = (text.back(d) for d in range(1, 7))
    up0, up1 = text.up(0), text.up(1)
    histories = [
        hash_of(1),
        hash_of(2, s1),
        hash_of(3, s1, s2),
        hash_of(4, s2, s3),
        hash_of(5, text.word, s1),
        hash_of(6, text.word, text.previous),
        hash_of(7, up0, up1, text.column),
        hash_of(8, text.first, text.column, s1),
        hash_of(9, text.field, text.first),
        hash_of(10, text.bytes(3)),
        hash_of(11, text.bytes(5)),
        hash_of(12, text.bytes(7))]
    candidates = [
        hash_of(13, s1, s2),
        hash_of(14, s1, s2, s3),
        hash_of(15, s1, s2, s3, s4, s5, s6),
        hash_of(16, up0, s1, s2),
        hash_of(17, text.first, text.column, s1),
        hash_of(18, text.field, text.first, s1),
        hash_of(19, text.word, text.previous)]
    return histories, candidates


def text_contexts(text):
    s1, s2, s3 = (text.back(d) for d in range(1, 4))
    histories = [
        hash_of(1),
        hash_of(2, s1),
        hash_of(3, text.bytes(2)),
        hash_of(4, text.bytes(3)),
        hash_of(5, text.bytes(4)),
        hash_of(6, text.word, s1),
        hash_of(7, text.up(0), s1, text.column),
        hash_of(8, text.field, text.first),
        hash_of(9, s2, s3),
        hash_of(10, text.record(1, 0), text.record(1, 1), s1),
        hash_of(11, text.record(1, 0), text.phase),
        hash_of(12, text.record(1, 0), text.record(1, 1), text.record(2, 0), s1, s2)]
    candidates = [
        hash_of(13, text.bytes(5)),
        hash_of(14, text.bytes(7)),
        hash_of(15, text.word, text.previous)]
    return histories, candidates


def binary_contexts(text):
    s1, s2, s3, s4 = (text.back(d) for d in range(1, 5))
    record1, record2, record3 = (text.record(r, 0) for r in (1, 2, 3))
    alignment = (text.position - text.begin) % 4
    histories, candidates = text_contexts(text)
    histories[5] = hash_of(6, record1, record2)
    histories[6] = hash_of(7, s4, text.back(8), alignment)
    histories[7] = hash_of(8, s1, s4, alignment)
    histories[11] = hash_of(12, record1, record2, record3)
    return histories, candidates


# ---- One decision

class Decision:
    """Level i after the bits p, and what was asked for it, which learns when its bit has come."""

    def __init__(self, i, p, levels):
        self.i, self.p, self.levels = i, p, levels
        self.path, self.group = 2 ** i + p, levels.group[i]
        k = i - levels.starts[self.group]
        self.node = 2 ** k - 1 + p % 2 ** k
        self.asked = []  # (map, entry, the bit that counts as a one)
        self.bit = None

    def fits(self, symbol):
        return symbol >> self.levels.depth - self.i == self.p

    def bit_of(self, symbol):
        return symbol >> self.levels.depth - 1 - self.i & 1

    def ask(self, map, entry, expected=1):
        """The logit of the map's entry for a one, if the entry is that of the bit `expected`."""
        self.asked.append((map, entry, expected))
        x = STRETCH[map.p(entry)]
        return x if expected == 1 else -x

    def came(self, bit):
        self.bit = bit
        for map, entry, expected in self.asked:
            map.count(entry, int(bit == expected))


# ---- Section 16. A view is what one lane sees of a table in one step, and remembers for what comes after the step.

class Bucket:
    def __init__(self):
        self.check, self.nodes = 0, [0] * 15


class HistoryTable:
    def __init__(self, bits):
        self.bits, self.buckets, self.map = bits, defaultdict(Bucket), Map(FIRST.__getitem__)

    def place(self, h):
        """Bucket, check of h, found?"""
        check, f = h % 256 or 1, h >> 32 - self.bits
        near, far = self.buckets[f], self.buckets[f ^ 1]
        if near.check == check:
            return near, check, True
        if far.check == check:
            return far, check, True
        return near if SEEN[near.nodes[0]] <= SEEN[far.nodes[0]] else far, check, False

    def learn(self, views, shuffled):
        """Of the views of the active lanes, from the highest lane to the lowest."""
        for view in views:
            for bucket, check, _ in view.places:
                bucket.check = check
        for bucket, check, found in shuffled(place for view in views for place in view.places):
            if not found and bucket.check == check:
                bucket.nodes = [0] * 15
        for view in views:
            for decision, history in view.used:
                bucket, check, _ = view.places[decision.group]
                if bucket.check == check:
                    bucket.nodes[decision.node] = NEXT[history][decision.bit]


class HistoryView:
    def __init__(self, table, context):
        self.table, self.context = table, context
        self.places, self.used = [], []

    def input(self, decision):
        """The input, and whether the history is not 0."""
        while len(self.places) <= decision.group:
            start = decision.levels.starts[len(self.places)]
            self.places.append(self.table.place(combine(self.context, decision.path >> decision.i - start)))
        bucket, _, found = self.places[decision.group]
        history = bucket.nodes[decision.node] if found else 0
        self.used.append((decision, history))
        return (decision.ask(self.table.map, history), True) if history else (0, False)


# ---- Section 17

def level_class(i):
    return 0 if i == 0 else 1 if i <= 3 else 2 if i <= 8 else 3


class CandidateTable:
    def __init__(self, bits):
        self.bits, self.entries, self.map = bits, {}, Map()

    def look(self, h):
        check, candidates = self.entries.get(h >> 32 - self.bits, (0, None))
        return candidates if check == (h % 2 ** 16 or 1) else (0, 0, 0, 0)

    def learn(self, views, shuffled):
        for view in views:
            self.entries[view.context >> 32 - self.bits] = view.context % 2 ** 16 or 1, view.after()


class CandidateView:
    def __init__(self, table, context):
        self.table, self.context = table, context
        self.candidates, self.symbol = table.look(context), None

    def input(self, decision):
        """The input, and whether a candidate fits."""
        one, c1, two, c2 = self.candidates
        one_fits, two_fits = c1 > 0 and decision.fits(one), c2 > 0 and decision.fits(two)
        if not one_fits and not two_fits:
            return 0, False
        e = decision.bit_of(one if one_fits else two)
        both = (True, decision.bit_of(two) == e) if one_fits and two_fits else (False,)
        return decision.ask(self.table.map, (one_fits, min(c1, 15), c2, both, level_class(decision.i)), e), True

    def after(self):
        (one, c1, two, c2), s = self.candidates, self.symbol
        if c1 > 0 and one == s:
            return one, min(c1 + 1, 31), two, c2
        return s, min(c2 + 1, 4) if c2 > 0 and two == s else 1, one, min(c1, 4)


# ---- Section 18

def length_class(r):
    return r if r <= 15 else 16 + (r - 16) // 4 if r <= 79 else min(63, 32 + (r - 80) // 16)


class MatchTable:
    """For one shortest length m: the table, the map, and the match (q, length) of each lane or None."""

    def __init__(self, m, bits, symbols, lanes):
        self.m, self.bits, self.symbols, self.lanes = m, bits, symbols, lanes
        self.indices, self.map, self.matches = {}, Map(), [None] * len(lanes)
        self.powers = [pow(0x2C9277B5, d - 1, 2 ** 32) for d in range(1, m + 1)]

    def lane_begin(self, q):
        return next(begin for begin, end in self.lanes if begin <= q < end)

    def hash(self, text):
        if text.position - text.begin < self.m:
            return None
        newest_first = self.symbols[text.position - self.m:text.position][::-1]  # s1 to sm
        return combine(self.m, sum([(s + 1) * power for s, power in zip(newest_first, self.powers)]) % 2 ** 32)

    def agreement(self, q, text):
        longest = min(64, q - self.lane_begin(q), text.position - text.begin)
        return next((r for r in range(longest) if self.symbols[q - 1 - r] != self.symbols[text.position - 1 - r]), longest)

    def look(self, l, h, text, t):
        """The match of lane l in step t."""
        if self.matches[l] is None and h is not None and h >> 32 - self.bits in self.indices:
            q = self.indices[h >> 32 - self.bits]
            r = self.agreement(q, text)
            if r >= self.m:
                self.matches[l] = q, r
        if self.matches[l] is not None:
            q = self.matches[l][0]
            if q == len(self.symbols) or q - self.lane_begin(q) >= t:
                self.matches[l] = None
        return self.matches[l]

    def learn(self, views, shuffled):
        for view in shuffled(views):
            if view.match is not None:
                q, r = view.match
                self.matches[view.l] = (q + 1, r + 1) if self.symbols[q] == view.symbol else None
        for view in views:
            if view.h is not None:
                self.indices[view.h >> 32 - self.bits] = view.position


class MatchView:
    def __init__(self, table, l, text, t):
        self.table, self.l, self.position = table, l, text.position
        self.h = table.hash(text)
        self.match, self.symbol = table.look(l, self.h, text, t), None

    def input(self, decision):
        """The input, and class and e of the match, if it fits."""
        if self.match is None or not decision.fits(self.table.symbols[self.match[0]]):
            return 0, None
        e, size = decision.bit_of(self.table.symbols[self.match[0]]), length_class(self.match[1])
        return decision.ask(self.table.map, (decision.i, size), e), (size, e)


# ---- Section 19

# By version: of histories, candidates, matches, the model, and of the last mixer.
FIRST_WEIGHTS = {1: (9830, 9830, 9830, 32768, [65536 // 5] * 5),
                 2: (5000, 7000, 9400, 45000, [9600, 15700, 16300, 11800, 9400]),
                 3: (3000, 5500, 9200, 53000, [4000, 15400, 19500, 13500, 8800])}
SHARES = [65536, 46341, 32768, 23170, 16384, 11585, 8192, 5793, 4096, 2896, 2048]
WEIGHT_LIMIT = 2 ** 19 - 1


class Mixer:
    def __init__(self, first_weights):
        self.sets, self.used, self.uses = defaultdict(lambda: list(first_weights)), [], Counter()

    def output(self, chosen_by, x, decision):
        weights = self.sets[chosen_by]
        y = logit(sum([w * value >> 5 for w, value in zip(weights, x)]) >> 11)
        self.used.append((chosen_by, weights, x, y, decision))
        return y

    def learn(self, rate_of, shuffled):
        """rate_of(U) is the rate of a set that U decisions have used before."""
        for chosen_by, weights, x, y, decision in shuffled(self.used):
            gradient = (65536 * decision.bit - SQUASH[y]) * rate_of(self.uses[chosen_by]) + 2 ** 11 >> 12
            weights[:] = [w + (value * gradient + 2 ** 11 >> 12) for w, value in zip(weights, x)]
        self.uses.update(chosen_by for chosen_by, *_ in self.used)
        for _, weights, _, _, _ in self.used:
            if max(weights) > WEIGHT_LIMIT or min(weights) < -WEIGHT_LIMIT:
                weights[:] = [limit(w, -WEIGHT_LIMIT, WEIGHT_LIMIT) for w in weights]
        self.used.clear()


def learning_rate(version, base, lanes, coded, uses):
    boosted = base + (base * 3 * 16384 // (16384 + coded) if version < 3 else base * 5 * 128 // (128 + uses))
    return boosted * SHARES[lanes.bit_length() - 1] >> 16


def match_state(size):
    """Of the class of the best match, None without one."""
    return 0 if size is None else 1 if size <= 7 else 2 if size <= 14 else 3 if size <= 23 else 4 if size <= 39 else 5


# ---- Section 20

KNOT = 192


def match_reach(size):
    return 0 if size is None else 1 if size <= 14 else 2 if size <= 31 else 3


def refine(y, maps, contexts, decision, parts):
    """The probability of a zero."""
    k, v = divmod(limit(y + 16 * KNOT, 0, 32 * KNOT - 1), KNOT)
    q = SQUASH[y]
    for map, context in zip(maps, contexts):
        r = (map.p((context, k)) * (KNOT - v) + map.p((context, k + 1)) * v) // KNOT
        q += (r - SQUASH[y]) // parts
        decision.asked.append((map, (context, k if v < KNOT / 2 else k + 1), 1))
    return 65536 - limit(q, 1, 65535)


# ---- Sections 11, 21 and 22

class LaneStep:
    """One lane in one step: what it sees of the tables, and its decisions' outcome."""

    def __init__(self, memory, l):
        self.l, self.text = l, memory.texts[l]
        histories, candidates = memory.contexts(self.text)
        self.histories = [HistoryView(*both) for both in zip(memory.histories, histories, strict=True)]
        self.candidates = [CandidateView(*both) for both in zip(memory.candidates, candidates, strict=True)]
        self.matches = [MatchView(table, l, self.text, memory.t) for table in memory.matches]
        self.symbol = None


class Memory:
    """The memory of a block. `contents` holds the bytes of each symbol, `lanes` where each lane begins and ends."""

    def __init__(self, contents, lanes, with_model, version=1, binary=False, seed=0):
        count, size = lanes[-1][1], lanes[-1][1].bit_length()
        self.contents, self.lanes, self.with_model, self.random = contents, lanes, with_model, random.Random(seed)
        self.levels = Levels(len(contents))
        self.symbols = [None] * count  # None: not known yet
        self.texts = [LaneText(self.symbols, begin, binary) for begin, _ in lanes]
        self.t = self.coded = 0

        self.version, self.binary = version, binary
        self.contexts = token_contexts if with_model else binary_contexts if binary else text_contexts
        candidate_count, shortest = (7, (24, 12, 5)) if with_model else (3, (24, 8))
        self.bases = (328, 66) if not with_model else (1311, 328) if version < 3 else (917, 131)
        self.histories = [HistoryTable(limit(size + 1, 10, 18)) for _ in range(12)]
        self.candidates = [CandidateTable(limit(size, 10, 20)) for _ in range(candidate_count)]
        self.matches = [MatchTable(m, limit(size, 10, 22), self.symbols, lanes) for m in shortest]
        history, candidate, match, model, final = FIRST_WEIGHTS[version]
        weights = [history] * 12 + [candidate] * candidate_count + [match] * len(shortest) + [model] * with_model + [0]
        self.mixers = [Mixer(weights) for _ in range(5)]
        self.last_mixer = Mixer(final)
        self.refinements = [Map(lambda entry: SQUASH[logit((entry[1] - 16) * KNOT)]) for _ in range(2)]

    def shuffled(self, items):
        items = list(items)
        self.random.shuffle(items)
        return items

    def active_lanes(self):
        return [l for l, (begin, end) in enumerate(self.lanes) if begin + self.t < end]

    def step(self, code, model_zero=None):
        """Section 21. code(l, P) codes a decision of lane l and returns its bit; model_zero(l, i, p) is the model's z."""
        steps = [self.lane_step(l, code, model_zero) for l in self.shuffled(self.active_lanes())]
        steps.sort(key=lambda step: -step.l)
        for step in steps:
            for view in step.candidates + step.matches:
                view.symbol = step.symbol
        self.learn(steps)
        for step in self.shuffled(steps):
            self.symbols[step.text.position] = step.symbol
            step.text.append(step.symbol, self.contents[step.symbol])
        self.coded += len(steps)
        self.t += 1

    def lane_step(self, l, code, model_zero):
        step, p = LaneStep(self, l), 0
        for i in range(self.levels.depth):
            bit = 0
            if self.levels.has_decision(i, p):
                decision = Decision(i, p, self.levels)
                stretched = STRETCH[65536 - model_zero(l, i, p)] if self.with_model else 0
                bit = code(l, self.probability(step, decision, stretched))
                decision.came(bit)
            p = 2 * p + bit
        step.symbol = p
        return step

    def probability(self, step, decision, model):
        """Of a zero. `model` is the model's input, if there is one."""
        histories, known = zip(*(view.input(decision) for view in step.histories))
        candidates, fitting = zip(*(view.input(decision) for view in step.candidates))
        matches, found = zip(*(view.input(decision) for view in step.matches))
        best_class, best_e = next(filter(None, found), (None, 0))  # the shortest lengths fall
        x = [*histories, *candidates, *matches, *[model] * self.with_model, 256]

        i, p, s1, text = decision.i, decision.p, step.text.back(1), step.text
        confidence = min(7, abs(model) // 192)
        wide = self.binary or not self.with_model and text.position - text.line >= 255
        chosen_by = [
            (i, match_state(best_class), confidence),
            (i, min(15, sum(known)), min(3, (sum(fitting) + 1) // 2)),
            decision.path if i < 7 else (i, p >> i - 7),
            (i, (s1 >> max(0, self.levels.depth - 8)) % 256),
            8 * (text.record(1, 0) % 256) + i if wide else combine(combine(text.field, text.first), i) % 4096]
        outputs = [mixer.output(chosen, x, decision) for mixer, chosen in zip(self.mixers, chosen_by)]
        y = self.last_mixer.output((i, confidence) if self.version < 3 else i, outputs, decision)
        refined_by = [(i, match_reach(best_class), best_e), combine(combine(s1, 77), decision.path) % 4096]
        return refine(y, self.refinements, refined_by, decision, 4 if self.version < 3 else 8)

    def learn(self, steps):
        """Of the steps of the active lanes, from the highest to the lowest. The parts do not depend on each other."""
        rates = [partial(learning_rate, self.version, base, len(self.lanes), self.coded) for base in self.bases]
        parts = [(table.map.learn,) for table in self.histories + self.candidates + self.matches]
        parts += [(map.learn,) for map in self.refinements]
        parts += [(mixer.learn, rates[0], self.shuffled) for mixer in self.mixers]
        parts += [(self.last_mixer.learn, rates[1], self.shuffled)]
        for tables, kind in ((self.histories, 'histories'), (self.candidates, 'candidates'), (self.matches, 'matches')):
            parts += [(table.learn, [getattr(step, kind)[j] for step in steps], self.shuffled) for j, table in enumerate(tables)]
        for learn, *arguments in self.shuffled(parts):
            learn(*arguments)
