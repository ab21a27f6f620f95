#!/usr/bin/env bash
# Ranks that train an adapter together under mpirun: restored identical; killed and resumed by another number of ranks with the adapter that
# was trained; without it, what is coded is not gone on with.
. "$(dirname "$0")/../support/script.sh"
need_mpirun
[ -e "$(dirname "$program")/libfz_train.so" ] || { echo "SKIPPED: libfz_train.so is not beside the program: this build has no LibTorch"; exit 77; }
mkdir c
for i in 1 2; do cat "$docs"/*.md "$docs"/adr/*.md | tail -c +$((i * 7777)); done | head -c 190000 > c/text
[ "$(stat -c %s c/text)" -gt 131072 ] || die "the corpus is too small for three blocks"
options="--block-size 64KiB --threads 1 --memorize on --memorize-budget 3ktok --memorize-batch 1"

launch 3 "$program" compress c -o whole.fz $options -v > log 2>&1 || die "compress: $(cat log)"
[ ! -e whole.fz.job ] || die "the job directory is left"
# adapter_bytes ARCHIVE: at offset 24 of its header.
adapter_bytes() { od -An -t u8 -j 24 -N 8 "$1" | tr -d ' '; }
[ "$(adapter_bytes whole.fz)" -gt 0 ] || die "no adapter in the archive: $("$program" info whole.fz)"
"$program" decompress whole.fz -o out -q --threads 1 || die "decompress"
same_tree c out/c || die "the restored tree differs"

# start_and_kill OUT COMMAND…: the command and all its ranks are killed once a block is done with the adapter.
start_and_kill() {
  local out=$1 pid rank
  shift
  "$@" compress c -o $out $options > log 2>&1 &
  pid=$!
  wait_until grown_or_gone $pid journal_bytes $((16 + 37)) $out
  cp $out.job/adapter $out.adapter || die "$out: no adapter, and blocks are done: $(cat log)"
  for rank in $(pgrep -x "$(basename "$program")"); do
    [ "$(readlink /proc/$rank/cwd)" = "$work" ] && kill -9 $rank
  done
  wait $pid 2> /dev/null
  [ ! -e $out ] || die "$out: the run ended before it could be killed"
}
# inner FILE: of a job's adapter, what goes into the archive: it stands between 16 bytes and 16.
inner() { tail -c +17 "$1" | head -c -16; }

start_and_kill killed.fz "${mpirun[@]}" -n 2 "$program"
patiently "$program" compress c -o killed.fz $options -q 2> log || die "resume: $(cat log)"
size=$(adapter_bytes killed.fz)
[ "$size" -eq "$(inner killed.fz.adapter | wc -c)" ] || die "the adapter of the archive has another size than the job's"
cmp <(tail -c +105 killed.fz | head -c "$size") <(inner killed.fz.adapter) || die "the adapter of the archive is not the job's"
"$program" verify killed.fz -q --threads 1 || die "verify"

start_and_kill lost.fz "$program"
mv lost.fz.job/adapter kept
"$program" compress c -o lost.fz $options > log 2>&1
status=$?
[ $status -eq 3 ] || die "without the adapter: exit code $status: $(cat log)"
grep -q 'adapter.*lost or damaged' log || die "without the adapter: $(cat log)"
[ ! -e lost.fz ] || die "an archive without its adapter"
# Put back, it goes on.
mv kept lost.fz.job/adapter
"$program" compress c -o lost.fz $options > log 2>&1 || die "with the adapter back: $(cat log)"
"$program" verify --quick lost.fz -q || die "verify after the adapter was put back"
