// Looks for the parts of an archive that carry a check of their own (docs/format.md, "Recovery") at every byte offset
// of a file, in one pass and with little memory. Believes nothing but those checks. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/file.h"
#include "shard/adapter_format.h"
#include "shard/archive_format.h"

namespace fz::shard {

/// A block header whose own check fits.
struct FoundBlock {
  BlockHeader header;
  std::uint64_t file_offset = 0;
  bool intact = false;  ///< The payload is there and its check fits too.

  std::uint64_t stored_bytes() const { return kBlockHeaderBytes + header.payload_bytes; }
  /// Where the block ends if nothing was inserted into it or taken out.
  std::uint64_t file_end() const { return file_offset + stored_bytes(); }
  std::uint64_t raw_end() const { return header.raw_offset + header.raw_bytes; }
};

struct FoundHeader {
  Header header;
  std::uint64_t file_offset = 0;
};

struct FoundFooter {
  Footer footer;
  std::uint64_t file_offset = 0;
};

/// An adapter whose check fits.
struct FoundAdapter {
  AdapterSummary summary;
  std::uint64_t file_offset = 0;

  std::uint64_t file_end() const { return file_offset + summary.stored_bytes; }
};

/// In order of file offset. Nothing that lies in the payload of an intact block is in the lists: an archived archive is
/// data.
struct RecoveryScan {
  std::uint64_t file_bytes = 0;
  std::vector<FoundBlock> blocks;
  std::vector<FoundHeader> headers;
  std::vector<FoundFooter> footers;
  std::vector<FoundAdapter> adapters;
  /// A payload of an intact block holds a header or block header: there is an archive inside the archive.
  bool has_inner_archive = false;
  /// Block headers whose payloads were not read, because too many others had proved false: only hostile files have
  /// them.
  std::uint64_t unchecked_blocks = 0;

  /// Where the blocks begin in an archive that begins with this file, as far as header and adapter tell.
  std::uint64_t blocks_offset() const;
};

/// `pause` is called often, with the offset reached; it may throw. Throws Error(kInput) when the file cannot be read,
/// and Error(kUnsupported) when it begins with the header of a later format version.
RecoveryScan scan_for_recovery(const File& file, const std::function<void(std::uint64_t)>& pause);

/// Reads from a file through a window, so that looking at every byte costs few system calls.
class FileWindow {
 public:
  explicit FileWindow(const File& file) : file_(file), file_bytes_(file.size_bytes()) {}

  std::uint64_t file_bytes() const { return file_bytes_; }
  /// The bytes from `offset` that are in memory, at least `size_bytes` of them unless the file ends; at most 1 MiB are
  /// wanted. Valid until the next call.
  ByteSpan from(std::uint64_t offset, std::size_t size_bytes);
  /// Where the byte occurs first, from `offset` to before `end` or the file's end. `pause` is called with the offset
  /// reached after each stretch without it.
  std::optional<std::uint64_t> find(std::uint8_t byte, std::uint64_t offset, std::uint64_t end,
                                    const std::function<void(std::uint64_t)>& pause = {});
  /// Of a range that lies in the file.
  Hash hash(std::uint64_t offset, std::uint64_t size_bytes);

 private:
  const File& file_;
  std::uint64_t file_bytes_;
  std::uint64_t begin_ = 0;
  Bytes window_;
};

}  // namespace fz::shard
