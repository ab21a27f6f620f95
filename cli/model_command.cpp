// fz-dist model import, export and info
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/display.h"
#include "base/file.h"
#include "base/new_directory.h"
#include "cli/commands.h"
#include "coordinator/output_file.h"
#include "model/embedded_model.h"
#include "model/export.h"
#include "model/import.h"
#include "model/model_file.h"

namespace fz::cli {
namespace {

struct ImportOptions {
  std::string directory;
  std::string output;
  std::uint32_t context = 0;
  bool force = false;
};

struct ExportOptions {
  std::string path;
  std::string output;
};

struct ModelInfoOptions {
  std::string path;
  bool json = false;
};

std::uint64_t parameters(const model::ModelConfig& config) {
  const std::uint64_t width = config.width;
  const std::uint64_t attention = width * config.head_width * (2ull * config.heads + 2ull * config.kv_heads);
  const std::uint64_t feed_forward = 3ull * width * config.feed_forward_width;
  const std::uint64_t embedding = width * config.vocabulary_size * (config.tied_head ? 1 : 2);
  return embedding + config.layers * (attention + feed_forward + 2 * width) + width;
}

void import(const ImportOptions& options, const Context& context) {
  if (!context.world.coordinates()) return;
  coordinator::require_free_output(options.output, options.force);
  model::Model model = model::import_model(options.directory, options.context);
  model::finalize_model(model);
  const Bytes bytes = model::serialize_model(model);
  coordinator::write_output(options.output, bytes, options.force);
  context.out << fmt::format("{}: {} bytes, {} parameters, weights {}, tokenizer {}\n", options.output, bytes.size(),
                             parameters(model.config), to_hex(model.weights_hash, 16),
                             to_hex(model.tokenizer_hash, 16));
}

std::shared_ptr<const model::Model> model_of(const std::string& path) {
  return path.empty() ? model::embedded_model() : model::load_model(path);
}

void export_directory(const ExportOptions& options, const Context& context) {
  if (!context.world.coordinates()) return;
  const auto model = model_of(options.path);
  NewDirectory directory(options.output);
  model::export_model(*model, directory.path());
  directory.publish();
  context.out << fmt::format("{}: {} parameters, weights {}\n", options.output, parameters(model->config),
                             to_hex(model->weights_hash, 16));
}

void model_info(const ModelInfoOptions& options, const Context& context) {
  if (!context.world.coordinates()) return;
  const auto model = model_of(options.path);
  const model::ModelConfig& config = model->config;
  if (options.json) {
    nlohmann::ordered_json object;
    object["name"] = display_text(model->name);
    object["weights_hash"] = to_hex(model->weights_hash);
    object["tokenizer_hash"] = to_hex(model->tokenizer_hash);
    object["numerics_version"] = model::kNumericsVersion;
    object["parameters"] = parameters(config);
    object["vocabulary_size"] = config.vocabulary_size;
    object["width"] = config.width;
    object["layers"] = config.layers;
    object["heads"] = config.heads;
    object["kv_heads"] = config.kv_heads;
    object["head_width"] = config.head_width;
    object["feed_forward_width"] = config.feed_forward_width;
    object["context"] = config.context;
    object["tied_head"] = config.tied_head;
    context.out << object.dump(2) << '\n';
    return;
  }
  context.out << fmt::format("model          {} ({})\n", display_text(model->name),
                             options.path.empty() ? "inside the program" : options.path);
  context.out << fmt::format("weights        {}\n", to_hex(model->weights_hash));
  context.out << fmt::format("tokenizer      {}\n", to_hex(model->tokenizer_hash));
  context.out << fmt::format("parameters     {}, {} head\n", parameters(config), config.tied_head ? "tied" : "untied");
  context.out << fmt::format("shape          {} layers, width {}, {} heads of {} ({} key/value), feed-forward {}\n",
                             config.layers, config.width, config.heads, config.head_width, config.kv_heads,
                             config.feed_forward_width);
  context.out << fmt::format("tokens         {} in the vocabulary, context {}\n", config.vocabulary_size,
                             config.context);
  context.out << fmt::format("numerics       version {}\n", model::kNumericsVersion);
}

}  // namespace

void add_model(CLI::App& app, Context& context) {
  CLI::App* const group =
      app.add_subcommand("model", "Import, export, show or train a model, or train a tokenizer for one");
  group->require_subcommand(1);

  const auto import_options = std::make_shared<ImportOptions>();
  CLI::App* const import_command =
      group->add_subcommand("import", "Turn a Hugging Face Llama-family directory into a model file");
  import_command->footer("The directory holds config.json, tokenizer.json and *.safetensors (fp32, fp16 or bf16).");
  import_command->add_option("DIR", import_options->directory, "The directory")->required();
  import_command->add_option("-o,--output", import_options->output, "The model file to write")
      ->type_name("FILE.fzm")
      ->required();
  import_command
      ->add_option("--context", import_options->context,
                   "Tokens per chunk; default: what the model allows, at most 512")
      ->type_name("N")
      ->check(CLI::Range(2, 1 << 20));
  import_command->add_flag("--force", import_options->force, "Replace an existing file");
  import_command->callback([import_options, &context] {
    context.chosen = [import_options, &context] { import(*import_options, context); };
  });

  const auto export_options = std::make_shared<ExportOptions>();
  CLI::App* const export_command = group->add_subcommand(
      "export", "Turn a model file, or the model inside the program, into a Hugging Face directory");
  export_command->footer(
      "DIR gets config.json, tokenizer.json and model.safetensors: what the model's integers stand for, as fp32. "
      "Imported again it\n"
      "is the same model.");
  export_command->add_option("FILE", export_options->path, "Model file (.fzm); default: the model inside the program");
  export_command->add_option("-o,--output", export_options->output, "The directory to make")
      ->type_name("DIR")
      ->required();
  export_command->callback([export_options, &context] {
    context.chosen = [export_options, &context] { export_directory(*export_options, context); };
  });

  const auto info_options = std::make_shared<ModelInfoOptions>();
  CLI::App* const info_command = group->add_subcommand("info", "Show a model file, or the model inside the program");
  info_command->add_option("FILE", info_options->path, "Model file (.fzm); default: the model inside the program");
  info_command->add_flag("--json", info_options->json, "As JSON, for programs");
  info_command->callback(
      [info_options, &context] { context.chosen = [info_options, &context] { model_info(*info_options, context); }; });

  add_model_tokenizer(*group, context);
  add_model_train(*group, context);
}

}  // namespace fz::cli
