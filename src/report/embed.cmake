# Writes OUTPUT, the definition of page_template(), with the bytes of INPUT.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT}
"#include \"report/template.h\"

namespace cleave::report {

namespace {

constexpr unsigned char kTemplate[] = {
${bytes}
};

}  // namespace

std::string_view page_template() {
  return {reinterpret_cast<const char*>(kTemplate), sizeof kTemplate};
}

}  // namespace cleave::report
")
