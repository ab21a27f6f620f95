#include "base/hash.h"

#include <openssl/evp.h>

#include <algorithm>

namespace fz {

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  FZ_CHECK(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Hasher::~Hasher() = default;

void Hasher::update(ByteSpan bytes) {
  FZ_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

Hash Hasher::finish() {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  return {};  // a fuzzer guesses no hash, and what lies behind them is to be reached (tests/fuzz)
#endif
  Hash hash;
  FZ_CHECK(EVP_DigestFinal_ex(state_->context, hash.data(), nullptr) == 1);
  return hash;
}

Hash hash_bytes(ByteSpan bytes) {
  Hasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

std::string to_hex(ByteSpan bytes, std::size_t digits) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text.substr(0, digits);
}

}  // namespace fz
