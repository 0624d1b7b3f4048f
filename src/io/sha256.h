#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace cleave::io {

/// SHA-256 (FIPS 180-4), of text that comes in parts. About 4 ns a byte.
class Sha256 {
 public:
  void add(std::string_view text);
  /// 64 lowercase hexadecimal digits. REQUIRES: called once, last.
  [[nodiscard]] std::string finish();

 private:
  static constexpr std::size_t kBlockBytes = 64;
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<char, kBlockBytes> pending_{};  // the first size_ % kBlockBytes of it
  std::uint64_t size_ = 0;
};

[[nodiscard]] std::string sha256(std::string_view text);

}  // namespace cleave::io
