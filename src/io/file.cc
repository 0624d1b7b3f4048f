#include "io/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <system_error>

#include "cleave/io/io.h"
#include "io/sha256.h"
#include "io/text.h"

namespace cleave::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShownBytes = 200;

std::string shown(const fs::path& file) { return escaped(file.string(), kShownBytes); }

std::string last_system_error() { return std::generic_category().message(errno); }

/// An open file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] bool is_open() const { return number_ >= 0; }

  /// Up to `size` bytes; 0 at the end; negative on an error.
  ssize_t read(char* buffer, std::size_t size) const {
    ssize_t got = 0;
    do {
      got = ::read(number_, buffer, size);
    } while (got < 0 && errno == EINTR);
    return got;
  }
  bool write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t put = ::write(number_, text.data(), text.size());
      if (put < 0 && errno != EINTR) return false;
      text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(put, 0)));
    }
    return true;
  }
  /// Errors of delayed writes show here.
  bool close() {
    const int number = number_;
    number_ = -1;
    return number < 0 || ::close(number) == 0;
  }

 private:
  int number_;
};

base::Error too_large(std::size_t limit, std::string place) {
  return base::bad_input(
      fmt::format("the file is larger than {} MiB, the most that is read", limit >> 20),
      std::move(place));
}

base::Error cannot_write(const fs::path& file) {
  return base::bad_input(fmt::format("cannot write the file: {}", last_system_error()),
                         shown(file));
}

base::Status write_in_place(const fs::path& file, std::string_view text) {
  Descriptor out(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!out.is_open() || !out.write(text) || !out.close()) return cannot_write(file);
  return std::monostate{};
}

base::Status replace(const fs::path& file, std::string_view text) {
  fs::path temporary;
  int number = -1;
  // A run that was killed may have left the name of one with this process's number.
  for (int attempt = 0; attempt < 100; ++attempt) {
    constexpr mode_t kMode = 0666;  // less what the umask takes
    temporary = file.string() + fmt::format(".{}-{}.tmp", ::getpid(), attempt);
    number = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
    if (number >= 0 || errno != EEXIST) break;
  }
  Descriptor out(number);
  if (!out.is_open()) return cannot_write(file);
  const bool written =
      out.write(text) && out.close() && ::rename(temporary.c_str(), file.c_str()) == 0;
  if (written) return std::monostate{};
  const base::Error error = cannot_write(file);
  ::unlink(temporary.c_str());
  return error;
}

// Hands over the file a part at a time; an error of `take` ends it.
base::Status read_parts(const fs::path& file,
                        const std::function<base::Status(std::string_view)>& take) {
  std::error_code unknown;
  if (fs::is_directory(file, unknown)) {
    return base::bad_input("this is a directory; name a file in it", shown(file));
  }
  const auto unreadable = [&] {
    return base::Error{base::ErrorCode::not_found,
                       fmt::format("cannot read the file: {}", last_system_error()), shown(file)};
  };
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.is_open()) return unreadable();
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t got = in.read(buffer.data(), buffer.size());
    if (got < 0) return unreadable();
    if (got == 0) return std::monostate{};
    if (auto taken = take({buffer.data(), static_cast<std::size_t>(got)}); !taken) return taken;
  }
}

}  // namespace

base::Result<std::string> read_text(const fs::path& file, std::size_t limit) {
  std::string text;
  std::error_code unknown;
  const auto size = fs::file_size(file, unknown);
  if (!unknown && size <= limit) text.reserve(size);
  const auto done = read_parts(file, [&](std::string_view part) -> base::Status {
    text += part;
    if (text.size() > limit) return too_large(limit, shown(file));
    return std::monostate{};
  });
  if (!done) return done.error();
  return text;
}

base::Result<std::string> checksum(const fs::path& file) {
  Sha256 digest;
  const auto done = read_parts(file, [&](std::string_view part) -> base::Status {
    digest.add(part);
    return std::monostate{};
  });
  if (!done) return done.error();
  return "sha256:" + digest.finish();
}

std::optional<base::Error> find_unreadable(std::string_view text, std::string_view name,
                                           std::size_t limit) {
  std::string place = escaped(name, kShownBytes);
  if (text.size() > limit) return too_large(limit, std::move(place));
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return base::bad_input("the file is empty", std::move(place));
  }
  const std::size_t readable = count_text_bytes(text);
  if (readable == text.size()) return std::nullopt;
  return base::bad_input(fmt::format("this is a binary file or not UTF-8 text: byte {} is 0x{:02x}",
                                     readable, static_cast<unsigned char>(text[readable])),
                         std::move(place));
}

base::Status write_file(const fs::path& file, std::string_view text) {
  std::error_code unknown;
  const fs::file_status status = fs::status(file, unknown);
  if (fs::is_directory(status)) {
    return base::bad_input("this is a directory; name a file in it", shown(file));
  }
  // A device or a pipe, such as /dev/stdout, is written to, not replaced.
  if (fs::exists(status) && !fs::is_regular_file(status)) return write_in_place(file, text);
  // What a link names is replaced, not the link.
  const fs::path target = fs::exists(status) ? fs::canonical(file, unknown) : file;
  return replace(unknown ? file : target, text);
}

}  // namespace cleave::io
