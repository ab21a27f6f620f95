#!/usr/bin/env python3
"""What versions of one tree take: the trees of some commits of a git repository, evenly spread over its history, as one corpus.

    versions.py REPOSITORY [--versions N] [--joined] [--exclude PATH...] [--options='--model none']

fz-dist with its own order of files and blocks, with --order path and with --block-size 4MiB, beside xz -9e with a dictionary that holds everything. Standard library only."""
import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import ratio


def join(directory):
    """The directory becomes one file of all that is in it."""
    with open(directory + ".txt", "wb") as out:
        for path in ratio.files_below(directory, directory):
            with open(os.path.join(directory, path), "rb") as file:
                shutil.copyfileobj(file, out)
    shutil.rmtree(directory)


def make_corpus(arguments, directory):
    """The number of bytes."""
    git = ["git", "-C", arguments.repository]
    commits = subprocess.run([*git, "rev-list", "--reverse", "HEAD"], check=True, capture_output=True, text=True).stdout.split()
    if len(commits) < arguments.versions:
        sys.exit(f"versions.py: {arguments.repository}: has only {len(commits)} commits")
    for number in range(arguments.versions):
        commit = commits[(number + 1) * len(commits) // arguments.versions - 1]
        target = os.path.join(directory, f"v{number + 1}")
        os.makedirs(target)
        archive = subprocess.run([*git, "archive", commit], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", target], check=True, input=archive)
        for path in arguments.exclude:
            shutil.rmtree(os.path.join(target, path), ignore_errors=True)
        if arguments.joined:
            join(target)
    return sum(os.path.getsize(os.path.join(directory, path)) for path in ratio.files_below(directory, directory))


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository")
    parser.add_argument("--versions", type=int, default=8, metavar="N")
    parser.add_argument("--joined", action="store_true", help="each version as one large file")
    parser.add_argument("--exclude", nargs="*", default=[], metavar="PATH", help="directories of each version to leave out")
    parser.add_argument("--program", default=os.path.join(ratio.ROOT, "build", "fz-dist"), help="default: build/fz-dist")
    parser.add_argument("--options", type=shlex.split, default=[], metavar="WORDS", help="more options for fz-dist compress")
    arguments = parser.parse_args(argv)
    program = os.path.abspath(arguments.program)
    rows = []
    with tempfile.TemporaryDirectory(prefix="fz-bench-") as scratch:
        corpus = os.path.join(scratch, "corpus")
        raw_bytes = make_corpus(arguments, corpus)
        ways = {"fz-dist": [], "fz-dist --order path": ["--order", "path"], "fz-dist --block-size 4MiB": ["--block-size", "4MiB"]}
        for name, options in ways.items():
            seconds = ratio.run([program, "compress", corpus, "-o", "a.fz", "-q", "--force", *options, *arguments.options], scratch)
            rows.append((name, os.path.getsize(os.path.join(scratch, "a.fz")), seconds))
        subprocess.run(["tar", "--sort=name", "-cf", "a.tar", "corpus"], cwd=scratch, check=True)
        seconds = ratio.run("xz -9e -T1 -k -c --lzma2=dict=1GiB a.tar > a.xz", scratch, shell=True)
        rows.append(("xz -9e --lzma2=dict=1GiB", os.path.getsize(os.path.join(scratch, "a.xz")), seconds))
    print(f"{ratio.machine(program)}; {arguments.versions} versions, {raw_bytes} bytes\n")
    cells = [[name, str(size), f"{8 * size / raw_bytes:.3f}", f"{seconds:.1f}"] for name, size, seconds in rows]
    print(ratio.markdown([f"{raw_bytes} bytes", "bytes", "bits/byte", "s"], cells))


if __name__ == "__main__":
    main(sys.argv[1:])
