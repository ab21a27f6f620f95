#!/usr/bin/env bash
# Standard streams that are closed, or whose reader sleeps.
. "$(dirname "$0")/../support/script.sh"
mkdir c
for i in 1 2 3 4 5 6; do seq $((i * 100000)) $((i * 100000 + 40000)) > c/$i; done
"$program" compress c -o reference.fz -q --model none || die "compress"

# Nothing that the program opens gets the number of a closed stream: what it says would be written into the journal.
mkdir closed
(cd closed && exec "$program" compress ../c -o c.fz --model none --block-size 64KiB --threads 1 >&- 2>&- <&-) &
pid=$!
wait_until grown_or_gone $pid journal_bytes $((16 + 37)) closed/c.fz
ls -l /proc/$pid/fd > descriptors 2> /dev/null
wait $pid || die "with closed streams: exit code $?"
for descriptor in 0 1 2; do
  [ ! -s descriptors ] || grep -q " $descriptor -> /dev/null" descriptors || die "descriptor $descriptor: $(cat descriptors)"
done
"$program" verify closed/c.fz -q || die "what was made with closed streams"

# A signal ends what waits for its reader.
mkfifo pipe
"$program" decompress reference.fz --stdout > pipe 2> err &
pid=$!
exec 7< pipe
head -c 1000 <&7 > /dev/null
asleep() { grep -qs pipe_ /proc/$pid/task/*/wchan && echo 1 || echo 0; }
wait_until grown_or_gone $pid asleep 0
kill -TERM $pid
for attempt in $(seq 100); do kill -0 $pid 2> /dev/null || break; sleep_ms 100; done
kill -0 $pid 2> /dev/null && die "SIGTERM did not end it"
wait $pid
status=$?
[ $status -eq 143 ] || die "exit code $status: $(cat err)"
exec 7<&-
