// How this process was launched: alone, or as one of several ranks. Owned by main; made once, before anything else, and
// ended last. All calls from the main thread; what `collective` gives may be used by another one. Only here and in
// mpi_transport.cpp is mpi.h seen.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/ids.h"
#include "comm/collective.h"
#include "comm/transport.h"

namespace fz::comm {

/// Reads a variable of the environment; empty when it is not set.
using Environment = std::function<std::string(const char* name)>;
std::string process_environment(const char* name);

enum class LaunchKind {
  kAlone,        ///< No launcher: never initialise MPI.
  kDistributed,  ///< mpirun, or srun with PMIx: initialise MPI.
};

/// Pure. Whether the environment is one that a launcher makes.
LaunchKind launch_kind(const Environment& environment);

/// Pure. How many ranks the launcher says it started (1 when it says nothing).
int announced_ranks(const Environment& environment);

/// Throws Error(kLaunch) when the launcher started several processes but each finds itself alone: they would all do the
/// same work.
void refuse_separate_worlds(int world_size, const Environment& environment);

/// Pure. Whether this process should say what went wrong with the launch: of those that srun started one is enough.
bool speaks_for_launch(const Environment& environment);

/// The world of ranks that this process belongs to.
class World {
 public:
  /// Initialises MPI when launched by a launcher. Throws Error(kLaunch).
  static std::unique_ptr<World> join();
  virtual ~World() = default;

  virtual Rank rank() const = 0;
  virtual int size() const = 0;
  bool coordinates() const { return number(rank()) == 0; }

  /// The how many-th rank of its node this is, from 0.
  virtual int rank_on_node() const { return 0; }
  /// Threads that this rank should use: its share of the cores of its node.
  virtual int default_threads() const = 0;
  /// What the user should know about how ranks are bound to cores; empty when all is well.
  virtual std::string binding_advice() const { return {}; }

  /// Rank 0: a link that reaches the worker at the other end of `local` (rank 0's own, in this process) and those of
  /// all other ranks.
  virtual CoordinatorLink& coordinator_link(CoordinatorLink& local) = 0;
  /// Other ranks: the way to the coordinator.
  virtual WorkerLink& worker_link() = 0;

  /// For what all ranks do in step; each call of it waits at most so long for the others. Throws Error(kUnsupported)
  /// when the MPI library cannot be used by two threads.
  virtual std::unique_ptr<Collective> collective(double /*timeout_seconds*/) { return make_collective_of_one(); }

  /// Rank 0, often: tells the other ranks now and then that it is there.
  virtual void show_life(const Patience&) {}

  /// Ends all ranks at once with this exit code; does not return when there are several.
  virtual void abort_all(int exit_code) = 0;
  /// Every rank calls it at an orderly end; then the process shall end, as `departure` says.
  virtual void leave() = 0;

  struct Departure {
    bool waits_for_others = true;  ///< False: one of them is lost, and MPI's end would wait for it for ever.
    bool ends_at_once = false;     ///< A thread was left behind: no destructors, no atexit.
  };
  Departure departure;
};

/// A world of one, without MPI.
std::unique_ptr<World> make_world_of_one();

}  // namespace fz::comm
