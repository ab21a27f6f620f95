#!/usr/bin/env bash
# compress --context: the model sees fewer tokens than it was trained for. The archive says so, and needs nothing but itself to be decoded.
. "$(dirname "$0")/../support/script.sh"

# refuses CODE TEXT COMMAND...: exit code, and what the error says.
refuses() {
  local wanted=$1 text=$2
  shift 2
  "$program" "$@" 2> err
  local code=$?
  [ $code -eq "$wanted" ] || die "$*: exit code $code, not $wanted: $(cat err)"
  grep -qF -- "$text" err || die "$*: does not say '$text': $(cat err)"
}

head -c 20000 "$docs/numerics.md" > text.md
"$program" compress text.md -o whole.fz -q || die "compress: exit code $?"
"$program" compress text.md -o short.fz -q --context 100 || die "compress --context: exit code $?"
"$program" info short.fz --json | tr -d ' \n' | grep -q '"context":100' || die "info does not show the context"
cmp -s whole.fz short.fz && die "the context changes nothing"
"$program" decompress short.fz -o out -q || die "decompress: exit code $?"
cmp text.md out/text.md || die "other contents"

# The number of threads and of runs does not matter, as ever.
"$program" compress text.md -o again.fz -q --context 100 --threads 1 || die "compress with one thread: exit code $?"
cmp short.fz again.fz || die "the archive depends on the number of threads"
# All that the model has is the same as saying nothing.
"$program" compress text.md -o all.fz -q --context 512 || die "compress --context 512: exit code $?"
cmp whole.fz all.fz || die "--context 512 is not the default"

# An unfinished run goes on with the context that it was begun with, and no other.
"$program" compress text.md -o part.fz -q --context 100 --shard 1/2 || die "compress --shard: exit code $?"
refuses 3 'begun with another model' compress text.md -o part.fz -q --context 50
"$program" compress text.md -o part.fz -q || die "going on: exit code $?"
cmp short.fz part.fz || die "went on with another context"

refuses 2 '--context 513: the model can have 2 to 512' compress text.md -o no.fz --context 513
refuses 2 '--context 1: the model can have 2 to 512' compress text.md -o no.fz --context 1
refuses 2 '--context is for a model' compress text.md -o no.fz --context 100 --model none
[ -e no.fz ] && die "a refused command left an archive"

# A header that names a longer context than the model has, or none that a model can have.
for context in 513 1 4294967295; do
  python3 - $context <<'PYTHON'
import hashlib, sys
data = bytearray(open("short.fz", "rb").read())
data[16:20] = int(sys.argv[1]).to_bytes(4, "little")
data[96:104] = hashlib.sha256(data[:96]).digest()[:8]
open("bad.fz", "wb").write(data)
PYTHON
  refuses 6 "context of $context tokens" decompress bad.fz -o bad
  [ -e bad ] && die "something was restored with a context of $context"
done

# The header is lost: whoever knows the context can have the text back.
python3 - <<'PYTHON'
data = bytearray(open("short.fz", "rb").read())
data[50] ^= 0xFF
open("lost.fz", "wb").write(data)
PYTHON
refuses 6 '--context' recover lost.fz -o recovered.fz -q
"$program" recover lost.fz -o recovered.fz -q --context 100 || die "recover --context: exit code $?"
"$program" decompress recovered.fz -o recovered -q || die "what was recovered: exit code $?"
cmp text.md recovered/text.md || die "what was recovered: other contents"
exit 0
