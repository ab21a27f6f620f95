// fz-dist model export and import, as a user types them.
#include <gtest/gtest.h>

#include "model/embedded_model.h"
#include "model/model_file.h"
#include "support/tool_test.h"

namespace fz {
namespace {

using test::run_tool;

class ModelCommand : public test::ToolTest {};

TEST_F(ModelCommand, TheModelInsideTheProgramGoesOutAndComesBack) {
  expect_success(run_tool({"model", "export", "-o", "out/"}));
  expect_success(run_tool({"model", "import", "out", "-o", "again.fzm", "--context", "512"}));
  expect_success(run_tool({"model", "export", "again.fzm", "-o", "second"}));
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"})
    EXPECT_TRUE(test::read_text(std::string("out/") + name) == test::read_text(std::string("second/") + name)) << name;
  EXPECT_EQ(model::load_model("again.fzm")->weights_hash, model::embedded_model()->weights_hash);
}

TEST_F(ModelCommand, ExportKeepsWhatIsThereAndLeavesNothingHalfDone) {
  test::write_text("out/mine", "kept");
  expect_failure(run_tool({"model", "export", "-o", "out"}), 4, "out: exists already");
  EXPECT_EQ(test::read_text("out/mine"), "kept");
  model::Model model = *model::embedded_model();
  model.rope_sine.back() = 0;
  model::finalize_model(model);
  replace_file("odd.fzm", model::serialize_model(model));
  expect_failure(run_tool({"model", "export", "odd.fzm", "-o", "new"}), 7, "rotary embedding");
  expect_failure(run_tool({"model", "export", "missing.fzm", "-o", "new"}), 3, "missing.fzm: cannot open");
  expect_failure(run_tool({"model", "export", "-o", "no/such/folder"}), 4, "no/such/folder");
  for (const auto& item : std::filesystem::directory_iterator(".")) {
    EXPECT_FALSE(item.path().filename().native().starts_with("new")) << item.path();
  }
}

}  // namespace
}  // namespace fz
