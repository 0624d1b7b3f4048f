#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/units.h"
#include "cleave/model/element_type.h"

namespace cleave::model {

using ValueId = base::Id<struct ValueTag>;

/// A value of a network: an input, a weight, or what an operator computes.
struct NetworkValue {
  std::string name;
  ElementType type = ElementType::float32;
  std::vector<std::int64_t> shape;  ///< each ≥ 0; empty: a scalar
  base::Bytes bytes;                ///< of all elements; 0 where not known
  bool known = false;               ///< false: no tensor, or, inside a body, a shape that varies
  bool constant = false;            ///< a weight, or computed from weights and shapes alone
  bool outer = false;  ///< in a body: stands for the enclosing network's value of that name
};

struct NetworkOperator;

/// A model as its file describes it, before anybody has put times on it: what each operator is, and
/// the type and shape of each value. Plain data. Readers guarantee: ids are unique, operators come
/// after those whose values they read, and outside of bodies the shape of every tensor is known.
struct Network {
  std::vector<NetworkValue> values;        ///< indexed by ValueId
  std::vector<NetworkOperator> operators;  ///< producers first
  std::vector<ValueId> inputs;             ///< without weights
  std::vector<ValueId> outputs;
};

struct NetworkOperator {
  std::string id;                 ///< unique in the network; generated where the file gives no name
  std::string type;               ///< such as "MatMul"
  std::string domain;             ///< who defines the type; empty: ONNX itself
  std::vector<ValueId> inputs;    ///< by position; not valid: an optional input that is left out
  std::vector<ValueId> outputs;   ///< by position; not valid: left out
  std::vector<ValueId> captured;  ///< values that the bodies read from this network; distinct
  std::map<std::string, std::vector<std::int64_t>> integers;  ///< attributes that are integers
  std::map<std::string, std::string> texts;                   ///< attributes that are text
  std::vector<Network> bodies;        ///< If: its branches; Loop, Scan: the body
  std::optional<std::int64_t> trips;  ///< Loop, Scan: how often the body runs, where it is known
  bool constant = false;  ///< every output is: to be computed once, wherever it is needed
};

}  // namespace cleave::model
