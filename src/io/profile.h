#pragma once

#include "cleave/model/profile.h"
#include "io/json_writer.h"
#include "io/reader.h"

namespace cleave::io {

/// A profile as one value of a document, all of it.
[[nodiscard]] model::Profile read_profile(Reader& in, const Value& value);
void write_profile(JsonWriter& out, const model::Profile& profile);

}  // namespace cleave::io
