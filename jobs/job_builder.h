// Makes a Job of what the YAML parser says, event by event, so that no tree is ever built: what is not allowed ends
// the reading at once, whatever comes after it. Used by one reading.
#pragma once

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "jobs/job.h"
#include "jobs/text_places.h"

namespace fz::jobs {

class JobBuilder : public YAML::EventHandler {
 public:
  /// `path` is for messages. `text` is what is parsed, and outlives the builder.
  JobBuilder(std::string_view text, const std::string& path);

  /// After the last event. Throws when there was no document, or no command in it.
  Job finish();

  /// For what the parser itself refuses, in its words.
  [[noreturn]] void refuse_syntax(const YAML::Mark& mark, const std::string& what) const;

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override;
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override;

 private:
  enum class Place { kOutside, kBeforeKey, kBeforeValue, kInList };

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& message) const;
  std::size_t offset_bytes(const YAML::Mark& mark) const;
  void refuse_open_quote(const YAML::Mark& mark) const;
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const;
  void begin_entry(Scalar key);
  void end_entry();

  std::string_view text_;
  TextPlaces places_;
  Job job_;
  Place place_ = Place::kOutside;
  int documents_ = 0;
  std::size_t values_ = 0;
  Entry entry_;  ///< Being read, unless `place_` is outside or before a key.
  std::map<std::string, Position, std::less<>> keys_;
};

}  // namespace fz::jobs
