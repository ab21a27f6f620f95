#!/usr/bin/env bash
# Archives of every released format and numerics version decode for ever, with every backend that this CPU has; broken ones fail with the
# named code. tests/data/golden/make.sh says how they were made.
golden=$(cd "$(dirname "$0")/../data/golden" && pwd)
. "$(dirname "$0")/../support/script.sh"

for archive in "$golden"/v*.fz; do
  for backend in scalar avx2 avx512vnni amx; do
    rm -rf out
    FZ_BACKEND=$backend "$program" decompress "$archive" -o out -q 2> err
    code=$?
    if [ $code -eq 7 ] && grep -q 'this CPU lacks it' err; then
      echo "skipped: this CPU lacks $backend"
      continue
    fi
    [ $code -eq 0 ] || die "$archive with $backend: exit code $code: $(cat err)"
    (cd out && sha256sum --check --quiet "$golden/SHA256SUMS") || die "$archive with $backend: other contents"
    [ "$(find out -printf '%P %m %y %l\n' | sort)" = "$(cat "$golden/TREE")" ] || die "$archive with $backend: other tree"
  done
done

# Longer ones, of several chunks and lanes: for the best backend only, as the slow ones would take minutes.
for archive in "$golden"/long/v*.fz "$golden"/binary/v*.fz; do
  rm -rf out
  "$program" decompress "$archive" -o out -q || die "$archive: exit code $?"
  (cd out && sha256sum --check --quiet "$(dirname "$archive")/SHA256SUMS") || die "$archive: other contents"
done

# The header named the model and is lost: of the models inside the program the one that it was made with is found.
rm -rf out
"$program" recover "$golden/broken-5-header.fz" -o recovered.fz -q 2> err || die "recover without a header: exit code $?: $(cat err)"
"$program" decompress recovered.fz -o out -q || die "what was recovered without a header: exit code $?"
(cd out && sha256sum --check --quiet "$golden/SHA256SUMS") || die "what was recovered without a header: other contents"

# broken-CODE-WHY.fz: the exit code is in the name; nothing may appear.
for archive in "$golden"/broken-*.fz; do
  name=$(basename "$archive")
  wanted=${name#broken-}
  wanted=${wanted%%-*}
  rm -rf out
  "$program" decompress "$archive" -o out -q 2> err
  code=$?
  [ "$code" = "$wanted" ] || die "$name: exit code $code instead of $wanted: $(cat err)"
  [ "$(wc -l < err)" = 1 ] || die "$name: not a one-line error: $(cat err)"
  [ -z "$(ls -A out 2> /dev/null)" ] || die "$name: something was written"
done
echo "all golden archives as expected"
