// The world over MPI. Messages are small; a send is buffered here until MPI is done with it, which for a dead rank is
// never; a receive is a probe that never blocks. MPI reports no deaths: whoever listens judges silence.

#include <unistd.h>

#include <algorithm>
#include <list>
#include <thread>

#include "base/machine.h"
#include "base/stopwatch.h"
#include "comm/launch.h"
#include "comm/mpi_collective.h"

namespace fz::comm {
namespace {

constexpr int kTag = 1;
constexpr std::chrono::milliseconds kProbePeriod(1);
/// How long MPI may take to start.
constexpr unsigned kStartSeconds = 600;
/// How long rank 0's last words to the others may take, and how long they then wait to be ended by its abort.
constexpr double kLastWordsSeconds = 1;
constexpr std::chrono::seconds kAbortPeriod(3);
constexpr int kMaxMessageBytes = 1 << 20;

void require(int status, const char* what) {
  if (status != MPI_SUCCESS) fail(ErrorCode::kLaunch, "MPI: {} failed (code {})", what, status);
}

/// Sends and receives bytes between ranks.
class Post {
 public:
  ~Post() = default;

  void send(int to, const Message& message) {
    collect_sent();
    Outgoing& outgoing = outgoing_.emplace_back();
    outgoing.bytes = serialize(message);
    FZ_CHECK(outgoing.bytes.size() <= kMaxMessageBytes);
    // An error means that the receiver is lost; its silence will tell.
    const int status = MPI_Isend(outgoing.bytes.data(), static_cast<int>(outgoing.bytes.size()), MPI_BYTE, to, kTag,
                                 MPI_COMM_WORLD, &outgoing.request);
    if (status != MPI_SUCCESS) outgoing_.pop_back();
  }

  std::optional<Incoming> try_receive() {
    collect_sent();
    int arrived = 0;
    MPI_Status status;
    require(MPI_Iprobe(MPI_ANY_SOURCE, kTag, MPI_COMM_WORLD, &arrived, &status), "probe");
    if (arrived == 0) return std::nullopt;
    int size_bytes = 0;
    require(MPI_Get_count(&status, MPI_BYTE, &size_bytes), "get count");
    if (size_bytes < 0 || size_bytes > kMaxMessageBytes)
      fail(ErrorCode::kLaunch, "MPI: message of {} bytes", size_bytes);
    Bytes bytes(static_cast<std::size_t>(size_bytes));
    require(MPI_Recv(bytes.data(), size_bytes, MPI_BYTE, status.MPI_SOURCE, kTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE),
            "receive");
    return Incoming{Rank(static_cast<std::uint32_t>(status.MPI_SOURCE)), parse_message(bytes)};
  }

  /// Completes what is on its way; called before MPI ends, when all ranks live.
  void flush() {
    for (Outgoing& outgoing : outgoing_) MPI_Wait(&outgoing.request, MPI_STATUS_IGNORE);
    outgoing_.clear();
  }

  /// True while something is on its way.
  bool collect_sent() {
    // All of them: a dead rank's message at the front must not keep the others.
    outgoing_.remove_if([](Outgoing& outgoing) {
      int done = 0;
      return MPI_Test(&outgoing.request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || done != 0;
    });
    return !outgoing_.empty();
  }

 private:
  struct Outgoing {
    Bytes bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  std::list<Outgoing> outgoing_;  // a list: the buffers must not move
};

class MpiCoordinatorLink final : public CoordinatorLink {
 public:
  MpiCoordinatorLink(Post& post, int size, CoordinatorLink& local) : post_(post), size_(size), local_(local) {}
  int workers() const override { return size_; }
  void send(Rank to, const Message& message) override {
    if (number(to) == 0) {
      local_.send(to, message);
    } else {
      post_.send(static_cast<int>(number(to)), message);
    }
  }
  std::optional<Incoming> try_receive() override {
    if (auto incoming = local_.try_receive()) return incoming;
    return post_.try_receive();
  }
  void wait(std::chrono::milliseconds timeout) override {
    // Wakes at once for the local worker; the others are looked for again soon.
    local_.wait(std::min(timeout, kProbePeriod));
  }

 private:
  Post& post_;
  int size_;
  CoordinatorLink& local_;
};

class MpiWorkerLink final : public WorkerLink {
 public:
  MpiWorkerLink(Post& post, Rank rank) : post_(post), rank_(rank) {}
  Rank rank() const override { return rank_; }
  void send(const Message& message) override { post_.send(0, message); }
  std::optional<Message> try_receive() override {
    if (auto incoming = post_.try_receive()) return std::move(incoming->message);
    return std::nullopt;
  }
  void wait(std::chrono::milliseconds timeout) override {
    std::this_thread::sleep_for(std::min(timeout, kProbePeriod));
  }
  bool is_closed() const override { return false; }

 private:
  Post& post_;
  Rank rank_;
};

class MpiWorld final : public World {
 public:
  MpiWorld() {
    // It may hang, when a rank dies within it; then SIGALRM is the end.
    ::alarm(kStartSeconds);
    // The thread that trains sums gradients while the main thread carries messages.
    require(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &thread_support_), "initialisation");
    if (thread_support_ < MPI_THREAD_FUNNELED)
      fail(ErrorCode::kLaunch, "MPI: no thread support; use another MPI build");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    require(MPI_Comm_dup(MPI_COMM_WORLD, &collective_communicator_), "duplication of the world");
    exchange_core_masks();
    ::alarm(0);
  }

  Rank rank() const override { return Rank(static_cast<std::uint32_t>(rank_)); }
  int size() const override { return size_; }
  int rank_on_node() const override { return static_cast<int>(node_rank_); }
  int default_threads() const override { return fair_threads(node_masks_, node_rank_); }

  std::string binding_advice() const override {
    CoreMask all(kCoreMaskWords, 0);
    for (const CoreMask& mask : node_masks_)
      std::transform(all.begin(), all.end(), mask.begin(), all.begin(), std::bit_or<>());
    const int used = count_cores(all);
    // mpirun binds one or two ranks to one core each unless told otherwise; on a larger machine that is rarely meant.
    const auto online = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
    if (process_environment("OMPI_COMM_WORLD_SIZE").empty() || used * 2 > online) return {};
    return fmt::format("the ranks on this node are bound to {} of {} cores; mpirun --bind-to none lets them use all",
                       used, online);
  }

  CoordinatorLink& coordinator_link(CoordinatorLink& local) override {
    coordinator_link_ = std::make_unique<MpiCoordinatorLink>(post_, size_, local);
    return *coordinator_link_;
  }
  WorkerLink& worker_link() override {
    return worker_link_ ? *worker_link_ : *(worker_link_ = std::make_unique<MpiWorkerLink>(post_, rank()));
  }

  std::unique_ptr<Collective> collective(double timeout_seconds) override {
    if (thread_support_ < MPI_THREAD_MULTIPLE)
      fail(ErrorCode::kUnsupported,
           "MPI: this library cannot be used by two threads, as training on several ranks needs");
    return make_mpi_collective(collective_communicator_, timeout_seconds);
  }

  void show_life(const Patience& patience) override {
    if (rank_ != 0 || shown_.seconds() < patience.beat_seconds()) return;
    shown_ = Stopwatch();
    for (int to = 1; to < size_; ++to) post_.send(to, Alive{});
  }

  void abort_all(int exit_code) override {
    tell_all_to_leave();
    MPI_Abort(MPI_COMM_WORLD, exit_code);
  }

  void leave() override {
    if (!departure.waits_for_others) return leave_survivors();
    post_.flush();
    MPI_Finalize();
  }

 private:
  /// MPI_Finalize would wait for the lost ranks too. Plain mpirun ends the job at the first rank that ends without it:
  /// there an abort with code 0 is the way to end them all well. mpirun --enable-recovery ignores the abort, and waits
  /// for each rank to end.
  void leave_survivors() {
    if (rank_ != 0) return std::this_thread::sleep_for(kAbortPeriod);
    tell_all_to_leave();
    MPI_Abort(MPI_COMM_WORLD, 0);
  }

  /// Rank 0's last words, for launchers that do not end the others.
  void tell_all_to_leave() {
    if (rank_ != 0) return;
    for (int to = 1; to < size_; ++to) post_.send(to, Leave{true});
    const Stopwatch watch;
    while (post_.collect_sent() && watch.seconds() < kLastWordsSeconds) std::this_thread::sleep_for(kProbePeriod);
  }

  /// Every rank of a node learns which cores the others may use.
  void exchange_core_masks() {
    MPI_Comm node;
    require(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node), "split by node");
    int node_size = 0;
    int node_rank = 0;
    MPI_Comm_size(node, &node_size);
    MPI_Comm_rank(node, &node_rank);
    const CoreMask own = allowed_cores();
    std::vector<std::uint64_t> all(static_cast<std::size_t>(node_size) * kCoreMaskWords);
    require(MPI_Allgather(own.data(), kCoreMaskWords, MPI_UINT64_T, all.data(), kCoreMaskWords, MPI_UINT64_T, node),
            "exchange of cores");
    MPI_Comm_free(&node);
    for (auto begin = all.begin(); begin != all.end(); begin += kCoreMaskWords)
      node_masks_.emplace_back(begin, begin + kCoreMaskWords);
    node_rank_ = static_cast<std::size_t>(node_rank);
  }

  int rank_ = 0;
  int size_ = 1;
  int thread_support_ = MPI_THREAD_SINGLE;
  MPI_Comm collective_communicator_ = MPI_COMM_NULL;
  Stopwatch shown_;
  std::vector<CoreMask> node_masks_;
  std::size_t node_rank_ = 0;
  Post post_;
  std::unique_ptr<MpiCoordinatorLink> coordinator_link_;
  std::unique_ptr<MpiWorkerLink> worker_link_;
};

}  // namespace

std::unique_ptr<World> World::join() {
  if (launch_kind(process_environment) == LaunchKind::kAlone) {
    refuse_separate_worlds(1, process_environment);
    return make_world_of_one();
  }
  auto world = std::make_unique<MpiWorld>();
  if (world->size() == 1) {
    try {
      refuse_separate_worlds(1, process_environment);
    } catch (const Error&) {
      world->leave();
      throw;
    }
  }
  return world;
}

}  // namespace fz::comm
