#!/usr/bin/env python3
"""Bits per byte and speed of fz-dist beside other compressors, as Markdown tables.

    ratio.py DIR                    each sub-directory of DIR is a category; files directly in DIR are the category "."
    ratio.py --files PATH...        each file (directories stand for the files below them) by itself

fz-dist makes one archive of a category, and all of its bytes count. The others get one tar of the same files, sorted by path (in
--files mode: the file itself). With --speed everything is also restored, compared with the input, and both ways are timed; --plot
draws size against speed. fz-dist codes in several ways, chosen with --variants; each is a column of its own.
Compressors that are not installed are named and left out. Standard library only."""
import argparse
import datetime
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass, field

import plot

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@dataclass
class Variant:
    """A way in which fz-dist codes."""
    key: str
    name: str
    options: list
    needs_model: bool = True


VARIANTS = [
    Variant("both", "fz-dist", []),
    Variant("model", "fz-dist --coder range", ["--coder", "range"]),
    Variant("memory", "fz-dist --model none", ["--model", "none"], needs_model=False),
    Variant("thorough", "fz-dist --model none --thorough", ["--model", "none", "--thorough"], needs_model=False),
    Variant("ranks", "fz-dist --coder ranks", ["--coder", "ranks"]),
]


@dataclass
class Peer:
    """A compressor of one file. In the commands, {input}, {packed} and {output} are paths; {dir} is where the output belongs."""
    name: str
    program: str
    package: str
    pack: str
    unpack: str
    suffix: str


PEERS = [
    Peer("xz -9e", "xz", "xz-utils", "xz -9e -T1 -k -c {input} > {packed}", "xz -d -c {packed} > {output}", "xz"),
    Peer("zstd -19", "zstd", "zstd", "zstd -q -19 -T1 {input} -o {packed}", "zstd -q -d {packed} -o {output}", "zst"),
    Peer("zstd --ultra -22", "zstd", "zstd", "zstd -q --ultra -22 -T1 {input} -o {packed}", "zstd -q -d {packed} -o {output}",
         "zst"),
    Peer("bzip2 -9", "bzip2", "bzip2", "bzip2 -9 -k -c {input} > {packed}", "bzip2 -d -c {packed} > {output}", "bz2"),
    Peer("7zz PPMd", "7zz", "7zip", "7zz a -bd -m0=PPMd:mem=512m:o=24 {packed} {input}", "7zz x -bd -so {packed} > {output}",
         "7z"),
    Peer("zpaq -m5", "zpaq", "zpaq", "zpaq add {packed} {input} -m5 -t1", "zpaq extract {packed} {input} -to {output}", "zpaq"),
]
OPTIONAL = {"zstd --ultra -22"}


@dataclass
class Sample:
    """What is compressed as one thing: a category or a single file. Paths are relative to `base`."""
    name: str
    base: str
    files: list
    raw_bytes: int


@dataclass
class Result:
    packed_bytes: int
    pack_seconds: float
    unpack_seconds: float = 0.0


@dataclass
class Table:
    samples: list = field(default_factory=list)
    results: dict = field(default_factory=dict)  # (sample name, compressor name) -> Result

    @property
    def raw_bytes(self):
        return sum(sample.raw_bytes for sample in self.samples)

    def total(self, name):
        """Everything together, as one result."""
        results = [self.results[sample.name, name] for sample in self.samples]
        return Result(sum(result.packed_bytes for result in results), sum(result.pack_seconds for result in results),
                      sum(result.unpack_seconds for result in results))


def note(text):
    print(f"ratio.py: {text}", file=sys.stderr, flush=True)


def files_below(base, path):
    """Regular files at or below `path`, relative to `base`, sorted by their bytes."""
    found = []
    if os.path.isfile(path) and not os.path.islink(path):
        found.append(os.path.relpath(path, base))
    for directory, _, names in os.walk(path):
        for name in names:
            full = os.path.join(directory, name)
            if os.path.isfile(full) and not os.path.islink(full):
                found.append(os.path.relpath(full, base))
    return sorted(found, key=os.fsencode)


def make_sample(name, base, files, limit):
    """The first files that fit into `limit` bytes (0: all)."""
    taken, total = [], 0
    for path in files:
        size = os.path.getsize(os.path.join(base, path))
        if limit == 0 or total + size <= limit:
            taken.append(path)
            total += size
    return Sample(name, base, taken, total)


def category_samples(directory, limit):
    samples = []
    own_files = sorted((entry.name for entry in os.scandir(directory) if entry.is_file(follow_symlinks=False)), key=os.fsencode)
    samples.append(make_sample(".", directory, own_files, limit))
    for entry in sorted(os.scandir(directory), key=lambda entry: os.fsencode(entry.name)):
        if entry.is_dir(follow_symlinks=False):
            samples.append(make_sample(entry.name, directory, files_below(directory, entry.path), limit))
    return [sample for sample in samples if sample.raw_bytes > 0]


def file_samples(paths):
    samples = []
    for path in paths:
        base = path if os.path.isdir(path) else os.path.dirname(path) or "."
        for name in files_below(base, path):
            sample = make_sample(name, base, [name], 0)
            if sample.raw_bytes > 0:
                samples.append(sample)
    return samples


def run(command, directory, shell=False):
    """Seconds that the command took."""
    start = time.monotonic()
    done = subprocess.run(command, cwd=directory, shell=shell, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        text = command if shell else shlex.join(command)
        sys.exit(f"ratio.py: exit code {done.returncode}: {text}\n{done.stdout.decode(errors='replace')}")
    return seconds


def hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.digest()


def measure_fz(sample, variant, arguments, scratch):
    """The files are copied first, so that the archive holds just this sample, under the sample's own paths."""
    single = len(sample.files) == 1
    tree = os.path.join(scratch, "input")
    for path in sample.files:
        target = os.path.join(tree, os.path.basename(path) if single else path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(sample.base, path), target)
    archive = os.path.join(scratch, "sample.fz")
    inputs = [os.path.join(tree, name) for name in sorted(os.listdir(tree))]
    both_ways = ["--quiet"]
    both_ways += ["--threads", str(arguments.threads)] if arguments.threads else []
    both_ways += ["--model", os.path.abspath(arguments.model)] if arguments.model and variant.needs_model else []
    pack = [arguments.program, "compress", *inputs, "-o", archive, *both_ways, *variant.options, *arguments.options]
    result = Result(0, run(pack, scratch))
    result.packed_bytes = os.path.getsize(archive)
    if arguments.speed:
        restored = os.path.join(scratch, "restored")
        result.unpack_seconds = run([arguments.program, "decompress", archive, "-o", restored, *both_ways], scratch)
        for path in files_below(tree, tree):
            if hash_of(os.path.join(tree, path)) != hash_of(os.path.join(restored, path)):
                sys.exit(f"ratio.py: {sample.name}: {path}: {variant.name} restored other bytes")
    return result


def make_input(sample, scratch):
    """The one file that the other compressors get."""
    if len(sample.files) == 1:
        name = os.path.basename(sample.files[0])
        shutil.copyfile(os.path.join(sample.base, sample.files[0]), os.path.join(scratch, name))
        return name
    with tarfile.open(os.path.join(scratch, "sample.tar"), "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sample.files:
            tar.add(os.path.join(sample.base, path), path)
    return "sample.tar"


def measure_peer(sample, peer, arguments, scratch):
    source = make_input(sample, scratch)
    paths = {"input": shlex.quote(source), "packed": "packed." + peer.suffix, "output": "unpacked"}
    result = Result(0, run(peer.pack.format(**paths), scratch, shell=True))
    result.packed_bytes = os.path.getsize(os.path.join(scratch, paths["packed"]))
    if arguments.speed:
        result.unpack_seconds = run(peer.unpack.format(**paths), scratch, shell=True)
        if hash_of(os.path.join(scratch, source)) != hash_of(os.path.join(scratch, "unpacked")):
            sys.exit(f"ratio.py: {sample.name}: {peer.name} restored other bytes")
    return result


def chosen(option, text, known):
    """The names in a list A,B of an option."""
    names = set(filter(None, text.split(",")))
    if unknown := names - set(known):
        sys.exit(f"ratio.py: {option}: unknown: {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    return names


def usable_peers(wanted):
    peers = []
    for peer in PEERS:
        if wanted is not None and peer.name not in wanted or wanted is None and peer.name in OPTIONAL:
            continue
        if shutil.which(peer.program):
            peers.append(peer)
        else:
            note(f"{peer.name} is left out: {peer.program} is not installed (Debian package {peer.package})")
    return peers


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def ratio_row(title, raw, sizes):
    """The smallest of several sizes is bold, and so are those that equal it."""
    cells = [f"{8 * size / raw:.3f}" for size in sizes]
    if len(sizes) > 1:
        cells = [f"**{cell}**" if size == min(sizes) else cell for cell, size in zip(cells, sizes)]
    return [title, str(raw), str(sizes[0]), *cells]


def ratio_rows(table, names):
    rows = []
    for sample in table.samples:
        rows.append(ratio_row(sample.name, sample.raw_bytes, [table.results[sample.name, name].packed_bytes for name in names]))
    return [*rows, ratio_row("**all**", table.raw_bytes, [table.total(name).packed_bytes for name in names])]


def speed_rows(table, names):
    kilobytes = table.raw_bytes / 1000
    rows = []
    for name in names:
        total = table.total(name)
        rows.append([name, f"{total.pack_seconds:.2f}", f"{kilobytes / total.pack_seconds:.1f}",
                     f"{total.unpack_seconds:.2f}", f"{kilobytes / total.unpack_seconds:.1f}"])
    return rows


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def without_places(word):
    """A word of the command line without the places of this machine, be it a path or options with paths in them."""
    def shortened(path):
        return ".../" + os.path.basename(os.path.normpath(path))

    if word.startswith(("/", "../")):
        return shortened(word)
    return re.sub(r"(?<=[\s=])(\.\.)?/\S*", lambda match: shortened(match[0]), word)


def machine(program):
    """The program and what it runs on."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    backend = os.environ.get("FZ_BACKEND", "the best of this CPU")
    return (f"{version}, {datetime.date.today().isoformat()}, {cpu_name()}, {len(os.sched_getaffinity(0))} cores, "
            f"backend {backend}")


def conditions(arguments):
    return f"{machine(arguments.program)}; fz-dist with {arguments.threads or 'all'} threads, the others in one thread."


def extra_options(arguments):
    """A sentence on --options, or none."""
    options = shlex.join(without_places(option) for option in arguments.options)
    return [f"fz-dist compressed with {options}."] if options else []


def report(table, names, arguments, left_out):
    command = shlex.join(without_places(word) for word in arguments.command_line)
    parts = [conditions(arguments), f"`bench/ratio.py {command}`"]
    if left_out:
        parts.append("Not installed, left out: " + ", ".join(left_out) + ".")
    header = ["", "raw bytes", f"{names[0]} bytes", f"{names[0]}, bits/byte", *names[1:]]
    parts.append(markdown(header, ratio_rows(table, names)))
    if notes := [*(["The smallest of a row is bold."] if len(names) > 1 else []), *extra_options(arguments)]:
        parts.append(" ".join(notes))
    if arguments.speed:
        parts.append("Both ways, everything together, each result compared with its input:")
        parts.append(markdown(["", "compress s", "KB/s", "restore s", "KB/s"], speed_rows(table, names)))
    return "\n\n".join(parts)


def write_plot(table, names, arguments):
    kilobytes = table.raw_bytes / 1000
    compress, restore = [], []
    own_names = {variant.name for variant in VARIANTS}
    for name in names:
        total = table.total(name)
        bits = 8 * total.packed_bytes / table.raw_bytes
        compress.append(plot.Point(name, kilobytes / total.pack_seconds, bits, name in own_names))
        restore.append(plot.Point(name, kilobytes / total.unpack_seconds, bits, name in own_names))
    text = plot.scatter_svg(f"Size and speed of {table.raw_bytes} bytes",
                            " ".join([conditions(arguments), *extra_options(arguments)]), "bits per byte (less is better)",
                            {"compress, KB/s (more is better)": compress, "restore, KB/s (more is better)": restore})
    with open(arguments.plot, "w", encoding="utf-8") as file:
        file.write(text)


def split_at_section(path, section):
    """What comes before, with the marker; what lies between; and what comes after, with the other marker."""
    begin, end = f"<!-- bench:{section} -->", f"<!-- /bench:{section} -->"
    with open(path, encoding="utf-8") as file:
        old = file.read()
    if old.count(begin) != 1 or old.count(end) != 1:
        sys.exit(f"{path}: needs exactly one line '{begin}' and one '{end}'")
    head, rest = old.split(begin)
    inside, tail = rest.split(end)
    return head + begin, inside, end + tail


def rows_of_section(path, section):
    """First cell -> all cells, of the table's rows that lie between the section's markers."""
    _, inside, _ = split_at_section(path, section)
    table = [line for line in inside.split("\n") if line.startswith("| ")]
    rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in table[2:]]
    return {cells[0]: cells for cells in rows}


def write_section(path, section, text):
    """Replaces what lies between the section's markers."""
    head, _, tail = split_at_section(path, section)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{head}\n{text}\n{tail}")


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", metavar="PATH")
    parser.add_argument("--files", action="store_true", help="measure single files, not categories")
    parser.add_argument("--speed", action="store_true", help="restore too, compare, and time both ways")
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "fz-dist"), help="default: build/fz-dist")
    parser.add_argument("--threads", type=int, default=0, help="threads of fz-dist; default: all cores")
    parser.add_argument("--model", default="", help="model file for fz-dist")
    parser.add_argument("--variants", default="both", metavar="A,B",
                        help="ways of fz-dist, default both (model and memory): " + ", ".join(way.key for way in VARIANTS))
    parser.add_argument("--options", type=shlex.split, default=[], metavar="WORDS",
                        help="more options for each fz-dist compress, as in --options='--block-size 4MiB'")
    parser.add_argument("--limit-bytes", type=int, default=0, metavar="N",
                        help="at most N bytes of each category: the first files that fit")
    parser.add_argument("--peers", default=None, metavar="A,B", help="only these: " + ", ".join(peer.name for peer in PEERS))
    parser.add_argument("--output", default="", metavar="FILE",
                        help="also write the tables into this Markdown file, between markers")
    parser.add_argument("--section", default="ratio", metavar="NAME",
                        help="the markers: <!-- bench:NAME --> and <!-- /bench:NAME -->")
    parser.add_argument("--plot", default="", metavar="FILE.svg", help="draw size against speed; needs --speed")
    arguments = parser.parse_args(argv)
    arguments.command_line = argv
    arguments.program = os.path.abspath(arguments.program)
    if not os.access(arguments.program, os.X_OK):
        sys.exit(f"ratio.py: {arguments.program}: no such program; build it with ./fz build or name it with --program")
    for path in arguments.paths:
        if not os.path.exists(path):
            sys.exit(f"ratio.py: {path}: does not exist")
    if not arguments.files and (len(arguments.paths) != 1 or not os.path.isdir(arguments.paths[0])):
        sys.exit("ratio.py: name one directory, or use --files")
    if arguments.plot and not arguments.speed:
        sys.exit("ratio.py: --plot needs --speed")
    if arguments.output:
        split_at_section(arguments.output, arguments.section)  # said now, not after a run of hours
    if not os.path.isdir(os.path.dirname(arguments.plot) or "."):
        sys.exit(f"ratio.py: {arguments.plot}: no such directory")
    return arguments


def main(argv):
    arguments = parse_arguments(argv)
    ways = chosen("--variants", arguments.variants, [variant.key for variant in VARIANTS])
    variants = [variant for variant in VARIANTS if variant.key in ways]
    if not variants:
        sys.exit("ratio.py: --variants: name at least one")
    wanted = None if arguments.peers is None else chosen("--peers", arguments.peers, [peer.name for peer in PEERS])
    peers = usable_peers(wanted)
    left_out = [peer.name for peer in PEERS if not shutil.which(peer.program) and (wanted is None or peer.name in wanted)]

    table = Table()
    table.samples = (file_samples(arguments.paths) if arguments.files else
                     category_samples(arguments.paths[0], arguments.limit_bytes))
    if not table.samples:
        sys.exit("ratio.py: nothing to measure")
    for sample in table.samples:
        for compressor in [*variants, *peers]:
            measure = measure_fz if compressor in variants else measure_peer
            with tempfile.TemporaryDirectory(prefix="fz-bench-") as scratch:
                result = measure(sample, compressor, arguments, scratch)
            table.results[sample.name, compressor.name] = result
            sizes = f"{sample.raw_bytes} -> {result.packed_bytes} bytes"
            note(f"{sample.name}: {compressor.name}: {sizes}, {result.pack_seconds:.2f} s")
    names = [compressor.name for compressor in [*variants, *peers]]
    text = report(table, names, arguments, left_out)
    print(text)
    if arguments.output:
        write_section(arguments.output, arguments.section, text)
    if arguments.plot:
        write_plot(table, names, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
