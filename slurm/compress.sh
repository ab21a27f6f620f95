#!/bin/bash
# Compresses on CPU nodes; goes on by itself after time limits, preemption and failed nodes. From the directory where the paths begin:
#   sbatch --nodes=4 slurm/compress.sh corpus/ -o corpus.fz
#SBATCH --job-name=fz-compress --output=%x-%j.out --open-mode=append
#SBATCH --nodes=2 --ntasks-per-node=2 --cpus-per-task=4 --time=24:00:00
#SBATCH --requeue --signal=B:USR1@300
. "${FZ_SLURM:-$SLURM_SUBMIT_DIR/slurm}/job.sh" || exit 2
run_resumable "${fz_srun[@]}" "$fz_dist" compress "$@"
