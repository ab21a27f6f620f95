#include "model/train/text_sample.h"

#include <algorithm>

#include "base/hash.h"
#include "model/train/lot.h"

namespace fz::model {

void TextSample::add(const Document& document) {
  for (std::size_t begin = 0; begin < document.bytes.size(); begin += kStretchBytes) {
    const std::size_t size = std::min(kStretchBytes, document.bytes.size() - begin);
    const std::uint64_t lot = lot_of(fmt::format("{}:{}", document.path, document.offset_bytes + begin));
    if (lot >= end_lot_) continue;
    const auto first = document.bytes.begin() + static_cast<std::ptrdiff_t>(begin);
    stretches_.push_back({lot, Bytes(first, first + static_cast<std::ptrdiff_t>(size)), document.copies});
    std::push_heap(stretches_.begin(), stretches_.end());
    total_bytes_ += size;
    while (total_bytes_ > limit_bytes_) {
      std::pop_heap(stretches_.begin(), stretches_.end());
      end_lot_ = stretches_.back().lot;
      total_bytes_ -= stretches_.back().bytes.size();
      stretches_.pop_back();
    }
  }
}

void TextSample::take(const std::function<void(Bytes, std::uint32_t)>& receive) {
  for (Stretch& stretch : stretches_) receive(std::move(stretch.bytes), stretch.copies);
  stretches_.clear();
  total_bytes_ = 0;
}

}  // namespace fz::model
