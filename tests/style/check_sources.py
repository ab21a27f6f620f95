#!/usr/bin/env python3
"""Checks what docs/adr/0001-folders-and-layers.md promises about the source tree: who includes whom, which library is seen
where, names, lengths, openings. The rules about includes are the tables of that text, read from it.

    check_sources.py ROOT

Prints one line per violation, `file:line: what`, and exits with 1 when there is any."""
import fnmatch
import os
import re
import sys

RULES = "docs/adr/0001-folders-and-layers.md"
MAX_LINES = 700
SKIPPED_DIRECTORIES = ("build*", ".*", "third_party", "out", "data", "__pycache__", "*.fz.job")
SOURCE_NAMES = ("*.h", "*.cpp", "*.inl", "*.cu", "*.S", "*.py", "*.sh")
C_NAMES = ("*.h", "*.cpp", "*.inl", "*.cu")
VAGUE_WORDS = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
# Includes of these are not held to a direction; nothing else may include them.
OUTER_FOLDERS = {"tests", "bench"}
INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')


def matches(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def table_rows(text, first_heading):
    """The rows of the Markdown table whose first column has this heading, each a list of cells."""
    rows = []
    in_table = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            in_table = False
        elif cells[0] == first_heading:
            in_table = True
        elif in_table and not set(cells[0]) <= set("-: "):
            rows.append(cells)
    return rows


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def read_rules(root):
    """(folder -> folders that it may include, [(header patterns, path patterns where they may be seen)])"""
    with open(os.path.join(root, RULES), encoding="utf-8") as file:
        text = file.read()
    layers = {quoted(cells[0])[0].rstrip("/"): {name.rstrip("/") for name in quoted(cells[2])} for cells in table_rows(text, "folder")}
    owners = [(quoted(cells[0]), [name + "*" if name.endswith("/") else name for name in quoted(cells[1])])
              for cells in table_rows(text, "header")]
    if not layers or not owners:
        sys.exit(f"{RULES}: the tables 'folder' and 'header' are missing or empty")
    return layers, owners


def source_files(root):
    for directory, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not matches(name, SKIPPED_DIRECTORIES))
        for name in sorted(files):
            if matches(name, SOURCE_NAMES):
                yield os.path.relpath(os.path.join(directory, name), root)


def include_violation(path, kind, header, layers, owners):
    """What is wrong with this include in this file, or None."""
    folder = path.split("/")[0]
    if kind == '"' and folder not in OUTER_FOLDERS:
        target = header.split("/")[0] if "/" in header else "."
        if target not in layers:
            return f'"{header}" does not begin with one of our folders'
        if target != folder and target not in layers.get(folder, set()):
            return f'{folder}/ may not include {target}/ ("{header}")'
    for headers, places in owners:
        if matches(header, headers) and not matches(path, places):
            return f"<{header}> may be seen only in {', '.join(places)}"
    return None


def opens_well(path, lines):
    """With a comment, or, for a source, with the header that it implements or tests, which has one."""
    first = lines[0].lstrip("\ufeff") if lines else ""
    if first.startswith(("//", "/*", "#!", '"""')) or (not matches(path, C_NAMES) and first.startswith("#")):
        return True
    stem = os.path.splitext(os.path.basename(path))[0].removesuffix("_test")
    return path.endswith((".cpp", ".cu")) and re.match(rf'#include "[a-z_/0-9]*\b{re.escape(stem)}\.h"', first) is not None


def check_file(root, path, layers, owners):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        lines = file.read().splitlines()
    if len(lines) > MAX_LINES:
        yield MAX_LINES + 1, f"{len(lines)} lines; at most {MAX_LINES} are allowed"
    if not opens_well(path, lines):
        yield 1, "does not open with a comment that says what it is"
    if path.endswith(".h") and "#pragma once" not in lines:
        yield 1, "has no #pragma once"
    if VAGUE_WORDS & set(re.split(r"[_.\-]", os.path.basename(path))):
        yield 1, "its name says nothing (utils, helpers, manager, common …)"
    if matches(path, C_NAMES):
        for number, line in enumerate(lines, 1):
            include = INCLUDE.match(line)
            wrong = include and include_violation(path, include[1], include[2], layers, owners)
            if wrong:
                yield number, wrong


def main(root):
    layers, owners = read_rules(root)
    violations = []
    places_of = {}
    for path in source_files(root):
        places_of.setdefault(os.path.basename(path), []).append(path)
        violations += [f"{path}:{number}: {wrong}" for number, wrong in check_file(root, path, layers, owners)]
    for name, places in places_of.items():
        if len(places) > 1:
            violations.append(f"{places[-1]}:1: another file has the same name: {', '.join(places[:-1])}")
    print("\n".join(violations) or f"{sum(map(len, places_of.values()))} source files: no violation")
    return 1 if violations else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
