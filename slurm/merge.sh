#!/bin/bash
# Makes the archive from the shards of compress-array.sh; see there for how both are submitted:
#   sbatch --dependency=afterany:ARRAY slurm/merge.sh corpus.fz
#SBATCH --job-name=fz-merge --output=%x-%j.out --open-mode=append
#SBATCH --ntasks=1 --cpus-per-task=1 --time=4:00:00
#SBATCH --requeue
. "${FZ_SLURM:-$SLURM_SUBMIT_DIR/slurm}/job.sh" || exit 2
run_resumable "$fz_dist" merge "$@"
