#include "comm/message.h"

namespace fz::comm {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

void write_string(ByteWriter& writer, const std::string& text) {
  writer.write_varint(text.size());
  writer.write_bytes(as_byte_span(text));
}

std::string read_string(ByteReader& reader) {
  return std::string(as_string_view(reader.take(reader.read_varint())));
}

Message parse_body(ByteReader& reader) {
  // The types are numbered by their place in the variant.
  switch (reader.read<std::uint8_t>()) {
    case 0: {
      Begin begin;
      begin.run = reader.read<std::uint64_t>();
      begin.staging = read_string(reader);
      begin.needs_model = reader.read<std::uint8_t>() != 0;
      return begin;
    }
    case 1: {
      Assign assign;
      const auto count = reader.read<std::uint32_t>();
      if (count != reader.remaining() / sizeof(std::uint32_t)) reader.corrupt("assignment has a wrong count");
      for (std::uint32_t i = 0; i < count; ++i) assign.blocks.push_back(BlockId{reader.read<std::uint32_t>()});
      return assign;
    }
    case 2:
      return Stop{};
    case 3:
      return Leave{reader.read<std::uint8_t>() != 0};
    case 4:
      return Alive{reader.read<std::uint64_t>()};
    case 5: {
      Ready ready;
      ready.model_blocks = reader.read<std::uint32_t>();
      ready.cheap_blocks = reader.read<std::uint32_t>();
      return ready;
    }
    case 6: {
      BlockDone done;
      done.block = BlockId{reader.read<std::uint32_t>()};
      done.offset_bytes = reader.read<std::uint64_t>();
      done.stored_bytes = reader.read<std::uint32_t>();
      return done;
    }
    case 7:
      return Finished{};
    case 8: {
      Failed failed;
      failed.exit_code = reader.read<std::uint32_t>();
      failed.message = read_string(reader);
      return failed;
    }
    default:
      reader.corrupt("unknown type");
  }
}

}  // namespace

Bytes serialize(const Message& message) {
  ByteWriter writer;
  writer.write(static_cast<std::uint8_t>(message.index()));
  std::visit(Overloaded{
                 [&](const Begin& begin) {
                   writer.write(begin.run);
                   write_string(writer, begin.staging);
                   writer.write(static_cast<std::uint8_t>(begin.needs_model));
                 },
                 [&](const Assign& assign) {
                   writer.write(static_cast<std::uint32_t>(assign.blocks.size()));
                   for (const BlockId block : assign.blocks) writer.write(number(block));
                 },
                 [](const Stop&) {},
                 [&](const Leave& leave) { writer.write(static_cast<std::uint8_t>(leave.ranks_lost)); },
                 [&](const Alive& alive) { writer.write(alive.bytes_in_work); },
                 [&](const Ready& ready) {
                   writer.write(ready.model_blocks);
                   writer.write(ready.cheap_blocks);
                 },
                 [&](const BlockDone& done) {
                   writer.write(number(done.block));
                   writer.write(done.offset_bytes);
                   writer.write(done.stored_bytes);
                 },
                 [](const Finished&) {},
                 [&](const Failed& failed) {
                   writer.write(failed.exit_code);
                   write_string(writer, failed.message);
                 },
             },
             message);
  return writer.take();
}

Message parse_message(ByteSpan bytes) {
  try {
    ByteReader reader(bytes, "message");
    Message message = parse_body(reader);
    reader.expect_end();
    return message;
  } catch (const Error& error) {
    fail(ErrorCode::kLaunch, "{}; do all ranks run the same fz-dist?", error.what());
  }
}

}  // namespace fz::comm
