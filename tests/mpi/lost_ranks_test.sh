#!/usr/bin/env bash
# Ranks that die or fall silent under mpirun: their blocks are done by others, the archive and the restored files are the same; when rank 0
# dies, the others end by themselves and the same command goes on.
. "$(dirname "$0")/../support/script.sh"
need_mpirun
mkdir c
for i in $(seq 20); do cat "$docs"/*.md "$docs"/adr/*.md | tail -c +$((i * 7777)) > c/text-$i; done
work_options="--model none --rank-timeout 2 --threads 1"
options="$work_options --thorough --block-size 64KiB -v"
"$program" compress c -o plain.fz --model none --thorough --block-size 64KiB -q || die "plain command"

# start MODE COMMAND...: under mpirun with 4 ranks, in the background; sets `job`. Nothing here takes two minutes: a hang is a failure.
start() {
  local mode=$1
  shift
  : > log  # now, not when the shell gets to it
  timeout 120 "${mpirun[@]}" $mode -n 4 "$program" "$@" > log 2>&1 &
  job=$!
}

# signal_rank SIGNAL RANK: to that rank of the job just started, once `block … done` has been said twice.
signal_rank() {
  local deadline=$((SECONDS + 60)) pid
  until [ "$(grep -c '^block .* done by' log)" -ge 2 ]; do
    [ $SECONDS -lt $deadline ] || die "no blocks done: $(cat log)"
    sleep 0.05
  done
  for pid in $(pgrep -x "$(basename "$program")"); do
    { tr '\0' '\n' < /proc/$pid/environ; } 2> /dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$2" || continue
    [ "$(readlink /proc/$pid/cwd)" = "$work" ] && kill -"$1" "$pid" && signalled=$pid && return
  done
  die "rank $2 is not there any more: $(cat log)"
}

# finish CODE WHAT: the job's exit code.
finish() {
  local status
  wait $job
  status=$?
  [ $status -eq "$1" ] || die "$2: exit code $status, expected $1: $(cat log)"
}
said() { grep -q "$1" log || die "'$1' is not said: $(cat log)"; }

start --enable-recovery compress c -o killed.fz $options
signal_rank KILL 2
finish 0 "a killed rank"
said 'warning: rank 2 is lost, nothing was heard of it for 2 s; its . block'
cmp plain.fz killed.fz || die "a killed rank: the archive differs"
[ ! -e killed.fz.job ] || die "a killed rank: the job directory is left"

# Plain mpirun ends all when a rank dies, but it does not see one that hangs.
start "" compress c -o silent.fz $options
signal_rank STOP 3
finish 0 "a silent rank"
said 'warning: rank 3 is lost'
cmp plain.fz silent.fz || die "a silent rank: the archive differs"

start "" compress c -o paused.fz $options
signal_rank STOP 1
(sleep 3.5; kill -CONT $signalled) &
finish 0 "a rank that pauses"
cmp plain.fz paused.fz || die "a rank that pauses: the archive differs"

start --enable-recovery decompress plain.fz -o out $work_options -v
signal_rank KILL 1
finish 0 "a killed rank of decompress"
said 'warning: rank 1 is lost'
same_tree c out/c || die "a killed rank of decompress: files differ"
[ "$(ls -A out)" = c ] || die "left over: $(ls -A out)"

# An error and an interruption end the others at once, where the launcher does not; its exit code is not ours.
start --enable-recovery compress absent -o absent.fz --rank-timeout 1000
finish 0 "an error"
said 'absent: cannot open'
start --enable-recovery compress c -o interrupted.fz ${options/timeout 2/timeout 1000}
signal_rank USR1 0
finish 0 "an interruption"
said 'interrupted; the same command given again goes on'
[ -d interrupted.fz.job ] || die "an interruption: nothing to go on with"

start --enable-recovery compress c -o headless.fz $options
signal_rank KILL 0
wait $job
[ ! -e headless.fz ] || die "an archive without a coordinator"
said 'nothing heard of rank 0 for 10 s; run the same command again to resume'
patiently "$program" compress c -o headless.fz --model none --thorough --block-size 64KiB 2> log > /dev/null || die "resume: $(cat log)"
said 'resuming: '
cmp plain.fz headless.fz || die "resumed: the archive differs"
