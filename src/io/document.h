#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"

namespace cleave::io {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object, invalid };

class Document;

/// One value of a document: a position in it, valid as long as the document is.
/// A default-constructed value is of kind `invalid` and has no children.
class Value {
 public:
  template <bool kMembers>
  class Range;
  struct Member;

  Value() = default;
  Value(const Document& document, std::size_t index)
      : document_(&document), index_(static_cast<std::uint32_t>(index)) {}

  [[nodiscard]] Kind kind() const;
  /// REQUIRES: a scalar. Of a string, its characters; of a number, the number as it was written.
  [[nodiscard]] std::string_view text() const;
  /// REQUIRES: kind() == Kind::boolean.
  [[nodiscard]] bool boolean() const;
  /// Of an array; empty for any other kind.
  [[nodiscard]] Range<false> elements() const;
  /// Of an object, in the order of the file; empty for any other kind.
  [[nodiscard]] Range<true> members() const;
  /// The member of an object. O(members).
  [[nodiscard]] std::optional<Value> find(std::string_view key) const;

  /// REQUIRES: not invalid. "graph.json, /operators/3/id"; in YAML "devices.yaml, line 4,
  /// /devices/0". O(document).
  [[nodiscard]] std::string place() const;
  /// "the string 'x'", "an object": for messages.
  [[nodiscard]] std::string describe() const;

 private:
  const Document* document_ = nullptr;
  std::uint32_t index_ = 0;
};

struct Value::Member {
  std::string_view key;
  Value value;
};

/// What JSON and YAML have in common, as a flat array: 12 bytes a value and a key, plus their
/// characters. Numbers are kept as they were written, so that nothing is lost before it is known
/// what they count. Keys of an object are distinct.
class Document {
 public:
  static constexpr std::size_t kMaxDepth = 64;

  /// `name` stands for the file in places.
  explicit Document(std::string_view name);
  Document(const Document&) = delete;  // values point into it
  Document& operator=(const Document&) = delete;

  [[nodiscard]] Value root() const { return Value(*this, 0); }
  [[nodiscard]] const std::string& name() const { return name_; }

  // Building, in the order of the text. Calls that can find a fault return it, or nothing.
  using Fault = std::optional<base::Error>;
  void add(Kind scalar, std::string_view text);
  void add_boolean(bool value);
  Fault open(Kind container);
  void add_key(std::string_view key) { add(Kind::string, key); }
  Fault close();
  /// Whether a key has to come next.
  [[nodiscard]] bool expects_key() const;
  /// Line of what is added next; documents without lines leave it at 0.
  void set_line(int line) { line_ = line; }
  /// Where the next value would go.
  [[nodiscard]] std::string next_place() const { return place(nodes_.size()); }

 private:
  friend class Value;

  struct Node {
    std::uint32_t offset;  // into characters_
    std::uint32_t size;    // of the text; of a container, nodes with itself, 0 while open
    Kind kind;
  };

  struct Open {
    std::size_t node;
    std::size_t children;  // added so far, keys included
  };

  [[nodiscard]] std::string_view text(std::size_t index) const;
  [[nodiscard]] bool is_container(std::size_t index) const;
  /// Whether `index`, at or after that of the value, is in it; open containers hold what comes.
  [[nodiscard]] bool contains(std::size_t value, std::size_t index) const;
  /// The node after this value and all in it.
  [[nodiscard]] std::size_t after(std::size_t index) const;
  [[nodiscard]] std::string pointer(std::size_t index) const;
  [[nodiscard]] std::string place(std::size_t index) const;
  [[nodiscard]] std::optional<std::string_view> find_repeated_key(std::size_t object) const;
  void push(Node node);

  std::string name_;
  std::vector<Node> nodes_;
  std::string characters_;
  std::vector<int> lines_;  // [nodes] or empty
  int line_ = 0;
  std::vector<Open> open_;  // containers, outermost first
};

/// Iterates over the elements of an array, or the members of an object.
template <bool kMembers>
class Value::Range {
 public:
  class Iterator {
   public:
    Iterator(const Document* document, std::size_t index) : document_(document), index_(index) {}
    auto operator*() const {
      if constexpr (kMembers) {
        return Member{Value(*document_, index_).text(), Value(*document_, index_ + 1)};
      } else {
        return Value(*document_, index_);
      }
    }
    Iterator& operator++();
    bool operator==(const Iterator&) const = default;

   private:
    const Document* document_;
    std::size_t index_;
  };

  Range(const Document* document, std::size_t first, std::size_t last)
      : document_(document), first_(first), last_(last) {}
  [[nodiscard]] Iterator begin() const { return Iterator(document_, first_); }
  [[nodiscard]] Iterator end() const { return Iterator(document_, last_); }
  [[nodiscard]] bool empty() const { return first_ == last_; }
  /// O(elements).
  [[nodiscard]] std::size_t count() const {
    std::size_t count = 0;
    for (Iterator at = begin(); at != end(); ++at) ++count;
    return count;
  }

 private:
  const Document* document_;
  std::size_t first_, last_;
};

}  // namespace cleave::io
