#!/usr/bin/env bash
# Shards of one archive as separate processes that start at the same moment on a fresh directory, are killed and started again; then
# merge, whatever became of them.
. "$(dirname "$0")/../support/script.sh"
make_corpus c "$program"
seed_random
options="-q --block-size 64KiB --model none --thorough"
"$program" compress c -o reference.fz $options || die "reference"

shards=4
kills=0
for round in 1 2 3 4 5; do
  pids=()
  for i in $(seq $shards); do
    "$program" compress c -o again.fz $options --shard "$i/$shards" 2> "err-$i" &
    pids+=($!)
  done
  victim=${pids[RANDOM % shards]}
  sleep_ms $((round == 1 ? 0 : RANDOM % 700))
  kill -9 "$victim" 2> /dev/null && kills=$((kills + 1))
  for i in $(seq $shards); do
    wait "${pids[i - 1]}" 2> /dev/null
    status=$?
    [ $status -eq 0 ] || { [ "${pids[i - 1]}" = "$victim" ] && [ $status -eq 137 ]; } || die "shard $i: exit code $status: $(cat "err-$i")"
  done
  "$program" merge again.fz -q 2> err
  status=$?
  if [ $status -ne 0 ]; then
    [ $status -eq 3 ] && grep -q "blocks are missing: run shard [1-$shards] of $shards again" err || die "merge: exit code $status: $(cat err)"
    i=$(sed 's/.*run shard \([0-9]*\) of.*/\1/' err)
    if [ $((round % 2)) -eq 0 ]; then
      "$program" compress c -o again.fz $options --shard "$i/$shards" || die "shard $i again"
      "$program" merge again.fz -q || die "merge after shard $i was made again"
    else
      "$program" compress c -o again.fz $options || die "the plain command"
    fi
  fi
  cmp reference.fz again.fz || die "the archive of the shards differs"
  [ ! -e again.fz.job ] || die "the job directory is left"
  rm again.fz
done
echo "$kills kills"
[ $kills -ge 1 ] || die "nothing was killed"

# A shard in its work keeps merge, the plain command and its own double away; killed, it keeps nobody away.
head -c 4000000 "$program" > c/large
"$program" compress c -o busy.fz $options --shard 1/2 &
pid=$!
wait_until [ -s busy.fz.job/journal-1-of-2 ]
kill -STOP $pid  # it stays in its work as long as it takes
for command in "merge busy.fz" "compress c -o busy.fz $options" "compress c -o busy.fz $options --shard 1/2"; do
  "$program" $command 2> err
  [ $? -eq 8 ] || die "$command beside a shard: $(cat err)"
done
kill -USR1 $pid
kill -CONT $pid
wait $pid
[ $? -eq 75 ] || die "SIGUSR1: a shard must ask to be run again"
"$program" compress c -o busy.fz $options --shard 1/2 &
pid=$!
"$program" compress c -o busy.fz $options --shard 2/2 || die "shard 2"
kill -9 $pid
wait $pid 2> /dev/null
"$program" compress c -o busy.fz $options --shard 1/2 || die "shard 1"
"$program" merge busy.fz -q || die "merge"
"$program" compress c -o plain.fz $options || die "plain"
cmp plain.fz busy.fz || die "the archive differs"

# A shard is one process.
command -v mpirun > /dev/null || exit 0
launch 2 "$program" compress c -o mpi.fz $options --shard 1/2 2> err
[ $? -eq 8 ] && [ "$(grep -c '^fz-dist: .*2 ranks run together' err)" -eq 1 ] || die "several ranks: $(cat err)"
