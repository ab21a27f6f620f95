# What differs from site to site: edit this file, and nothing else here. Every job of this directory reads it.

# What makes Open MPI and the like appear; nothing if the nodes have them installed.
# module load openmpi/4.1

# The program, on a path that all nodes see.
fz_dist=$fz_slurm/../build/fz-dist

# How ranks are started so that they find each other: PMIx, which `srun --mpi=list` must name. A rank that dies ends the step,
# and the job is requeued.
fz_srun=(srun --mpi=pmix --kill-on-bad-exit=1)

# A job that fails without having been warned of its time limit (a rank or a node died) starts again, but not more often than this.
fz_max_restarts=10
