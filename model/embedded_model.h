// The models inside this program, so that every archive made without --model can be decoded without one.
#pragma once

#include <cstddef>
#include <memory>

#include "model/model.h"

namespace fz::model {

inline constexpr std::size_t kEmbeddedModels = 4;

/// 0 is the default (models/default.fzm at build time), the others were it in earlier versions, the newest first. Parsed
/// when it is first asked for.
std::shared_ptr<const Model> embedded_model(std::size_t number = 0);

}  // namespace fz::model
