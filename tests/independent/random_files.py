"""Writes a small text and a small binary file, for what usual texts do not reach in the memory: records, long lines, long
repetitions, and a period that changes."""
import random

WORDS = ['lane', 'Table', 'symbol', 'the', 'of', 'Übung', 'x', 'history', 'and', 'MATCH']


def write_text(path, seed):
    """Rows of fields, with the odd word and separator among them."""
    rng, text = random.Random(seed), ''
    for row in range(60):
        fields = [str(row), rng.choice(WORDS), '%.2f' % (row * 0.25), ' '.join(rng.choices(WORDS, k=rng.randint(0, 4)))]
        text += rng.choice((',', ';', '\t', '|', ' = ')).join(fields) + '\n' * rng.choice((1, 1, 1, 2))
    with open(path, 'w', encoding='utf-8', newline='') as file:
        file.write(text)


def records(rng, size, count):
    """Some bytes of a record count, some stay, some are random. An end of line is rare, so lines are long."""
    fixed, data = rng.randbytes(size), b''
    for i in range(count):
        record = bytearray(fixed)
        record[0:4] = (i * 37).to_bytes(4, 'little')
        record[size // 2] = rng.choice(b'\0\0\0\x01\xff\n')
        record[size - 1] = rng.randrange(256)
        data += record
    return data


def write_binary(path, seed):
    rng = random.Random(seed)
    data = bytes(100) + rng.randbytes(600) + records(rng, 24, 72)  # the zeros make it a binary file
    data += bytes(500) + rng.randbytes(50) + b'\xff' * 500 + records(rng, 61, 5)  # matches that reach the last length class
    data += b'ab' * 30 + records(rng, 7, 50)
    data += data[-4096:-3500]  # most of the random bytes, at the largest period
    data += records(rng, 12, 500)  # votes enough for the next age
    data += records(rng, 61, 25) + data[:300]
    with open(path, 'wb') as file:
        file.write(data)
