#include "io/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "io/text.h"

namespace cleave::io {
namespace {

constexpr std::size_t kShownBytes = 200;  // of a name or a path in a message

}  // namespace

Kind Value::kind() const {
  return document_ == nullptr ? Kind::invalid : document_->nodes_[index_].kind;
}

std::string_view Value::text() const { return document_->text(index_); }

bool Value::boolean() const {
  assert(kind() == Kind::boolean);
  return document_->nodes_[index_].size != 0;
}

Value::Range<false> Value::elements() const {
  if (kind() != Kind::array) return {document_, 0, 0};
  return {document_, index_ + 1, document_->after(index_)};
}

Value::Range<true> Value::members() const {
  if (kind() != Kind::object) return {document_, 0, 0};
  return {document_, index_ + 1, document_->after(index_)};
}

template <bool kMembers>
typename Value::Range<kMembers>::Iterator& Value::Range<kMembers>::Iterator::operator++() {
  index_ = document_->after(index_ + (kMembers ? 1 : 0));
  return *this;
}
template class Value::Range<false>;
template class Value::Range<true>;

std::optional<Value> Value::find(std::string_view key) const {
  for (const Member member : members()) {
    if (member.key == key) return member.value;
  }
  return std::nullopt;
}

std::string Value::place() const { return document_->place(index_); }

std::string Value::describe() const {
  switch (kind()) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return boolean() ? "true" : "false";
    case Kind::number:
      return fmt::format("the number {}", escaped(text(), 40));
    case Kind::string:
      return fmt::format("the string {}", in_quotes(text()));
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
    case Kind::invalid:
      break;
  }
  return "nothing";
}

Document::Document(std::string_view name) : name_(escaped(name, kShownBytes)) {}

void Document::push(Node node) {
  if (!open_.empty()) ++open_.back().children;
  nodes_.push_back(node);
  if (line_ > 0) lines_.push_back(line_);
}

void Document::add(Kind scalar, std::string_view text) {
  push(Node{static_cast<std::uint32_t>(characters_.size()), static_cast<std::uint32_t>(text.size()),
            scalar});
  characters_ += text;
}

void Document::add_boolean(bool value) { push(Node{0, value ? 1U : 0U, Kind::boolean}); }

Document::Fault Document::open(Kind container) {
  if (open_.size() >= kMaxDepth) {
    return base::bad_input(
        fmt::format("arrays and objects are nested deeper than {} levels", kMaxDepth),
        next_place());
  }
  push(Node{0, 0, container});
  open_.push_back(Open{nodes_.size() - 1, 0});
  return std::nullopt;
}

Document::Fault Document::close() {
  const std::size_t container = open_.back().node;
  open_.pop_back();
  nodes_[container].size = static_cast<std::uint32_t>(nodes_.size() - container);
  const auto repeated = find_repeated_key(container);
  if (!repeated) return std::nullopt;
  return base::bad_input(
      fmt::format("the field {} is given twice in this object", in_quotes(*repeated)),
      place(container));
}

bool Document::expects_key() const {
  return !open_.empty() && nodes_[open_.back().node].kind == Kind::object &&
         open_.back().children % 2 == 0;
}

std::optional<std::string_view> Document::find_repeated_key(std::size_t object) const {
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : Value(*this, object).members()) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  const auto repeated = std::adjacent_find(keys.begin(), keys.end());
  if (repeated == keys.end()) return std::nullopt;
  return *repeated;
}

std::string_view Document::text(std::size_t index) const {
  return std::string_view(characters_).substr(nodes_[index].offset, nodes_[index].size);
}

bool Document::is_container(std::size_t index) const {
  return nodes_[index].kind == Kind::array || nodes_[index].kind == Kind::object;
}

std::size_t Document::after(std::size_t index) const {
  if (!is_container(index)) return index + 1;
  return nodes_[index].size == 0 ? nodes_.size() : index + nodes_[index].size;
}

bool Document::contains(std::size_t value, std::size_t index) const {
  const bool open = is_container(value) && nodes_[value].size == 0;
  return index < after(value) || open;
}

std::string Document::pointer(std::size_t index) const {
  std::string path;
  if (index == 0 || !contains(0, index)) return path;
  std::size_t at = 0;
  while (at < index) {
    const std::size_t key = nodes_[at].kind == Kind::object ? 1 : 0;  // nodes before each value
    std::size_t child = at + 1 + key;
    std::size_t position = 0;
    for (; child < index && !contains(child, index); ++position) child = after(child) + key;
    if (child > index) return path;  // the index is that of a key: the place is its object
    path += '/';
    if (key == 0) path += std::to_string(position);
    for (const char c : key == 0 ? std::string_view() : text(child - 1)) {
      if (c == '~') {
        path += "~0";
      } else if (c == '/') {
        path += "~1";
      } else {
        path += c;
      }
    }
    at = child;
  }
  return path;
}

std::string Document::place(std::size_t index) const {
  std::string place = name_;
  if (!lines_.empty()) {
    place += fmt::format(", line {}", index < lines_.size() ? lines_[index] : line_);
  }
  const std::string path = pointer(index);
  return path.empty() ? place : place + ", " + escaped(path, kShownBytes);
}

}  // namespace cleave::io
