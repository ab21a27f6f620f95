#!/bin/bash
# Decodes an archive and compares every hash, as a job array of N tasks without MPI; each that finds damage fails and names it:
#   sbatch --array=1-8 slurm/verify-array.sh 8 corpus.fz
#SBATCH --job-name=fz-verify --output=%x-%A_%a.out --open-mode=append
#SBATCH --ntasks=1 --cpus-per-task=4 --time=24:00:00
#SBATCH --requeue
. "${FZ_SLURM:-$SLURM_SUBMIT_DIR/slurm}/job.sh" || exit 2
exec "$fz_dist" verify "${@:2}" --part "$SLURM_ARRAY_TASK_ID/$1"
