#!/usr/bin/env bash
# One mpirun over three hosts, each with a name and a network of its own: the archive is the same, everything comes back. A host that dies,
# is cut off, or is cut off for a while costs at most a second start of the same command. Every run ends by itself.
. "$(dirname "$0")/../support/hosts.sh"
. "$(dirname "$0")/../support/script.sh"
start_hosts 3
mkdir c
for i in $(seq 24); do cat "$docs"/*.md "$docs"/adr/*.md | tail -c +$((i * 4777)) | head -c 60000 > c/text-$i; done
blocks="--model none --thorough --block-size 64KiB"
"$program" compress c -o plain.fz $blocks -q || die "plain command"
# Two ranks on each host, or one.
pairs="--host node1:2,node2:2,node3:2"
singles="--host node1,node2,node3"

# on_hosts MPIRUN_OPTIONS COMMAND…: under mpirun on the first host. Nothing here takes two minutes: a hang is a failure.
on_hosts() {
  local mpirun_options=$1
  shift
  on_host 1 timeout --kill-after=5 120 mpirun --allow-run-as-root $mpirun_options "$program" "$@"
}
# start ARCHIVE MPIRUN_OPTIONS FZ_OPTIONS: compresses in the background, until two blocks are done; sets `job`.
start() {
  : > log  # now, not when the shell gets to it
  on_hosts "$2" compress c -o $1 $blocks --threads 1 -v ${3:-} > log 2>&1 &
  job=$!
  wait_until two_done_or_ended
  kill -0 $job 2> /dev/null || die "ended too early: $(cat log)"
}
two_done_or_ended() { [ "$(grep -c '^block .* done by' log)" -ge 2 ] || ! kill -0 $job 2> /dev/null; }
# finish WHAT: sets `status`.
finish() {
  wait $job
  status=$?
  [ $status -ne 124 ] && [ $status -ne 137 ] || die "$1: mpirun does not end: $(cat log)"
  echo "$1: exit code $status"
}
said() { grep -q "$1" log || die "'$1' is not said: $(cat log)"; }
expect_same() {
  cmp plain.fz $1 || die "$1 differs from the plain command's archive: $(cat log)"
  [ ! -e $1.job ] || die "$1: the job directory is left"
}
# expect_resumed ARCHIVE [MPIRUN_OPTIONS]: ranks that were cut off may still hold the job directory.
expect_resumed() {
  [ $status -ne 0 ] || die "$1: ended with 0, and is not there: $(cat log)"
  [ ! -e $1 ] && [ -e $1.job ] || die "$1: ended with $status, and there is nothing to go on with: $(cat log)"
  patiently on_hosts "${2:-$singles}" compress c -o $1 $blocks > log 2>&1 || die "$1: the same command again: $(cat log)"
  said 'resuming: '
  expect_same $1
}
clear_host() {
  mend_link $1
  kill_host $1
}

echo "== all is well"
on_hosts "$pairs" compress c -o whole.fz $blocks -q --log-file ranks > log 2>&1 || die "compress: $(cat log)"
expect_same whole.fz
hosts_of_ranks=$(for rank in "" .1 .2 .3 .4 .5; do grep -om 1 'node[0-9] rank [0-9]' ranks$rank; done | tr '\n' ' ')
[ "$hosts_of_ranks" = "node1 rank 0 node1 rank 1 node2 rank 2 node2 rank 3 node3 rank 4 node3 rank 5 " ] || die "ranks: $hosts_of_ranks"
# A rank alone on its host has all cores; three on one would share them.
on_hosts "$singles --bind-to none" compress c -o alone.fz $blocks > log 2>&1 || die "one rank a host: $(cat log)"
said "(3 ranks x $(nproc) thread"
expect_same alone.fz
on_hosts "$pairs" verify whole.fz -q > log 2>&1 || die "verify: $(cat log)"
on_hosts "$pairs" decompress whole.fz -o out -q > log 2>&1 || die "decompress: $(cat log)"
same_tree c out/c || die "restored by three hosts: differs"
cat c/text-1 c/text-2 | head -c 70000 > text
"$program" compress text -o plain-model.fz --block-size 64KiB -q || die "plain command with the model"
on_hosts "$singles" compress text -o model.fz --block-size 64KiB -q > log 2>&1 || die "with the model: $(cat log)"
cmp plain-model.fz model.fz || die "with the model: the archive of three hosts differs"

echo "== signals to mpirun"
for signal in USR1 TERM; do
  start $signal.fz "$pairs"
  kill -$signal "$(pgrep -x mpirun)"
  finish "SIG$signal"
  [ $signal != USR1 ] || [ $status -eq 75 ] || die "exit code $status, expected 75: $(cat log)"
  said '^fz-dist: interrupted; the same command given again goes on'
  expect_resumed $signal.fz
done

echo "== a host dies"
start died.fz "$pairs"
kill_host 3
finish "a dead host"
expect_resumed died.fz
# With several ranks a host Open MPI 4.1 loses count of those that ended, and waits for ever; its exit code is not ours.
start survived.fz "$singles --enable-recovery" "--rank-timeout 2"
kill_host 3
finish "a dead host, --enable-recovery"
said 'warning: rank 2 is lost'
expect_same survived.fz

echo "== a host is cut off for three seconds"
start back.fz "$pairs" "--rank-timeout 2"
cut_link 3
sleep 3
mend_link 3
finish "a link that comes back"
[ $status -eq 0 ] || die "$(cat log)"
expect_same back.fz

echo "== a host is cut off for good"
# What mpirun has still to say to that host is given up after seconds; Linux does so after a quarter of an hour.
set_tcp_retries() { on_host 1 bash -c "echo $1 > /proc/sys/net/ipv4/tcp_retries2"; }
set_tcp_retries 3
start cut.fz "$pairs" "--rank-timeout 2"
cut_link 3
finish "a cut link, few retries"
[ $status -eq 0 ] || die "$(cat log)"
said 'warning: rank 4 is lost'
said 'warning: rank 5 is lost'
expect_same cut.fz
has_no_ranks() { [ "$(ranks_on $1)" -eq 0 ]; }
wait_until has_no_ranks 3  # they end by themselves, without anyone to tell them
clear_host 3
set_tcp_retries 15
# Here mpirun knows before the ranks do, and ends the job.
keepalive="--mca oob_tcp_keepalive_time 1 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 2"
start silent.fz "$pairs $keepalive" "--rank-timeout 60"
cut_link 3
finish "a cut link, keepalive"
expect_resumed silent.fz "--host node1,node2"  # while node3 is cut off and can still write
clear_host 3
