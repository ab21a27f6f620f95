#!/usr/bin/env bash
# The same archive from 1 to 4 ranks and from the plain command; everything comes back, with modes and times, on any number of ranks; errors
# are said once and end the job with their exit code.
. "$(dirname "$0")/../support/script.sh"
need_mpirun
make_corpus c "$program"
options="-q --block-size 64KiB"

"$program" compress c -o plain.fz $options || die "plain command"
for ranks in 1 2 3 4; do
  launch $ranks "$program" compress c -o $ranks.fz $options || die "compress, $ranks ranks"
  cmp plain.fz $ranks.fz || die "the archive of $ranks ranks differs"
  [ ! -e $ranks.fz.job ] || die "job directory left by $ranks ranks"
done
printf 'command: compress\ninputs: [c]\noutput: job.fz\nquiet: true\nblock-size: 64KiB\n' > job.yaml
launch 3 "$program" run job.yaml --threads 1 || die "run, 3 ranks"
cmp plain.fz job.fz || die "the archive of a job file differs"
for ranks in 1 2 4; do
  launch $ranks "$program" decompress 3.fz -o out-$ranks -q || die "decompress, $ranks ranks"
  same_tree c out-$ranks/c || die "restored by $ranks ranks: differs"
  [ "$(ls -A out-$ranks)" = c ] || die "left over: $(ls -A out-$ranks)"
done
launch 3 "$program" verify plain.fz -q || die "verify"
launch 2 "$program" extract plain.fz 'c/sub/deep' -o some -q || die "extract"
same_tree c/sub/deep some/c/sub/deep || die "extracted tree differs"

# expect CODE TEXT COMMAND...: exit code, and one line of ours that has the text.
expect() {
  local code=$1 text=$2 status
  shift 2
  "$@" > /dev/null 2> err
  status=$?
  [ $status -eq "$code" ] || die "$*: exit code $status, expected $code: $(cat err)"
  [ "$(grep -c '^fz-dist: ' err)" -eq 1 ] || die "$*: not said once: $(cat err)"
  grep -q "^fz-dist: .*$text" err || die "$*: no '$text' in: $(cat err)"
}
expect 4 'exists already' launch 3 "$program" compress c -o plain.fz $options
expect 3 'absent: cannot open' launch 2 "$program" compress absent -o absent.fz
expect 2 'frobnicate' launch 2 "$program" frobnicate
printf 'command: compress\ninputs: [c]\noutptu: job.fz\n' > bad.yaml
expect 2 "bad.yaml:3:1: unknown key 'outptu'; did you mean 'output'" launch 3 "$program" run bad.yaml
expect 3 'absent.yaml: cannot open' launch 2 "$program" run absent.yaml
expect 3 'absent.fz' launch 3 "$program" decompress absent.fz -o none
expect 8 'only one process can write it' launch 2 "$program" decompress plain.fz --stdout
expect 4 'not empty' launch 3 "$program" decompress plain.fz -o out-1
cp plain.fz bad.fz
printf '\377\377' | dd of=bad.fz bs=1 seek=$(($(stat -c %s bad.fz) / 2)) conv=notrunc 2> /dev/null
expect 5 'bad.fz: block' launch 3 "$program" decompress bad.fz -o none
[ ! -e none ] || die "a failed decompress left: $(ls -A none)"
expect 5 'bad.fz: 1 of .* blocks is damaged, all others are intact' launch 2 "$program" verify bad.fz
expect 5 'bad.fz: 1 of .* blocks is damaged, all others are intact' launch 3 "$program" verify --quick bad.fz
for part in 1/2 2/2; do launch 2 "$program" verify --quick --part $part plain.fz -q --model absent.fzm || die "verify --quick --part $part"; done
launch 2 "$program" verify bad.fz > out 2> /dev/null
grep -q '^bad.fz: block .*; it holds c/' out || die "verify: the damaged block is not reported: $(cat out)"

# Commands without block work run once.
[ "$(launch 3 "$program" list plain.fz | wc -l)" -eq "$("$program" list plain.fz | wc -l)" ] || die "list is printed by several ranks"
[ "$(launch 3 "$program" --version | wc -l)" -eq 1 ] || die "version is printed by several ranks"

# Begun on four ranks, killed, resumed on two, killed, finished alone.
# until_idle OUT: the ranks follow their mpirun, sooner or later.
until_idle() {
  for _ in $(seq 60); do
    "$program" status "$1" --json 2> /dev/null | grep -q '"running"' || return 0
    sleep 0.5
  done
}
for ranks in 4 2; do
  before=$(journal_bytes killed.fz)
  "${mpirun[@]}" -n $ranks "$program" compress c -o killed.fz $options --threads 1 > /dev/null 2>&1 &
  pid=$!
  wait_until grown_or_gone $pid journal_bytes $((before + 16 + 37)) killed.fz  # it has done a block
  kill -9 $pid 2> /dev/null
  wait $pid 2> /dev/null
  until_idle killed.fz
done
if [ -e killed.fz.job ] || [ ! -e killed.fz ]; then "$program" compress c -o killed.fz $options || die "resume alone"; fi
cmp plain.fz killed.fz || die "the archive resumed on other ranks differs"

# A scheduler's warning before the time limit reaches every rank; the job ends with the code that asks for a requeue.
head -c 1500000 "$program" > large
options="-q --block-size 64KiB --model none --thorough"
"${mpirun[@]}" -n 3 "$program" compress large -o warned.fz $options --threads 1 --log-file log --log-level debug > /dev/null 2> err &
pid=$!
at_work() { grep -l 'compresses .* blocks' log log.1 log.2 2> /dev/null | wc -l; }
wait_until grown_or_gone $pid at_work 2
kill -USR1 $pid
wait $pid
status=$?
[ $status -eq 75 ] || die "SIGUSR1: exit code $status: $(cat err)"
[ "$(grep -c '^fz-dist: interrupted' err)" -eq 1 ] || die "SIGUSR1: not said once: $(cat err)"
launch 2 "$program" compress large -o warned.fz $options || die "resume after SIGUSR1"
"$program" compress large -o plain-large.fz $options || die "plain command, large file"
cmp plain-large.fz warned.fz || die "the archive resumed after SIGUSR1 differs"

# A launch that gives every process a world of its own is refused.
SLURM_STEP_NUM_TASKS=4 "$program" compress c -o separate.fz 2> err
[ $? -eq 8 ] && grep -q 'mpi=pmix' err || die "separate worlds: $(cat err)"
