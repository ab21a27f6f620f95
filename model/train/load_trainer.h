// Makes a trainer from the module that holds LibTorch, which lies beside the program and is loaded at the first call.
#pragma once

#include <memory>

#include "model/train/trainer.h"

namespace fz::model {

/// Whether the module is there; it may still fail to load.
bool has_trainer();

/// `model` must outlive the trainer. Throws Error(kUnsupported) where LibTorch is missing or fails.
std::unique_ptr<Trainer> make_trainer(const Model& model, const TrainerSettings& settings);

}  // namespace fz::model

/// The module's only symbol. Null: `error` says why.
extern "C" fz::model::Trainer* fz_make_trainer(const fz::model::Model* model,
                                               const fz::model::TrainerSettings* settings, char* error,
                                               std::size_t error_bytes);
