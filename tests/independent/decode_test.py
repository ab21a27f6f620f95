#!/usr/bin/env python3
"""decode_test.py PROGRAM mixed|range|ranks MODEL TEXT_FILE BYTES   what the program makes of the first bytes of a text
decode_test.py PROGRAM mixed|range|ranks random SEED             of a random model and text (random_model.py)
decode_test.py PROGRAM memory|quick none TEXT_FILE BYTES         of the first bytes of a text, without a model
decode_test.py PROGRAM CODER+adapter …                            the same with an adapter of random integers
decode_test.py PROGRAM CODER+context …                            the same with a context shorter than the model's
decode_test.py PROGRAM memory none binary SEED                   of a random text and binary file (random_files.py), without a model

Compresses with the program, decodes with reference_archive.py and compares. Exit code 77: NumPy is not installed.
"""
import os
import subprocess
import sys
import tempfile

import random_adapter  # exits with 77 where NumPy is missing
import random_files
import random_model
from reference_archive import decode
from reference_model import Model, check

CODECS = {'range': 7, 'ranks': 8, 'mixed': 12, 'memory': 6, 'quick': 10}
SHORT_CONTEXT = 40
BINARY = 11  # of the second file, if there are two


def write_inputs(folder, coder, model, source, size):
    """Path of the model, and of the files to compress, in the order of the corpus stream."""
    text = os.path.join(folder, 'text.txt')
    if model == 'random':
        model = os.path.join(folder, 'random.fzm')
        random_model.write_model(model, int(source))
        write = random_model.write_mixed_text if coder == 'mixed' else random_model.write_text
        write(text, model, int(source))
    elif source == 'binary':
        binary = os.path.join(folder, 'binary')
        random_files.write_text(text, int(size))
        random_files.write_binary(binary, int(size))
        return model, [text, binary]
    else:
        with open(source, 'rb') as file, open(text, 'wb') as copy:
            copy.write(file.read(int(size)))
    return model, [text]


def main(program, coder, model, source, size=''):
    coder, _, variant = coder.partition('+')
    with tempfile.TemporaryDirectory() as folder:
        archive, out = (os.path.join(folder, name) for name in ('it.fz', 'out'))
        model, inputs = write_inputs(folder, coder, model, source, size)
        arguments = {'memory': ['--thorough'], 'quick': []}.get(coder, ['--coder', coder])
        if variant == 'adapter':
            adapter = os.path.join(folder, 'it.fza')
            random_adapter.write_adapter(adapter, Model(model), 1)
            arguments += ['--adapter', adapter]
        if variant == 'context':
            arguments += ['--context', str(SHORT_CONTEXT)]
        subprocess.run([program, 'compress', '--quiet', '--model', model, *arguments, '-o', archive, *inputs], check=True)
        blocks = decode(archive, None if model == 'none' else Model(model), out)
        with open(archive, 'rb') as file:
            header = file.read(32)
        check((int.from_bytes(header[24:], 'little') > 0) == (variant == 'adapter'), 'no adapter in the archive')
        check((int.from_bytes(header[16:20], 'little') == SHORT_CONTEXT) == (variant == 'context'), 'another context in the archive')
        # Without this the test could pass with blocks that another codec won.
        check([codec for codec, _ in blocks] == [CODECS[coder], BINARY][:len(inputs)], 'other blocks than those that are to be tested')
        if coder == 'mixed' and os.path.dirname(model) == folder:
            check(blocks[0][1] == random_model.MIXED_LANES, 'another number of lanes than the one to be tested')
        corpus = b''
        for path in inputs:
            with open(path, 'rb') as file:
                corpus += file.read()
        with open(out, 'rb') as copy:
            check(corpus == copy.read(), 'decoded to other bytes')


if __name__ == '__main__':
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
