#!/usr/bin/env bash
# Kills a compress at random moments; the same command again, as often as it takes, gives the archive of an undisturbed run. Then the same for
# decompress, and for orderly interruptions.
set -u
program=$1
. "$(dirname "$0")/../support/corpus.sh"
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
cd "$work"
make_corpus c "$program"
seed=${FZ_TEST_SEED:-$RANDOM}
RANDOM=$seed
echo "seed $seed (set FZ_TEST_SEED to repeat it)"
options="-q --block-size 64KiB"

begin=$(date +%s%N)
"$program" compress c -o reference.fz $options || die "reference"
whole_ms=$((($(date +%s%N) - begin) / 1000000))
echo "an undisturbed run takes $whole_ms ms"

kills=0
for round in 1 2 3 4; do
  rm -rf again.fz
  for attempt in $(seq 40); do
    "$program" compress c -o again.fz $options 2> err &
    pid=$!
    # Most moments early, where most writes are.
    sleep "$(printf '0.%03d' $((RANDOM % (whole_ms > 900 ? 900 : whole_ms + 1))))"
    if [ $((RANDOM % 4)) -eq 0 ]; then sleep "$(printf '%d.%03d' $((whole_ms / 1000)) $((RANDOM % 1000)))"; fi
    kill -9 $pid 2> /dev/null && kills=$((kills + 1))
    wait $pid 2> /dev/null
    status=$?
    # 4: the attempt before had finished but for its exit.
    if [ $status -eq 0 ] || { [ $status -eq 4 ] && [ ! -e again.fz.job ]; }; then break; fi
    [ $status -eq 137 ] || die "exit code $status: $(cat err)"
  done
  "$program" compress c -o again.fz $options 2> err
  status=$?
  [ $status -eq 0 ] || { [ $status -eq 4 ] && [ ! -e again.fz.job ]; } || die "exit code $status: $(cat err)"
  cmp reference.fz again.fz || die "the resumed archive differs"
  [ ! -e again.fz.job ] || die "the job directory is left"
done
echo "$kills kills"
[ $kills -ge 4 ] || die "hardly anything was killed"

for attempt in 1 2 3; do
  "$program" decompress reference.fz -o out -q 2> err &
  pid=$!
  sleep "$(printf '0.%03d' $((RANDOM % 600)))"
  kill -9 $pid 2> /dev/null
  wait $pid 2> /dev/null
  [ -e out/c ] && break
done
if [ ! -e out/c ]; then "$program" decompress reference.fz -o out -q || die "decompress after kills"; fi
same_tree c out/c || die "restored tree differs"
[ "$(ls -A out)" = c ] || die "left over: $(ls -A out)"

# interrupt SIGNAL CODE OUTPUT COMMAND…: the command must end with the code and leave no output.
interrupt() {
  local signal=$1 expected=$2 output=$3
  shift 3
  # A script's background jobs ignore SIGINT; an intermediate program puts the default back.
  env --default-signal=INT "$program" "$@" 2> err &
  local pid=$!
  sleep 0.3
  kill -"$signal" $pid
  wait $pid
  local status=$?
  [ $status -eq "$expected" ] || die "$1, $signal: exit code $status, expected $expected"
  [ ! -e "$output" ] || die "$1, $signal: left over: $(ls -A "$output")"
}
for codes in "INT 130 130" "TERM 75 143" "USR1 75 138"; do
  read -r signal resumed clean <<< "$codes"
  interrupt $signal $resumed interrupted.fz compress c -o interrupted.fz $options
  interrupt $signal $clean out-$signal decompress reference.fz -o out-$signal -q
done
"$program" compress c -o interrupted.fz $options || die "resume after signals"
cmp reference.fz interrupted.fz || die "the archive resumed after signals differs"
