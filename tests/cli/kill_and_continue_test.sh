#!/usr/bin/env bash
# Kills a restore at random moments; the same command with --continue, as often as it takes, restores everything, and decodes nothing twice.
# The same for orderly interruptions and for a full disk, and under mpirun with another number of ranks each time.
set -u
program=$1
. "$(dirname "$0")/../support/corpus.sh"
work=$(mktemp -d)
mounted=
trap '[ -z "$mounted" ] || umount "$mounted"; chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
cd "$work"
make_corpus c "$program"
seed=${FZ_TEST_SEED:-$RANDOM}
RANDOM=$seed
echo "seed $seed (set FZ_TEST_SEED to repeat it)"
"$program" compress c -o c.fz -q --block-size 64KiB || die "compress"

begin=$(date +%s%N)
"$program" decompress c.fz -o reference -q || die "reference"
whole_ms=$((($(date +%s%N) - begin) / 1000000))
same_tree c reference/c || die "the reference differs"
echo "an undisturbed run takes $whole_ms ms"

# finished OUT: one directory, nothing else.
finished() {
  same_tree c "$1/c" || die "$1: the restored tree differs"
  [ "$(ls -A "$1")" = c ] || die "$1: left over: $(ls -A "$1")"
}
# kill_once OUT COMMAND…: kills the command at some moment, most often early; ends with its status.
kill_once() {
  local out=$1 pid status ms
  shift
  "$@" 2> err &
  pid=$!
  # Some moments are near the end, when files get their names.
  ms=$((RANDOM % (whole_ms * 2 / 3)))
  if [ $((RANDOM % 4)) -eq 0 ]; then ms=$((whole_ms * 3 / 4 + RANDOM % (whole_ms / 2))); fi
  sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
  kill -9 $pid 2> /dev/null && kills=$((kills + 1))
  wait $pid 2> /dev/null
  status=$?
  # 4: the attempt before had finished but for its exit.
  [ $status -eq 0 ] || [ $status -eq 137 ] || { [ $status -eq 4 ] && [ "$(ls -A "$out")" = c ]; } || die "exit code $status: $(cat err)"
  return $status
}

kills=0
resumes=0
for round in $(seq 10); do
  [ $kills -lt 6 ] || [ $resumes -lt 2 ] || break
  out=out-$round
  # The first attempt need not know that there will be another.
  kill_once $out "$program" decompress c.fz -o $out > /dev/null
  for attempt in $(seq 12); do
    kill_once $out "$program" decompress c.fz -o $out --continue > /dev/null && break
    grep -q 'resuming: ' err && resumes=$((resumes + 1))
    [ "$(ls -A $out 2> /dev/null)" != c ] || break
  done
  if [ "$(ls -A $out)" != c ]; then "$program" decompress c.fz -o $out --continue -q || die "the last attempt"; fi
  finished $out
done
echo "$kills kills, $resumes resumes"
[ $kills -ge 3 ] && [ $resumes -ge 1 ] || die "hardly anything was killed"

# interrupt SIGNAL CODE OPTIONS…: what is restored stays with --continue only.
interrupt() {
  local signal=$1 expected=$2 pid status
  shift 2
  env --default-signal=INT "$program" decompress c.fz -o signalled "$@" 2> err &
  pid=$!
  sleep 0.$((RANDOM % 3 + 3))
  kill -"$signal" $pid
  wait $pid
  status=$?
  [ $status -eq "$expected" ] || die "$signal: exit code $status, expected $expected: $(cat err)"
}
interrupt TERM 75 --continue
interrupt USR1 75 --continue
interrupt INT 130 --continue
grep -q 'the same command given again goes on' err || die "no word of going on: $(cat err)"
[ -n "$(ls -A signalled)" ] || die "nothing is kept"
"$program" extract c.fz c/sub -o signalled --continue 2> err && die "another restore took it over"
grep -q 'unfinished restore of another archive or of other files' err || die "another restore: $(cat err)"
interrupt TERM 143  # and without it, everything goes
[ ! -e signalled ] || [ -z "$(ls -A signalled)" ] || die "left over: $(ls -A signalled)"
rm -rf signalled
"$program" decompress c.fz -o signalled --continue -q || die "from the beginning"
finished signalled

# A full disk, where one can be made.
mkdir disk
if mount -t tmpfs -o size=300k none disk 2> /dev/null; then
  mounted=$work/disk
  "$program" decompress c.fz -o disk/out --continue -q 2> err
  status=$?
  [ $status -eq 4 ] || die "full disk: exit code $status: $(cat err)"
  grep -q 'what is restored is kept' err || die "full disk: $(cat err)"
  mount -o remount,size=10m disk || die "remount"
  "$program" decompress c.fz -o disk/out --continue 2> err > /dev/null || die "after a full disk: $(cat err)"
  grep -q 'resuming: ' err || die "nothing was kept on the full disk: $(cat err)"
  finished disk/out
  umount disk && mounted=
else
  echo "not tested here: a full disk (no right to mount)"
fi

command -v mpirun > /dev/null || { echo "not tested here: several ranks (mpirun is not installed)"; exit 0; }
launch() { mpirun --oversubscribe --allow-run-as-root -n "$@"; }
# continued COMMAND…: the command succeeds, perhaps not before the killed ranks have followed their mpirun (8: another run).
continued() {
  local status
  for _ in $(seq 60); do
    "$@" > /dev/null 2> err
    status=$?
    [ $status -eq 8 ] || return $status
    sleep 0.5
  done
}
mpirun --oversubscribe --allow-run-as-root -n 3 "$program" decompress c.fz -o ranks --continue -q > /dev/null 2>&1 &
pid=$!
sleep 1.5
kill -9 $pid 2> /dev/null
wait $pid 2> /dev/null
sleep 1.5  # the ranks follow their mpirun
timeout 1.4 mpirun --oversubscribe --allow-run-as-root -n 2 "$program" decompress c.fz -o ranks --continue -q > /dev/null 2>&1
sleep 1.5
if [ "$(ls -A ranks)" != c ]; then continued launch 2 "$program" decompress c.fz -o ranks --continue || die "on two ranks: $(cat err)"; fi
finished ranks
# One rank of several dies.
mpirun --oversubscribe --allow-run-as-root -n 2 "$program" decompress c.fz -o lost --continue -q > /dev/null 2>&1 &
pid=$!
sleep 1.3
rank=$(pgrep -P $pid | tail -1)  # the ranks are children of mpirun
[ -z "$rank" ] || kill -9 "$rank" 2> /dev/null
wait $pid 2> /dev/null
sleep 1
if [ "$(ls -A lost 2> /dev/null)" != c ]; then continued "$program" decompress c.fz -o lost --continue || die "after the loss of a rank: $(cat err)"; fi
finished lost
