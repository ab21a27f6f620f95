#!/usr/bin/env bash
# Made the golden archives of format versions 1 to 7, numerics version 1, memory versions 1 to 3, quick memory version 1. The files of a version are from a
# program that had no later one. Not run again for a released version: its files stay as they are. A new
# version gets files of its own beside them.
#   make.sh PROGRAM OUTPUT_DIR
set -eu
program=$(realpath "$1")
output=$(realpath "$2")
tests=$(cd "$(dirname "$0")/../.." && pwd)
independent=$tests/independent
model=$tests/../models/boot-7m.fzm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p golden/sub/hollow
{
  cat <<'TEXT'
An archive decodes to the same bytes on every device, on any number of nodes, in every year. That is easily said, and for
most programs it is easily done: they count letters, look for repeated words, and write down what they find in whole numbers.
A program that asks a language model for the next word has a harder time. Its numbers are fractions, and the machines of this
world do not agree how to round the sum of a thousand of them. One adds from the left, one from the right, a third one adds eight
pairs at a time and joins the results at the end. The difference is small, a grain of sand on a beach, but the decoder needs every
grain in its place. If the two sides disagree by one part in a billion about the chance that the next word is "beach", then
everything after that word is noise.

The old masters of this trade knew the danger and kept away from fractions. We came to the same conclusion by a longer road.
Whole numbers can be added in any order. They do not care whether a small or a large processor adds them, or how many helpers share
the work, or whether the helpers finish early or late. What is left of the fractions is done one step at a time, and each step is
rounded in the way that the standard has asked for since before most of us could read.

So this file is a promise. It was packed once, by the first version of the program, and put away. Whoever changes the
arithmetic, even in the last bit, even for the better, will see it fail to open, and will have to think again: either the
change is a mistake, or it needs a new number on the door.
TEXT
  printf '2026-11-%02d 10:17:%02d INFO block %d written, offset=%d\n' 3 4 5 1048576 4 5 6 2097152 5 6 7 3145728
  printf 'Grüße, мир, 世界 — no byte is special: \001\002\377\376 <|bos|>\n'
} > golden/text.txt
seq -s ' ' 1 60 > golden/sub/numbers.txt
: > golden/sub/empty
for i in $(seq 0 255); do printf "\\$(printf %03o "$i")"; done > golden/sub/bytes.bin
ln -s ../text.txt golden/sub/link
chmod 0640 golden/text.txt; chmod 0755 golden golden/sub; chmod 0700 golden/sub/hollow; chmod 0644 golden/sub/*.txt golden/sub/empty golden/sub/bytes.bin
find golden -exec touch -h -d '2026-11-21 00:00:00 UTC' {} +
"$program" compress golden -o "$output/v1-range.fz" -q --force --coder range
"$program" compress golden -o "$output/v1-ranks.fz" -q --force --coder ranks
"$program" compress golden -o "$output/v2-mixed.fz" -q --force
"$program" compress golden -o "$output/v2-memory.fz" -q --force --model none
"${FZ_PYTHON_WITH_NUMPY:-python3}" -B "$independent/random_adapter.py" "$model" 19 adapter.fza
"$program" compress golden -o "$output/v3-adapter.fz" -q --force --adapter adapter.fza
rm adapter.fza
"$program" compress golden -o "$output/v4-mixed.fz" -q --force
"$program" compress golden -o "$output/v4-second-default.fz" -q --force  # of that model; all others are of the first
"$program" compress golden -o "$output/v4-third-default.fz" -q --force
"$program" compress golden -o "$output/v5-quick.fz" -q --force --model none
"$program" compress golden -o "$output/v6-fourth-default.fz" -q --force
"$program" compress golden -o "$output/v7-mixed.fz" -q --force
# Several chunks and lanes; of versions 1, 2, 4, 5 and 7.
mkdir -p "$output/long"
cat "$tests/../docs/format.md" "$tests/../docs/numerics.md" | head -c 50000 > long.txt
for coder in range mixed; do "$program" compress long.txt -o "$output/long/v4-$coder.fz" -q --force --coder $coder; done
"$program" compress long.txt -o "$output/long/v5-quick.fz" -q --force --model none
"$program" compress long.txt -o "$output/long/v7-mixed.fz" -q --force
sha256sum long.txt > "$output/long/SHA256SUMS"
rm long.txt
mkdir -p "$output/binary"
PYTHONPATH=$independent python3 -B -c 'import random_files; random_files.write_binary("records", 1)'
"$program" compress records -o "$output/binary/v6-binary-memory.fz" -q --force
sha256sum records > "$output/binary/SHA256SUMS"
rm records
(find golden -type f | LC_ALL=C sort | xargs sha256sum) > "$output/SHA256SUMS"
chmod 0755 .
find . -printf '%P %m %y %l\n' | sort > "$output/TREE"
flip() { # SOURCE TARGET OFFSET: the byte at OFFSET (from the end if negative) with all bits turned
  python3 - "$@" <<'PYTHON'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[3])] ^= 0xFF
open(sys.argv[2], "wb").write(data)
PYTHON
}
cd "$output"
flip v1-range.fz broken-5-magic.fz 0
flip v1-range.fz broken-5-header.fz 40
flip v1-range.fz broken-5-payload.fz 400
flip v1-range.fz broken-5-table.fz -150
flip v1-range.fz broken-5-footer.fz -60
flip v3-adapter.fz broken-5-adapter.fz 300
head -c 1000 v1-range.fz > broken-5-truncated.fz
: > broken-5-empty.fz
python3 - <<'PYTHON'
import hashlib
data = bytearray(open("v1-range.fz", "rb").read())
def with_header(name, change):
    changed = bytearray(data)
    change(changed)
    changed[96:104] = hashlib.sha256(changed[:96]).digest()[:8]
    open(name, "wb").write(changed)
with_header("broken-7-version.fz", lambda d: d.__setitem__(8, 99))
with_header("broken-7-numerics.fz", lambda d: d.__setitem__(12, 99))
with_header("broken-6-model.fz", lambda d: d.__setitem__(40, d[40] ^ 1))
PYTHON
