#!/usr/bin/env python3
"""Measures how the coordinator scales, and writes docs/scaling.md and its plot:
    python3 bench/scaling.py BUILD [--text FILE]
The ranks are simulated in virtual time around the real scheduler, wire format and journal (bench/scaling); with --text, whole runs
of 1 and 2 ranks on this machine are measured too, in turn."""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import plot

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RANKS = tuple(2**i for i in range(11))
CORPORA = {"4 TB": 1_000_000, "400 GB": 100_000, "40 GB": 10_000}  # in blocks of 4 MiB
CLUSTERS = {"all well": (0, 0), "1 % die, 2 % are 5 times slower": (0.01, 0.02)}
ROUNDS = 3


def scaling(build, *arguments):
    command = [os.path.join(build, "bench/scaling"), *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def seconds_of(build, text, ranks):
    with tempfile.TemporaryDirectory() as directory:
        command = ["mpirun", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none", "-n", str(ranks),
                   os.path.abspath(os.path.join(build, "fz-dist")), "compress", os.path.abspath(text), "-o", "a.fz", "-q",
                   "--threads", "1", "--block-size", "128KiB", "--model", "none"]
        begin = time.monotonic()
        subprocess.run(command, check=True, cwd=directory, capture_output=True)
        return time.monotonic() - begin


def measured(build, text):
    seconds = {1: [], 2: []}
    for _ in range(ROUNDS):
        for ranks in seconds:
            seconds[ranks].append(seconds_of(build, text, ranks))
    return {ranks: statistics.median(values) for ranks, values in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--text")
    options = parser.parse_args()
    rows = {}
    for name, (deaths, stragglers) in CLUSTERS.items():
        for corpus, blocks in CORPORA.items():
            for ranks in RANKS:
                rows[name, corpus, ranks] = scaling(options.build, "schedule", ranks, blocks, deaths, stragglers)
    largest = scaling(options.build, "schedule", 1024, 10_000_000, 0.01, 0.02)
    plan = scaling(options.build, "plan", 10_000_000)
    times = measured(options.build, options.text) if options.text else None

    def share(row):
        return 100 * row["ideal_seconds"] / row["finish_seconds"]

    panels = {f"ranks, {name}": [[plot.Point(corpus, ranks, share(rows[name, corpus, ranks]), corpus == "400 GB") for ranks in RANKS]
                                 for corpus in CORPORA] for name in CLUSTERS}
    with open(os.path.join(REPOSITORY, "docs/scaling.svg"), "w", encoding="utf-8") as file:
        file.write(plot.curves_svg("Ranks that work together (simulated)", "Corpora in blocks of 4 MiB, 10 s a block on average. The ideal: every "
                                   "rank is busy as long as it lives, nothing is done twice.", "per cent of the ideal speed", panels))

    lines = ["# Scaling", "", "Written by `python3 bench/scaling.py BUILD --text FILE`.", "",
             "Simulated: ranks in virtual time around the real scheduler, through the wire format, with the real journal. Blocks take 10 s on average",
             "(log-normal, 5 % of them cheap), ranks differ by 5 %, messages take 2 ms. Dead ranks are noticed after 60 s. The ideal is",
             "that every rank is busy as long as it lives and nothing is done twice.", "", "![share of the ideal speed](scaling.svg)", ""]
    for name in CLUSTERS:
        lines += [f"Speed-up, {name}:", "", "| ranks | " + " | ".join(CORPORA) + " |", "| ---: |" + " ---: |" * len(CORPORA)]
        for ranks in RANKS:
            cells = []
            for corpus in CORPORA:
                row = rows[name, corpus, ranks]
                cells.append(f"{row['one_rank_seconds'] / row['finish_seconds']:.1f} ({share(row):.1f} %)")
            lines.append(f"| {ranks} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += [f"The coordinator: 10 million blocks to 1,024 ranks, of which {largest['deaths']} die and 2 % are slow: {largest['blocks_per_second']:,} blocks a",
              f"second on one core, journal and simulation included; peak memory {largest['peak_gigabytes']:.2f} GB; the end "
              f"{100 * (largest['finish_seconds'] / largest['ideal_seconds'] - 1):.2f} % after the ideal one.", "",
              f"Planning: 10 million files of 1 KB in 10,000 directories that exist nowhere: scanned in {plan['scan_seconds']:.0f} s, planned and written in "
              f"{plan['plan_seconds']:.0f} s,",
              f"{plan['plan_peak_gigabytes']:.1f} GB; a plan of {plan['plan_megabytes']:.0f} MB. A real file system adds its own time: it is asked for the status and the "
              "first bytes of each file.", ""]
    if times:
        lines += [f"Measured on this machine ({os.cpu_count()} cores, `--model none`, 1 thread a rank, medians of {ROUNDS}): 1 rank {times[1]:.1f} s, 2 ranks "
                  f"{times[2]:.1f} s, a speed-up of {times[1] / times[2]:.2f}.", ""]
    with open(os.path.join(REPOSITORY, "docs/scaling.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    main()
