# Makes a small corpus for the scripts: make_corpus DIR PROGRAM. Text from the repository's own documents, binary from the program
# itself; modes, times, links, empty and odd names.
docs=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../docs" && pwd)
make_corpus() {
  local dir=$1 program=$2
  mkdir -p "$dir/sub/deep" "$dir/hollow"
  cat "$docs/format.md" | head -c 30000 > "$dir/format.txt"
  head -c 20000 "$docs/exit-codes.md" > "$dir/sub/codes.txt"
  for i in 1 2 3 4 5 6; do head -c $((i * 65536)) "$program" | tail -c 65536 > "$dir/sub/deep/part-$i"; done
  : > "$dir/empty"
  printf 'odd' > "$dir/sub/$(printf 'a\nb\377')"
  ln -s ../format.txt "$dir/sub/link"
  ln -s /nowhere "$dir/dangling"
  chmod 0640 "$dir/format.txt"; chmod 0555 "$dir/sub/deep"; chmod 01770 "$dir/hollow"
  touch -d '2001-02-03 04:05:06.123456789 UTC' "$dir/format.txt" "$dir/sub/deep" "$dir/hollow"
}

# same_tree A B: names, contents, types, modes, times and link targets.
same_tree() {
  diff -r --no-dereference "$1" "$2" &&
    diff <(cd "$1" && find . -printf '%p %m %T@ %y %l\n' | sort) <(cd "$2" && find . -printf '%p %m %T@ %y %l\n' | sort)
}

# patiently COMMAND...: again as long as the ranks of a killed run have not ended and hold the job directory.
patiently() {
  local deadline=$((SECONDS + 60)) status
  while :; do
    "$@" 2> patiently.err
    status=$?
    { [ $status -eq 8 ] && grep -q 'another run' patiently.err && [ $SECONDS -lt $deadline ]; } || break
    sleep 0.2
  done
  cat patiently.err >&2
  rm -f patiently.err
  return $status
}

die() { echo "FAILED: $*" >&2; exit 1; }
