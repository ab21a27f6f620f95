#!/usr/bin/env bash
# The scripts of slurm/ on a real Slurm with four virtual nodes: interrupted in every way that a cluster knows, the archive is always that
# of one undisturbed process. Waits for what it waits for, with generous deadlines; nothing is timed.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/corpus.sh"
. "$here/local_slurm.sh"
missing=$(missing_for_slurm)
[ -z "$missing" ] || { echo "SKIPPED: $missing is not installed (Debian: slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins)"; exit 77; }
work=$(mktemp -d /tmp/fzs.XXXXXX) && chmod 0755 "$work"  # munged wants its way open
trap 'kill "${guard:-}" 2> /dev/null; stop_local_slurm; rm -rf "$work"' EXIT
start_local_slurm "$work/s" 4
started=$?
# Who stops a test that takes too long may kill it outright: no daemon is to outlive it.
(while kill -0 $$ 2> /dev/null; do sleep 1; done; stop_local_slurm; rm -rf "$work") > /dev/null 2>&1 &
guard=$!
if [ $started -ne 0 ]; then
  echo "SKIPPED: Slurm does not start here: $(tail -qn 3 "$work"/s/*.out "$work"/s/slurm*.log 2>&1 | tail -n 12)"
  exit 77
fi
srun --mpi=list 2>&1 | grep -qw pmix || { echo "SKIPPED: this Slurm has no PMIx plugin"; exit 77; }

# The virtual nodes are one machine with one name: no shared memory between ranks, which would mix them up, only loopback.
export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_mpi_yield_when_idle=1 PMIX_MCA_gds=hash
cp -r "$here/../../slurm" "$work/slurm"
sed -i "s|^fz_dist=.*|fz_dist='$program'|" "$work/slurm/site.sh"
cd "$work" || exit 1

fail_with_output() {
  echo "FAILED: $1"
  tail -n 40 ./*.out
  squeue --long
  exit 1
}
# submit OPTIONS SCRIPT ARGUMENTS…: sets `job`.
submit() { job=$(sbatch --parsable --cpus-per-task=1 "$@") || die "sbatch $*"; }
has_ended() { [ -z "$(squeue --noheader --job="$1" 2> /dev/null)" ]; }
state_of() { scontrol show job --oneliner "$1" | sed 's/.* JobState=\([A-Z_]*\) .*/\1/' | sort -u; }
restarts_of() { scontrol show job --oneliner "$1" | sed 's/.* Restarts=\([0-9]*\) .*/\1/'; }
# await JOB STATE
await() {
  until_within 200 has_ended "$1" || fail_with_output "job $1 does not end"
  [ "$(state_of "$1")" = "$2" ] || fail_with_output "job $1: $(state_of "$1"), expected $2"
}
# Whether a journal names two blocks: 16 bytes, 37 for the run, 37 for each block. Most of the work is then still to be done.
has_blocks() { [ "$(cat "$1" 2> /dev/null | wc -c)" -ge $((16 + 37 + 37 * 2)) ]; }
# await_blocks ARCHIVE [JOURNAL]
await_blocks() { until_within 120 has_blocks "$1.job/${2:-journal}" || fail_with_output "$1: no blocks in time"; }
# expect_resumed FILE: the output of a job says that it went on, with at least one block.
expect_resumed() {
  grep -q "resuming: [1-9][0-9]* of [0-9]* blocks are there" "$1" || fail_with_output "$1 does not say that it resumed"
}
expect_same() {
  cmp plain.fz "$1" || fail_with_output "$1 differs from the archive of one process"
  [ ! -e "$1.job" ] || die "$1.job is left"
}

make_corpus c "$program"
head -c 4000000 "$program" | tail -c 2200000 > c/large
options="--model none --thorough --block-size 64KiB"
"$program" compress c -o plain.fz $options > plain.out || die "plain"
cat plain.out

echo "== srun, four ranks on two nodes"
srun --mpi=pmix -N2 -n4 "$program" compress c -o srun.fz $options -q || die "srun"
expect_same srun.fz
srun --mpi=pmix -n3 -N3 "$program" decompress srun.fz -o out -q || die "decompress, three ranks"
same_tree c out/c || die "restored by three ranks: differs"

echo "== srun without PMIx is refused, once, with the remedy"
srun --mpi=none -N2 -n4 "$program" compress c -o none.fz $options 2> err && die "without PMIx: not refused"
[ "$(grep -c '^fz-dist: ' err)" -eq 1 ] && grep -q 'use srun --mpi=pmix' err || die "without PMIx: $(cat err)"
[ ! -e none.fz.job ] || die "without PMIx: has begun"

echo "== requeued in the middle"
submit -N2 slurm/compress.sh c -o requeued.fz $options
await_blocks requeued.fz
scontrol requeue "$job" || die "scontrol requeue"
await "$job" COMPLETED
expect_resumed "fz-compress-$job.out"
expect_same requeued.fz

echo "== warned before the time limit"
submit -N2 slurm/compress.sh c -o warned.fz $options
await_blocks warned.fz
scancel --batch --signal=USR1 "$job" || die "scancel"  # what --signal=B:USR1@… does
await "$job" COMPLETED
[ "$(restarts_of "$job")" -ge 1 ] || fail_with_output "the warned job did not put itself back into the queue"
grep -q 'slurm: ended with 75; requeued' "fz-compress-$job.out" || fail_with_output "no exit code 75"
expect_resumed "fz-compress-$job.out"
expect_same warned.fz

# The last node only computes; on the first are rank 0 and the script itself.
for which in tail head; do
  echo "== a node fails: $which"
  submit -N2 slurm/compress.sh c -o failed.fz $options
  await_blocks failed.fz
  node=$(scontrol show hostnames "$(squeue --noheader --job="$job" --format=%N)" | $which -n 1)
  kill_node "${node#n}"
  await "$job" COMPLETED
  [ "$(restarts_of "$job")" -ge 1 ] || fail_with_output "the job of the failed node was not restarted"
  expect_resumed "fz-compress-$job.out"
  expect_same failed.fz
  rm failed.fz
  start_node "${node#n}"
  until_within 60 nodes_are_up || fail_with_output "$node does not come back"
done

echo "== cancelled, submitted again"
submit -N2 slurm/compress.sh c -o cancelled.fz $options
await_blocks cancelled.fz
scancel "$job"
await "$job" CANCELLED
[ ! -e cancelled.fz ] || die "the cancelled job has made an archive"
submit -N3 slurm/compress.sh c -o cancelled.fz $options
await "$job" COMPLETED
expect_resumed "fz-compress-$job.out"
expect_same cancelled.fz

echo "== a job array, one task of it warned, and the merge that depends on it"
submit --array=1-4 slurm/compress-array.sh 4 c -o array.fz $options
array=$job
submit --dependency=afterany:"$array" slurm/merge.sh array.fz
await_blocks array.fz journal-2-of-4
scancel --batch --signal=USR1 "${array}_2" || die "scancel of a task"
await "$job" COMPLETED
expect_same array.fz
expect_resumed "fz-shard-${array}_2.out"
! grep -l 'requeued\|resuming' "fz-shard-${array}"_[134].out || fail_with_output "other tasks were requeued too"

echo "== an array with a gap: the merge names it, and the shard made later closes it"
submit --array=1,3 slurm/compress-array.sh 3 c -o gap.fz $options
submit --dependency=afterany:"$job" slurm/merge.sh gap.fz
await "$job" FAILED
grep -q 'run shard 2 of 3 again' "fz-merge-$job.out" || fail_with_output "the merge does not name the missing shard"
submit --array=2 slurm/compress-array.sh 3 c -o gap.fz $options
submit --dependency=afterany:"$job" slurm/merge.sh gap.fz
await "$job" COMPLETED
expect_same gap.fz

echo "== decompress and verify"
submit -N2 slurm/decompress.sh plain.fz -o out-2
decompress=$job
submit --array=1-3 slurm/verify-array.sh 3 plain.fz
await "$decompress" COMPLETED
same_tree c out-2/c || die "restored by the job: differs"
await "$job" COMPLETED
[ "$(grep -l 'intact: .* (part [123] of 3)' fz-verify-"$job"_*.out | wc -l)" -eq 3 ] || fail_with_output "verify"

echo "== the model itself, from a job file, submitted elsewhere"
mkdir t && head -c 3000 c/format.txt > t/text
"$program" compress t -o model.fz -q || die "plain, with the model"
mkdir elsewhere && cd elsewhere
printf 'command: compress\ninputs: [../t]\noutput: ../model-job.fz\n' > tiny.yaml
export FZ_SLURM=$work/slurm
submit -N2 "$FZ_SLURM/run.sh" tiny.yaml
await "$job" COMPLETED
cmp ../model.fz ../model-job.fz || fail_with_output "with the model: differs"
echo "passed"
