# Sourced by the jobs of this directory: the site's settings, and how a command that goes on where it was is run until it has ended.

# Slurm copies a job's script elsewhere, so it cannot find its neighbours by itself.
fz_slurm=${FZ_SLURM:-$SLURM_SUBMIT_DIR/slurm}
if ! . "$fz_slurm/site.sh"; then
  echo "fz-dist: slurm: site.sh is not in $fz_slurm; export FZ_SLURM=<the directory of the job scripts> before sbatch" >&2
  exit 2
fi
# Slurm 22.05 and later do not hand this on to steps.
[ -z "${SLURM_CPUS_PER_TASK:-}" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK

# The job, or the one task of an array: an array's number alone would mean all of its tasks.
fz_job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
fz_job=${fz_job:-$SLURM_JOB_ID}

# run_resumable COMMAND…: runs a command that exits with 75 when it wants to be run again, and ends the job: with its exit code, or
# by putting the job back into the queue. --signal=B:USR1@… makes Slurm send USR1 to this shell before the time limit.
run_resumable() {
  local pid= status warned=
  trap 'warned=1; kill -USR1 $pid 2> /dev/null' USR1
  "$@" &
  pid=$!
  [ -z "$warned" ] || kill -USR1 $pid
  # A trap ends wait before the command has ended.
  while kill -0 $pid 2> /dev/null; do wait $pid; done
  wait $pid
  status=$?
  [ $status -eq 0 ] && exit 0
  # 75, or ended from outside (128 and more). Without a warning something is wrong, and may be wrong again.
  if [ -n "$warned" ] || { { [ $status -eq 75 ] || [ $status -ge 128 ]; } && [ "${SLURM_RESTART_COUNT:-0}" -lt "$fz_max_restarts" ]; }; then
    # A job that was cancelled must stay so.
    if [ "$(squeue --noheader --job="$fz_job" --format=%T)" = RUNNING ]; then
      echo "slurm: ended with $status; requeued as $fz_job, to go on"
      scontrol requeue "$fz_job" && sleep 600  # until Slurm ends this shell
    fi
  fi
  exit $status
}
