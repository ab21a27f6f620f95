#!/bin/bash
# Compresses without MPI, as a job array of N tasks that start whenever there is room, and a job that merges what they made:
#   array=$(sbatch --parsable --array=1-8 slurm/compress-array.sh 8 corpus/ -o corpus.fz)
#   sbatch --dependency=afterany:$array slurm/merge.sh corpus.fz
# If the merge finds shards missing, it names them; then again, with the same N, only those, and the merge:
#   sbatch --array=3,5 slurm/compress-array.sh 8 corpus/ -o corpus.fz
#SBATCH --job-name=fz-shard --output=%x-%A_%a.out --open-mode=append
#SBATCH --ntasks=1 --cpus-per-task=4 --time=24:00:00
#SBATCH --requeue --signal=B:USR1@300
. "${FZ_SLURM:-$SLURM_SUBMIT_DIR/slurm}/job.sh" || exit 2
run_resumable "$fz_dist" compress "${@:2}" --shard "$SLURM_ARRAY_TASK_ID/$1"
