#!/usr/bin/env python3
"""What an adapter brings, by size of the corpus and duration of training, its own bytes counted, as a Markdown table and a plot.

    memorize.py NAME=DIR... --sizes 1,4,16 --budgets 30s,2min,8min

Each NAME=DIR is text of one kind that the model was not trained on. Of each, corpora of these sizes (in MB, the smaller within the
larger) are compressed without an adapter and with one of each budget; so many hours are better spent on an idle machine. With
--keep FILE, what is measured stays there: the same file given again leaves that out, and tables and plots hold all of it. Corpora
for which there is not enough text are left out, and named. Standard library only."""
import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from typing import NamedTuple

import plot
import ratio

SECONDS = {"s": 1, "min": 60, "h": 3600}


class Run(NamedTuple):
    archive_bytes: int
    seconds: float
    adapter_bytes: int
    adapter_rank: int


def seconds_of(budget):
    for unit, seconds in SECONDS.items():
        if budget.endswith(unit) and budget[:-len(unit)].isdigit():
            return int(budget[:-len(unit)]) * seconds
    sys.exit(f"memorize.py: --budgets: {budget}: give times such as 30s, 2min or 1h")


def files_in_some_order(directory):
    """All files below, mixed, in an order that is the same wherever they lie."""
    files = ratio.files_below(directory, directory)
    return sorted(files, key=lambda path: hashlib.sha256(os.fsencode(path)).digest())


def make_corpus(directory, size_bytes, target):
    """One file of about this size, the first files of the kind; the number of bytes."""
    total = 0
    with open(target, "wb") as out:
        for path in files_in_some_order(directory):
            if total >= size_bytes:
                break
            with open(os.path.join(directory, path), "rb") as file:
                total += out.write(file.read(size_bytes - total))
    return total


def compress(arguments, text, options):
    archive = text + ".fz"
    seconds = ratio.run([arguments.program, "compress", text, "-o", archive, "-q", "--force", *options, *arguments.options],
                        os.path.dirname(text))
    info = subprocess.run([arguments.program, "info", archive, "--json"], check=True, capture_output=True, text=True)
    adapter = json.loads(info.stdout)["adapter"]
    return Run(os.path.getsize(archive), seconds, adapter["bytes"] if adapter else 0, adapter["rank"] if adapter else 0)


class Results:
    """(kind, megabytes) -> budget ("" for none) -> Run; kept in a file if there is a name for it."""

    def __init__(self, path):
        self.path = path
        self.runs = {}
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for kind, megabytes, budget, run in json.load(file):
                    self.runs.setdefault((kind, megabytes), {})[budget] = Run(*run)

    def add(self, kind, megabytes, budget, run):
        self.runs.setdefault((kind, megabytes), {})[budget] = run
        if self.path:
            with open(self.path + ".new", "w", encoding="utf-8") as file:
                json.dump([[*corpus, budget, run] for corpus, runs in self.runs.items() for budget, run in runs.items()], file, indent=1)
            os.replace(self.path + ".new", self.path)


def measure(arguments, kind, directory, megabytes, scratch, results):
    """Adds what is missing; nothing where there is not enough text."""
    missing = [budget for budget in ["", *arguments.budgets] if budget not in results.runs.get((kind, megabytes), {})]
    text = os.path.join(scratch, f"{kind}-{megabytes}")
    if not missing:
        return
    if make_corpus(directory, megabytes * 1_000_000, text) < megabytes * 1_000_000:
        ratio.note(f"{kind}: has no {megabytes} MB: left out")
        return
    for budget in missing:
        run = compress(arguments, text, ["--memorize", "on", "--memorize-budget", budget] if budget else ["--memorize", "off"])
        results.add(kind, megabytes, budget, run)
        ratio.note(f"{kind}, {megabytes} MB, {budget or 'no adapter'}: {run.archive_bytes} bytes")
    os.remove(text)


def rows(results):
    for (kind, megabytes), runs in sorted(results.items()):
        plain = runs[""]
        for budget, run in runs.items():
            if budget:
                yield [f"{kind}, {megabytes} MB", budget, str(plain.archive_bytes), str(run.archive_bytes), str(run.adapter_bytes),
                       str(run.adapter_rank), f"{100 * (run.archive_bytes / plain.archive_bytes - 1):+.2f} %", f"{plain.seconds:.0f}", f"{run.seconds:.0f}"]


def write_plot(results, arguments):
    panels = {}
    for (kind, megabytes), runs in results.items():
        plain = runs[""].archive_bytes
        curve = [plot.Point(f"{megabytes} MB", seconds_of(budget), 100 * (run.archive_bytes / plain - 1), True)
                 for budget, run in sorted(runs.items(), key=lambda item: seconds_of(item[0] or "0s")) if budget]
        if curve:
            panels.setdefault(f"{kind}: seconds of training", []).append(curve)
    text = plot.curves_svg("What an adapter brings: duration against gain", ratio.machine(arguments.program),
                           "change of the archive, per cent", panels)
    with open(arguments.plot, "w", encoding="utf-8") as file:
        file.write(text)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="+", metavar="NAME=DIR")
    parser.add_argument("--sizes", default="1,4,16,64", metavar="MB,MB", help="of the corpora, in millions of bytes")
    parser.add_argument("--budgets", default="30s,2min,8min", metavar="A,B", help="how long to train")
    parser.add_argument("--program", default=os.path.join(ratio.ROOT, "build", "fz-dist"), help="default: build/fz-dist")
    parser.add_argument("--options", type=shlex.split, default=[], metavar="WORDS", help="more options for each fz-dist compress")
    parser.add_argument("--keep", default="", metavar="FILE", help="of what is measured, for the next time")
    parser.add_argument("--output", default="", metavar="FILE", help="also write the table into this Markdown file")
    parser.add_argument("--plot", default="", metavar="FILE.svg", help="draw the gain against the duration")
    arguments = parser.parse_args(argv)
    arguments.command_line = argv
    arguments.program = os.path.abspath(arguments.program)
    arguments.sizes = [int(size) for size in arguments.sizes.split(",")]
    arguments.budgets = arguments.budgets.split(",")
    for budget in arguments.budgets:
        seconds_of(budget)
    if arguments.output:
        ratio.split_at_section(arguments.output, "memorize")  # said now, not after a run of hours
    arguments.kinds = dict(kind.split("=", 1) for kind in arguments.kinds)
    for directory in arguments.kinds.values():
        if not os.path.isdir(directory):
            sys.exit(f"memorize.py: {directory}: no such directory")
    return arguments


def main(argv):
    arguments = parse_arguments(argv)
    kept = Results(arguments.keep)
    with tempfile.TemporaryDirectory(prefix="fz-bench-") as scratch:
        for kind, directory in arguments.kinds.items():
            for megabytes in arguments.sizes:
                measure(arguments, kind, directory, megabytes, scratch, kept)
    results = kept.runs
    header = ["corpus", "trained for", "without, bytes", "with, bytes", "of these the adapter", "of rank", "change", "without, s", "with, s"]
    command = shlex.join(word.split("=")[0] + "=..." if "=" in word else ratio.without_places(word) for word in argv)
    text = "\n\n".join([ratio.machine(arguments.program), f"`bench/memorize.py {command}`", ratio.markdown(header, list(rows(results)))])
    print(text)
    if arguments.output:
        ratio.write_section(arguments.output, "memorize", text)
    if arguments.plot:
        write_plot(results, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
