// Where LibTorch computes: a GPU, or the processor.
#pragma once

#include <c10/core/Device.h>

#include "model/train/trainer.h"

namespace fz::model {

/// Throws Error(kUnsupported) when a GPU is wanted and there is none.
at::Device training_device(const TrainerSettings& settings);

}  // namespace fz::model
