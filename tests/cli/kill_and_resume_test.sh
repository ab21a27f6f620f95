#!/usr/bin/env bash
# Kills a compress at random moments; the same command again, as often as it takes, gives the archive of an undisturbed run. Then the same for
# decompress, and for orderly interruptions.
. "$(dirname "$0")/../support/script.sh"
make_corpus c "$program"
seed_random
options="-q --block-size 64KiB --threads 1"  # one block after the other, so that there is time between them

"$program" compress c -o reference.fz $options || die "reference"

# merging: 1 when the archive is being put together.
merging() { [ -e again.fz.job/merged ] && echo 1 || echo 0; }

kills=0
for round in 1 2 3 4; do
  rm -rf again.fz
  for attempt in $(seq 40); do
    before=$(journal_bytes again.fz)
    "$program" compress c -o again.fz $options 2> err &
    pid=$!
    case $((attempt == 1 ? 0 : RANDOM % 4)) in
      0) wait_until grown_or_gone $pid journal_bytes $((before + 16 + 37)) again.fz; sleep_ms $((RANDOM % 100)) ;;
      1) wait_until grown_or_gone $pid merging 0; sleep_ms $((RANDOM % 20)) ;;
      *) sleep_ms $((RANDOM % 900)) ;;
    esac
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
  "$program" decompress reference.fz -o out -q --threads 1 2> err &
  pid=$!
  [ $attempt -eq 1 ] && wait_until grown_or_gone $pid restored_bytes 0 out
  sleep_ms $((RANDOM % 300))
  kill -9 $pid 2> /dev/null
  wait $pid 2> /dev/null
  [ -e out/c ] && break
done
if [ ! -e out/c ]; then "$program" decompress reference.fz -o out -q || die "decompress after kills"; fi
same_tree c out/c || die "restored tree differs"
[ "$(ls -A out)" = c ] || die "left over: $(ls -A out)"

# interrupt SIGNAL CODE PROGRESS OUTPUT COMMAND…: the command, interrupted when `PROGRESS OUTPUT` has grown, must end with the code and
# leave no output.
interrupt() {
  local signal=$1 expected=$2 progress=$3 output=$4 before
  shift 4
  before=$($progress "$output")
  # A script's background jobs ignore SIGINT; an intermediate program puts the default back.
  env --default-signal=INT "$program" "$@" 2> err &
  local pid=$!
  wait_until grown_or_gone $pid $progress "$before" "$output"
  kill -"$signal" $pid
  wait $pid
  local status=$?
  [ $status -eq "$expected" ] || die "$1, $signal: exit code $status, expected $expected"
  [ ! -e "$output" ] || die "$1, $signal: left over: $(ls -A "$output")"
}
for codes in "INT 130 130" "TERM 75 143" "USR1 75 138"; do
  read -r signal resumed clean <<< "$codes"
  interrupt $signal $resumed journal_bytes interrupted.fz compress c -o interrupted.fz $options
  interrupt $signal $clean restored_bytes out-$signal decompress reference.fz -o out-$signal -q --threads 1
done
"$program" compress c -o interrupted.fz $options || die "resume after signals"
cmp reference.fz interrupted.fz || die "the archive resumed after signals differs"

# A block that takes long is gone on with: killed within its only block, again and again.
docs_text=$(cat "$docs"/*.md)
head -c 150000 <<< "$docs_text" > long
"$program" compress long -o long-reference.fz -q --threads 1 || die "reference of the long block"
# predicted_bytes ARCHIVE: of what the model has said.
predicted_bytes() { cat "$1".job/predictions-* 2> /dev/null | wc -c; }
for signal in KILL TERM KILL; do
  before=$(predicted_bytes long.fz)
  "$program" compress long -o long.fz -q --threads 1 --checkpoint-after 0 --log-file log 2> err &
  pid=$!
  wait_until grown_or_gone $pid predicted_bytes "$before" long.fz
  kill -$signal $pid 2> /dev/null
  wait $pid 2> /dev/null
done
"$program" compress long -o long.fz -q --checkpoint-after 0 --log-file log || die "the long block, gone on with"
cmp long-reference.fz long.fz || die "the archive of a block that was gone on with differs"
[ "$(grep -c 'goes on with block 0: [1-9][0-9]* chunks are known' log)" -ge 3 ] || die "not gone on with: $(cat log)"
[ ! -e long.fz.job ] || die "left over: $(ls long.fz.job)"
