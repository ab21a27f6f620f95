// Collectives over MPI, on a communicator of their own. Non-blocking calls that are polled, so that a lost rank ends in
// an error and not in a hang.
#pragma once

// The C interface only: the C++ one would need another library.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <memory>

#include "comm/collective.h"

namespace fz::comm {

/// `communicator` outlives it. `timeout_seconds`: how long a call waits for the other ranks.
std::unique_ptr<Collective> make_mpi_collective(MPI_Comm communicator, double timeout_seconds);

}  // namespace fz::comm
