#!/usr/bin/env python3
"""encode_test.py PROGRAM text|binary LANE_BITS SEED   what the program makes of a block of codec 6 or 11 with 2^LANE_BITS lanes

The program reads lanes of bytes, but writes one only. So this writes an archive of one file itself, from docs/format.md and with
reference_memory.py, and has the program decompress it. Exit code 77: NumPy is not installed.
"""
import os
import random
import struct
import subprocess
import sys
import tempfile

from reference_archive import BINARY, MEMORY
from reference_memory import Memory
from reference_model import check, sha256


class RangeEncoder:
    """The inverse of reference_archive.RangeDecoder. `low` is the whole fraction so far, times 2^32 and 2^8 for each shift."""

    def __init__(self):
        self.low, self.range, self.bytes = 0, 2 ** 32 - 1, 4

    def decision(self, p, bit):
        bound = self.range * p >> 16
        self.low, self.range = (self.low + bound, self.range - bound) if bit else (self.low, bound)
        while self.range < 2 ** 24:
            self.low, self.range, self.bytes = self.low << 8, self.range << 8, self.bytes + 1

    def stream(self):
        """The shortest number in [low, low + range)."""
        cut = max(s for s in range(8 * self.bytes + 1) if s % 8 == 0 and self.low + self.range - 1 >> s << s >= self.low)
        return (self.low + self.range - 1 >> cut).to_bytes(self.bytes - cut // 8, 'big')


def varint(value):
    return bytes([value]) if value < 128 else bytes([value % 128 + 128]) + varint(value // 128)


def zstd(data):
    """A frame of one raw block (RFC 8878); one byte holds the size of the content."""
    return b'\x28\xb5\x2f\xfd\x20' + bytes([len(data)]) + (len(data) << 3 | 1).to_bytes(3, 'little') + data


def encode(raw, codec, lane_bits):
    """The payload of codec 6 or 11."""
    lanes, size = 1 << lane_bits, len(raw)
    starts = [l * size // lanes for l in range(lanes + 1)]
    memory = Memory([bytes([b]) for b in range(256)], list(zip(starts, starts[1:])), with_model=False, binary=codec == BINARY)
    coders, decisions = [RangeEncoder() for _ in range(lanes)], [0] * lanes

    def code(l, zero):
        bit = raw[starts[l] + memory.t] >> 7 - decisions[l] % 8 & 1
        decisions[l] += 1
        coders[l].decision(zero, bit)
        return bit

    while memory.active_lanes():
        memory.step(code)
    streams = [coder.stream() for coder in coders]
    return bytes([lane_bits]) + b''.join(varint(len(stream)) for stream in streams[:-1]) + b''.join(streams)


def archive_of(name, raw, codec, payload):
    header = struct.pack('<8sHBBIIIQ32s32s', b'\x89FZD\r\n\x1a\n', 6 if codec == BINARY else 2, 0, 0, 0, 0, 2 ** 20, 0, b'', b'')
    header += sha256(header)[:8]
    block = struct.pack('<4sB3xIQII16s8s', b'FZb1', codec, 0, 0, len(raw), len(payload), sha256(raw)[:16], sha256(payload)[:8])
    block += sha256(block)[:4] + payload
    table_data = b'\x01\x00' + varint(0o644) + b'\0\0' + varint(len(name)) + name + varint(0) + varint(len(raw))
    index_data = bytes([codec]) + varint(len(raw)) + varint(len(payload))
    table, index = zstd(table_data), zstd(index_data)
    footer = struct.pack('<QIIIIIIQ16s16s', len(header + block), len(table), len(table_data), len(index), len(index_data), 1, 0,
                         len(raw), sha256(table)[:16], sha256(index)[:16])
    return header + block + table + index + footer + sha256(footer)[:8] + b'FZend\r\n\x1a'


def repetitive(rng, size):
    """Words enough to fill the tables, and repetitions longer than the lanes."""
    words, data = [rng.randbytes(rng.randint(2, 9)) + rng.choice((b' ', b', ', b'\n')) for _ in range(150)], b''
    while len(data) < size:
        word = words[int(rng.paretovariate(0.5)) % len(words)]
        data += rng.choices((word, word * 9, bytes(40), data[-100:]), (60, 1, 1, 2))[0]
    return data[:size]


def main(program, contents, lane_bits, seed):
    codec = {'text': MEMORY, 'binary': BINARY}[contents]
    rng, lane_bits = random.Random(int(seed)), int(lane_bits)
    raw = repetitive(rng, 5000 + rng.randrange(1000) + 3 * 2 ** lane_bits)
    payload = encode(raw, codec, lane_bits)
    check(len(payload) <= len(raw), 'the payload is too long')
    with tempfile.TemporaryDirectory() as folder:
        archive, out = os.path.join(folder, 'it.fz'), os.path.join(folder, 'out')
        with open(archive, 'wb') as file:
            file.write(archive_of(b'it', raw, codec, payload))
        subprocess.run([program, 'decompress', '--quiet', archive, '-o', out], check=True)
        with open(os.path.join(out, 'it'), 'rb') as file:
            check(file.read() == raw, 'the program decodes to other bytes')
    print('%d lanes, %d to %d bytes: the program agrees' % (2 ** lane_bits, len(raw), len(payload)))


if __name__ == '__main__':
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
