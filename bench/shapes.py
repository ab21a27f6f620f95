#!/usr/bin/env python3
"""Which vocabulary and which shape a model of this size should have: small models, each given the same arithmetic, as a Markdown table.

    shapes.py DIR TEXT... --work out/shapes

Each shape is trained from scratch on TEXT for the same number of multiply-adds, with a tokenizer of its own vocabulary; then it codes
the first files of each category of DIR, which it has not seen, alone and with the memory. Training goes first, for all of
them (an interrupted one is gone on with), so that the times of coding are measured together. Standard library only."""
import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from types import SimpleNamespace
from typing import NamedTuple

import ratio


class Shape(NamedTuple):
    name: str
    vocabulary: int = 8192
    layers: int = 6
    width: int = 256
    heads: int = 4
    kv_heads: int = 4
    feed_forward: int = 704
    context: int = 512
    head_width: int = 64

    def layer_weights(self):
        return self.width * self.head_width * 2 * (self.heads + self.kv_heads) + 3 * self.width * self.feed_forward

    def parameters(self):
        return self.layers * self.layer_weights() + self.vocabulary * self.width

    def multiply_adds(self):
        """Of a token in the middle of a chunk."""
        attention = self.layers * 2 * self.heads * self.head_width * self.context // 2
        return self.parameters() + attention


SHAPES = [
    Shape("as the default"),
    Shape("4096 tokens", vocabulary=4096),
    Shape("16384 tokens", vocabulary=16384),
    Shape("deeper: 11 × 192", layers=11, width=192, heads=3, kv_heads=3, feed_forward=512),
    Shape("wider: 3 × 384", layers=3, width=384, heads=6, kv_heads=6, feed_forward=1024),
    Shape("1 key/value head of 4", kv_heads=1, feed_forward=832),
    Shape("context 256", context=256),
    Shape("context 1024", context=1024),
    Shape("smaller: 4 × 192", layers=4, width=192, heads=3, kv_heads=3, feed_forward=512),
    Shape("larger: 8 × 320", layers=8, width=320, heads=5, kv_heads=5, feed_forward=896),
]


def call(arguments, *words):
    done = subprocess.run([arguments.program, *words, "--progress", "none"], check=False)
    if done.returncode != 0:
        sys.exit(f"shapes.py: exit code {done.returncode}: fz-dist {shlex.join(words)}")


def directory_of(arguments, shape):
    return os.path.join(arguments.work, "".join(c if c.isalnum() else "-" for c in shape.name))


def train(arguments, shape, weights):
    tokenizer = os.path.join(arguments.work, f"tokenizer-{shape.vocabulary}.json")
    if not os.path.exists(tokenizer):
        call(arguments, "model", "tokenizer", *arguments.texts, "--vocabulary", str(shape.vocabulary), "--sample", "64MB", "-o", tokenizer)
    output = directory_of(arguments, shape)
    if os.path.exists(output):
        return
    tokens = arguments.tokens * SHAPES[0].multiply_adds() // shape.multiply_adds()
    ratio.note(f"{shape.name}: {shape.parameters() / 1e6:.1f} M parameters, {tokens / 1e6:.2f} million tokens")
    chunks = arguments.batch_tokens // shape.context
    call(arguments, "model", "train", *arguments.texts, *weights, "-o", output, "--tokenizer", tokenizer,
         "--budget", f"{tokens // 1000}ktok", "--layers", str(shape.layers), "--width", str(shape.width), "--heads", str(shape.heads),
         "--kv-heads", str(shape.kv_heads), "--head-width", str(shape.head_width), "--feed-forward-width", str(shape.feed_forward),
         "--context", str(shape.context), "--batch", str(chunks), "--last-rate", "0", "--checkpoint-every", "2")


def measure(arguments, shape, samples):
    """Bits a byte alone, bits a byte with the memory, KB/s in, KB/s out."""
    table, totals = ratio.Table(samples), {}
    for variant in ratio.VARIANTS:
        if variant.key not in ("both", "model"):
            continue
        options = SimpleNamespace(program=arguments.program, model=os.path.join(directory_of(arguments, shape), "model.fzm"), threads=0,
                                  options=[], speed=variant.key == "both")
        for sample in samples:
            with tempfile.TemporaryDirectory(prefix="fz-bench-") as scratch:
                table.results[sample.name, variant.name] = ratio.measure_fz(sample, variant, options, scratch)
        totals[variant.key] = table.total(variant.name)
    alone, both, raw = totals["model"], totals["both"], table.raw_bytes
    return [8 * alone.packed_bytes / raw, 8 * both.packed_bytes / raw, raw / 1000 / both.pack_seconds, raw / 1000 / both.unpack_seconds]


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", metavar="DIR", help="text to code; each sub-directory is a category")
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="text to train on")
    parser.add_argument("--weight", action="append", default=[], metavar="CATEGORY=W", help="as of model train")
    parser.add_argument("--work", required=True, metavar="DIR", help="keeps the models")
    parser.add_argument("--tokens", type=int, default=2_500_000, help="that the first shape is trained on; default: 2500000")
    parser.add_argument("--batch-tokens", type=int, default=4096, help="of a step; default: 4096")
    parser.add_argument("--limit-bytes", type=int, default=100_000, metavar="N", help="of each category; default: 100000")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="these shapes only; the table in --output keeps its rows of the others")
    parser.add_argument("--program", default=os.path.join(ratio.ROOT, "build", "fz-dist"), help="default: build/fz-dist")
    parser.add_argument("--output", default="", metavar="FILE", help="also write the table into this Markdown file")
    arguments = parser.parse_args(argv)
    arguments.program = os.path.abspath(arguments.program)
    only = ratio.chosen("--only", arguments.only, [shape.name for shape in SHAPES])
    arguments.shapes = [shape for shape in SHAPES if not only or shape.name in only]
    if arguments.output:
        ratio.split_at_section(arguments.output, "shapes")  # said now, not after a run of hours
    return arguments


def main(argv):
    arguments = parse_arguments(argv)
    os.makedirs(arguments.work, exist_ok=True)
    weights = [word for weight in arguments.weight for word in ("--weight", weight)]
    for shape in arguments.shapes:
        train(arguments, shape, weights)
    samples = ratio.category_samples(arguments.samples, arguments.limit_bytes)
    rows = ratio.rows_of_section(arguments.output, "shapes") if arguments.output and arguments.only else {}
    for shape in arguments.shapes:
        alone, both, pack, unpack = measure(arguments, shape, samples)
        rows[shape.name] = [shape.name, f"{shape.parameters() / 1e6:.1f}", f"{shape.multiply_adds() / 1e6:.1f}", f"{alone:.3f}",
                            f"{both:.3f}", f"{pack:.0f}", f"{unpack:.0f}"]
        ratio.note(" ".join(rows[shape.name]))
    header = ["", "million parameters", "million multiply-adds a token", "alone, bits/byte", "with the memory", "KB/s in", "KB/s out"]
    command = shlex.join(ratio.without_places(word) for word in argv)
    table = ratio.markdown(header, [rows[shape.name] for shape in SHAPES if shape.name in rows])
    text = "\n\n".join([ratio.machine(arguments.program), f"`bench/shapes.py {command}`", table])
    print(text)
    if arguments.output:
        ratio.write_section(arguments.output, "shapes", text)


if __name__ == "__main__":
    main(sys.argv[1:])
