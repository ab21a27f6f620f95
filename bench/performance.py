#!/usr/bin/env python3
"""Measures how near the exact engine comes to this machine's limits, and writes docs/performance.md and its plot:
    python3 bench/performance.py BUILD [--text FILE] [--quick]
BUILD is the build directory. --text also times whole runs of compress and decompress on the file, in turn, and takes the
medians. The roofline is measured before and after everything else: where the two differ, the machine was not left alone."""
import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile

import plot
import ratio

MODELS = {"default": "default, 6.9 M", "30m": "34 M", "100m": "101 M", "1b": "1.04 B"}
CONTEXTS = (128, 512, 2048)
ENCODE_LANES = (1, 16)
DECODE_LANES = (1, 4, 16, 64, 256, 1024)
ROUNDS = 3  # of whole runs


def run_json(*command):
    return json.loads(subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout)


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown CPU")


def measure_engine(build, quick, threads):
    """Rows of bench/engine, by (model, direction, lanes, context, threads)."""
    rows = {}
    for model in MODELS if not quick else ("default",):
        for context in CONTEXTS if not quick else (512,):
            jobs = [("encode", lanes, threads) for lanes in ENCODE_LANES] + [("encode", 16, 1)]
            jobs += [("decode", lanes, threads) for lanes in DECODE_LANES]
            for direction, lanes, count in jobs:
                # Of the largest model, what takes minutes and says nothing that less does not say.
                if model == "1b" and (lanes > 64 or context > 512 or (direction == "encode" and lanes * context > 2048)):
                    continue
                row = run_json(os.path.join(build, "bench/engine"), model, direction, lanes, context, count)
                if row:
                    rows[model, direction, lanes, context, count] = row
                    print(f"{model} {direction} lanes {lanes} context {context} threads {count}: {row['tokens']:.0f} tokens/s",
                          file=sys.stderr)
    return rows


def profile_of(output):
    """Stage -> percent, and the other figures of --profile."""
    stages = {name.strip(): float(share) for name, share in re.findall(r"^  (.*?) +[\d.]+ s +([\d.]+) %$", output, re.M)}
    products = re.search(r"products: (\S+) int8 operations, (\d+) GOP/s", output)
    peak = re.search(r"peak memory: (\d+) MB", output)
    return stages, float(products[1]), float(products[2]) * 1e9, int(peak[1])


def measure_runs(build, text, threads):
    """Whole runs: name -> list of (seconds, stages, operations, product rate, peak MB), one of each kind in turn."""
    program = os.path.join(build, "fz-dist")
    runs = {}
    with tempfile.TemporaryDirectory() as scratch:
        archive, out = os.path.join(scratch, "a.fz"), os.path.join(scratch, "out")
        for number in range(ROUNDS):
            for count in (threads, 1):
                for name, command in (
                        ("compress", [program, "compress", text, "-o", archive, "--force"]),
                        ("decompress", [program, "decompress", archive, "-o", out, "--force"])):
                    said = subprocess.run([*command, "--threads", str(count), "--profile"], check=True,
                                          capture_output=True, text=True).stdout
                    seconds = float(re.search(r"([\d.]+) s, [\d.]+ KB/s", said)[1])
                    runs.setdefault((name, count), []).append((seconds, *profile_of(said)))
                    print(f"round {number}: {name}, {count} threads: {seconds:.1f} s", file=sys.stderr)
            with open(text, "rb") as one, open(os.path.join(out, os.path.basename(text)), "rb") as other:
                if one.read() != other.read():
                    sys.exit("performance.py: the restored file differs")
    return runs


def peak(roofline, which):
    return max(loop[which] for loop in roofline["loops"])


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def roofline_section(before, after):
    rows = []
    for one, other in zip(before["loops"], after["loops"]):
        rows.append([one["name"], *(f"{one[which] / 1e9:.0f} / {other[which] / 1e9:.0f}" for which in ("one", "all"))])
    rows.append(["reading memory, GB/s", *(f"{before[which] / 1e9:.1f} / {after[which] / 1e9:.1f}"
                                          for which in ("read_one", "read_all"))])
    return ["## What the machine can do", "",
            "Billions of int8 multiplications and additions a second in a loop over registers, before / after all other "
            "measurements.", "", *table(["", "one core", f"all {before['threads']} cores"], rows)]


def engine_section(rows, limit, threads):
    lines = ["## The engine", "",
             "Thousands of tokens a second, frequency table included, and in brackets the share of the int8 limit of all cores that "
             "the weight products and attention's products of those tokens are. Decoding is measured in the middle of a chunk. "
             "A dash: the keys and values of so many lanes would take more than 4 GiB, or the step minutes.", ""]
    header = ["model", "context", *(f"encode {lanes}" for lanes in ENCODE_LANES), *(f"decode {lanes}" for lanes in DECODE_LANES)]
    body = []
    for model, label in MODELS.items():
        for context in CONTEXTS:
            cells = []
            for direction, lanes in [("encode", n) for n in ENCODE_LANES] + [("decode", n) for n in DECODE_LANES]:
                row = rows.get((model, direction, lanes, context, threads))
                if row is None:
                    cells.append("–")
                    continue
                share = row["tokens"] * (row["matrix"] + row["attention"]) / limit
                cells.append(f"{row['tokens'] / 1e3:.3g} ({100 * share:.0f} %)")
            if any(cell != "–" for cell in cells):
                body.append([label, str(context), *cells])
    lines += table(header, body)
    product_rows = []
    for model, label in MODELS.items():
        one = rows.get((model, "encode", 16, 512, 1))
        both = rows.get((model, "encode", 16, 512, threads))
        if one and both:
            product_rows.append([label, f"{one['products'] / 1e9:.0f}", f"{both['products'] / 1e9:.0f}",
                                 f"{100 * both['products'] * threads / limit:.0f} %", f"{both['tokens'] / one['tokens']:.2f}"])
    lines += ["Encoding 16 chunks of 512 tokens: GOP/s of a thread inside the weight products alone, their share of the limit, and the "
              "speed of all threads against one.", "",
              *table(["model", "one thread", f"each of {threads}", "of the limit", "all against one"], product_rows)]
    return lines


def runs_section(runs, text, limit, threads):
    raw = os.path.getsize(text)
    lines = ["## Whole runs", "",
             f"`compress` and `decompress` of one text of {raw} bytes with default settings, {ROUNDS} rounds in turn, medians. The share "
             "of the limit is that of the weight products alone.", ""]
    body = []
    for (name, count), results in sorted(runs.items(), key=lambda item: (-item[0][1], item[0][0])):
        seconds = statistics.median(result[0] for result in results)
        operations, products = results[0][2], statistics.median(result[3] for result in results)
        body.append([f"{name}, {count} thread{'s' if count > 1 else ''}", f"{raw / seconds / 1e3:.1f}",
                     f"{min(r[0] for r in results):.1f}–{max(r[0] for r in results):.1f}",
                     f"{100 * operations / seconds / limit * threads / count:.0f} %", f"{products / 1e9:.0f}",
                     str(max(result[4] for result in results))])
    lines += table(["", "KB/s", "seconds, least–most", "of the cores' limit", "GOP/s a thread in products", "peak MB"], body)

    def speed(name, count):
        return 1 / statistics.median(result[0] for result in runs[name, count])

    lines += [f"Decoding runs at {speed('decompress', threads) / speed('compress', threads):.2f} of encoding's speed. {threads} threads against "
              f"one: {speed('compress', threads) / speed('compress', 1):.2f} encoding, "
              f"{speed('decompress', threads) / speed('decompress', 1):.2f} decoding.", "", "Where the threads' time went, in per cent:", ""]
    kinds = [("compress", threads), ("decompress", threads), ("compress", 1), ("decompress", 1)]
    stages = list(dict.fromkeys(stage for kind in kinds for result in runs[kind] for stage in result[1]))
    body = [[stage, *(f"{statistics.median(result[1].get(stage, 0) for result in runs[kind]):.1f}" for kind in kinds)] for stage in stages]
    return lines + table(["", *(f"{name}, {count}" for name, count in kinds)], body)


def write_plot(path, rows, limit, threads, cpu):
    panels = {}
    for direction in ("encode", "decode"):
        curves = []
        for model, label in MODELS.items():
            points = [plot.Point(f"{label}: {direction}", lanes, 100 * row["tokens"] * (row["matrix"] + row["attention"]) / limit,
                                 model == "default")
                      for (name, way, lanes, context, count), row in sorted(rows.items())
                      if (name, way, context, count) == (model, direction, 512, threads)]
            if points:
                curves.append(points)
        panels[f"lanes, {direction}"] = curves
    text = plot.curves_svg("The exact engine against the machine", f"Context 512, {threads} threads, {cpu}. Share of the int8 limit that "
                           "the tokens' products are, frequency table and everything else included in the time.",
                           "per cent of the int8 limit", panels)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--text")
    parser.add_argument("--quick", action="store_true", help="the default model at its own context only")
    parser.add_argument("--out", default=os.path.join(ratio.ROOT, "docs/performance.md"))
    arguments = parser.parse_args()
    before = run_json(os.path.join(arguments.build, "bench/roofline"))
    threads = before["threads"]
    runs = measure_runs(arguments.build, arguments.text, threads) if arguments.text else None
    rows = measure_engine(arguments.build, arguments.quick, threads)
    after = run_json(os.path.join(arguments.build, "bench/roofline"))
    limit = max(peak(before, "all"), peak(after, "all"))
    cpu = f"{cpu_name()}, backend {next(iter(rows.values()))['backend']}"
    command = shlex.join(ratio.without_places(word) for word in sys.argv[1:])
    lines = ["# Performance", "", f"Made by `bench/performance.py {command}`; not edited by hand.", "",
             f"Machine: {cpu}, {threads} cores. The machine is shared: other tenants take memory bandwidth and cache from one minute to "
             "the next, so that only figures of one table compare, and those not to the last digit.", ""]
    lines += roofline_section(before, after)
    if runs:
        lines += runs_section(runs, arguments.text, limit, threads)
    lines += engine_section(rows, limit, threads)
    picture = os.path.splitext(arguments.out)[0] + ".svg"
    lines += [f"![share of the int8 limit]({os.path.basename(picture)})", ""]
    write_plot(picture, rows, limit, threads, cpu)
    with open(arguments.out, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    main()
