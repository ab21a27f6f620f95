#!/usr/bin/env python3
"""The loss of an adapter in training by number of ranks, which share the chunks of each step, as a Markdown table:

    train_ranks.py TEXT [--ranks 1,2,4] [--chunks 16] [--budget 250ktok] [--output docs/results.md]

Each run trains on the same TEXT; another seed with one rank shows how much is noise. That all ranks of a run saw the same losses and
ended with the same adapter is checked, not assumed. Standard library only; needs mpirun."""
import argparse
import os
import re
import shlex
import sys
import tempfile
from typing import NamedTuple

import ratio

STEP = re.compile(r"training: (\d+) tokens, ([0-9.]+) bits a token")
HELD_OUT = re.compile(r"training: held-out text at ([0-9.]+) bits a token")
ADAPTER = re.compile(r"memorization: the adapter of \d+ bytes has the hash ([0-9a-f]{64})")
ROWS = 8


class Run(NamedTuple):
    name: str
    steps: list  # of (tokens, bits a token, the mean of the last steps)
    held_out: list  # bits a token, at first, perhaps between, and at the end
    adapter: str


def read_log(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    steps = [(int(tokens), float(bits)) for tokens, bits in STEP.findall(text)]
    return steps, [float(bits) for bits in HELD_OUT.findall(text)], ADAPTER.findall(text)


def train(arguments, ranks, seed):
    chunks = arguments.chunks // ranks
    name = f"{ranks} rank{'s' * (ranks > 1)} × {chunks}" + (f", seed {seed}" if seed != 1 else "")
    with tempfile.TemporaryDirectory(prefix="fz-bench-") as scratch:
        ratio.run(["mpirun", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none", "-n", str(ranks), arguments.program,
                   "compress", os.path.abspath(arguments.text), "-o", "x.fz", "-q", "--threads", "1", "--memorize", "on",
                   "--memorize-budget", arguments.budget, "--memorize-batch", str(chunks), "--memorize-seed", str(seed),
                   "--log-file", "log", "--log-level", "debug"], scratch)
        logs = [read_log(os.path.join(scratch, f"log.{rank}" if rank else "log")) for rank in range(ranks)]
    for rank, log in enumerate(logs):
        if log != logs[0] or len(log[2]) != 1:
            sys.exit(f"train_ranks.py: {name}: rank {rank} has another training or adapter than rank 0")
    steps, held_out, adapters = logs[0]
    ratio.note(f"{name}: held out {held_out[0]} -> {held_out[-1]}, adapter {adapters[0][:16]}")
    return Run(name, steps, held_out, adapters[0])


def bits_at(run, tokens):
    """Of the step that reaches so many tokens."""
    return next((bits for reached, bits in run.steps if reached >= tokens), run.steps[-1][1])


def table(runs):
    last = min(run.steps[-1][0] for run in runs)
    rows = [[f"{last * i // ROWS / 1000:.0f} k tokens", *(f"{bits_at(run, last * i // ROWS):.3f}" for run in runs)]
            for i in range(1, ROWS + 1)]
    rows.append(["held out, before", *(f"{run.held_out[0]:.3f}" for run in runs)])
    rows.append(["held out, after", *(f"{run.held_out[-1]:.3f}" for run in runs)])
    rows.append(["adapter, on all ranks", *(f"`{run.adapter[:8]}`" for run in runs)])
    return ratio.markdown(["bits a token", *(run.name for run in runs)], rows)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", metavar="TEXT", help="a file or directory")
    parser.add_argument("--ranks", default="1,2,4", metavar="N,N", help="how many; default: 1,2,4")
    parser.add_argument("--chunks", type=int, default=16, metavar="N", help="of a step, over all ranks; default: 16")
    parser.add_argument("--budget", default="250ktok", help="how long to train, in tokens; default: 250ktok")
    parser.add_argument("--program", default=os.path.join(ratio.ROOT, "build", "fz-dist"), help="default: build/fz-dist")
    parser.add_argument("--output", default="", metavar="FILE", help="also write the table into this Markdown file")
    arguments = parser.parse_args(argv)
    arguments.program = os.path.abspath(arguments.program)
    counts = [int(count) for count in arguments.ranks.split(",")]
    if any(arguments.chunks % count for count in counts):
        sys.exit("train_ranks.py: --chunks must be a multiple of each number of ranks")
    if arguments.output:
        ratio.split_at_section(arguments.output, "train-ranks")  # said now, not after all runs
    runs = [train(arguments, 1, 1), train(arguments, 1, 2), *(train(arguments, count, 1) for count in counts if count > 1)]
    command = shlex.join(ratio.without_places(word) for word in argv)
    text = "\n\n".join([ratio.machine(arguments.program), f"`bench/train_ranks.py {command}`", table(runs)])
    print(text)
    if arguments.output:
        ratio.write_section(arguments.output, "train-ranks", text)


if __name__ == "__main__":
    main(sys.argv[1:])
