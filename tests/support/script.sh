# What the tests that are scripts begin with, sourced with their own arguments, SCRIPT PROGRAM: a work directory, which is
# the working directory, goes with the script, and so does whatever it has started. They wait for what can be seen, not
# for time: how fast a machine is decides nothing.
set -u
program=$1
. "$(dirname "${BASH_SOURCE[0]}")/corpus.sh"
work=$(mktemp -d)
mounted=
clean_up() {
  kill $(jobs -p) 2> /dev/null
  kill -CONT $(jobs -p) 2> /dev/null
  [ -z "$mounted" ] || umount "$mounted"
  chmod -R u+rwx "$work"
  rm -rf "$work"
}
trap clean_up EXIT
cd "$work" || exit 1

seed_random() {
  local seed=${FZ_TEST_SEED:-$RANDOM}
  RANDOM=$seed
  echo "seed $seed (set FZ_TEST_SEED to repeat it)"
}
sleep_ms() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }

# wait_until COMMAND…: for what is a matter of seconds; two minutes are a failure.
wait_until() {
  local deadline=$((SECONDS + 120))
  until "$@"; do
    [ $SECONDS -lt $deadline ] || die "waited in vain for: $*"
    sleep 0.02
  done
}
# grown_or_gone PID SIZE OLD…: what `SIZE …` prints is more than OLD, or the process has ended.
grown_or_gone() {
  local pid=$1 size=$2 old=$3
  shift 3
  [ "$("$size" "$@")" -gt "$old" ] || ! kill -0 "$pid" 2> /dev/null
}

# journal_bytes ARCHIVE: of the journal of its unfinished compress run: 16 bytes, then 37 for each start and each block.
journal_bytes() { stat -c %s "$1.job/journal" 2> /dev/null || echo 0; }
# restored_bytes OUT: of the journals of an unfinished restore, which begin with its first block.
restored_bytes() { cat "$1"/.fz-partial-*/done-* 2> /dev/null | wc -c; }

mpirun=(mpirun --oversubscribe --allow-run-as-root)
launch() { "${mpirun[@]}" -n "$@"; }
need_mpirun() { command -v mpirun > /dev/null || { echo "SKIPPED: mpirun is not installed"; exit 77; }; }
