#!/usr/bin/env python3
"""decode_test.py PROGRAM range|ranks MODEL TEXT_FILE BYTES   what the program makes of the first bytes of a text
decode_test.py PROGRAM range|ranks random SEED              of a random model and text (random_model.py)

Compresses with the program, decodes with reference_archive.py and compares. Exit code 77: NumPy is not installed.
"""
import os
import subprocess
import sys
import tempfile

import random_model  # exits with 77 where NumPy is missing
from reference_archive import decode
from reference_model import Model, check


def main(program, coder, model, source, *size):
    with tempfile.TemporaryDirectory() as folder:
        text, archive, out = (os.path.join(folder, name) for name in ('text.txt', 'text.fz', 'out'))
        if model == 'random':
            print('seed', source)
            model = os.path.join(folder, 'random.fzm')
            random_model.write_model(model, int(source))
            random_model.write_text(text, model, int(source))
        else:
            with open(source, 'rb') as file, open(text, 'wb') as copy:
                copy.write(file.read(int(size[0])))
        subprocess.run([program, 'compress', '--quiet', '--model', model, '--coder', coder, '-o', archive, text], check=True)
        decode(archive, Model(model), out)
        with open(text, 'rb') as file, open(out, 'rb') as copy:
            check(file.read() == copy.read(), 'decoded to other bytes')


if __name__ == '__main__':
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
