#!/bin/bash
# Restores an archive on CPU nodes. When it is requeued it starts again, cleanly; give it time enough:
#   sbatch --nodes=4 slurm/decompress.sh corpus.fz -o out/
#SBATCH --job-name=fz-decompress --output=%x-%j.out --open-mode=append
#SBATCH --nodes=2 --ntasks-per-node=2 --cpus-per-task=4 --time=24:00:00
#SBATCH --requeue
. "${FZ_SLURM:-$SLURM_SUBMIT_DIR/slurm}/job.sh" || exit 2
exec "${fz_srun[@]}" "$fz_dist" decompress "$@"
