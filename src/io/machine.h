#pragma once

#include <optional>

#include "cleave/model/machine.h"
#include "io/document.h"
#include "io/json_writer.h"
#include "io/reader.h"

namespace cleave::io {

/// Device classes as cleave.devices/1 lists them; what write_machine() writes, this reads.
/// nullopt: the reader has failed.
[[nodiscard]] std::optional<model::Machine> read_machine(Reader& in, const Value& classes);
void write_machine(JsonWriter& out, const model::Machine& machine);

}  // namespace cleave::io
