"""tools/check-layers finds each kind of violation in a small tree that is otherwise lawful."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/check-layers"

LAW = """
| room | purpose | may include | libraries |
| --- | --- | --- | --- |
| `base` | first | – | – |
| `model` | second | base | fmt |
| `apps/tool` | last | base, model | – |

| library | headers |
| --- | --- |
| fmt | `fmt/` |
| POSIX | `unistd.h` |
"""

LAWFUL = {
    "docs/architecture.md": LAW,
    "include/cleave/base/ids.h": "#include <vector>\n",
    "src/base/base.cc": '#include "cleave/base/ids.h"\n',
    "include/cleave/model/graph.h": '#include "cleave/base/ids.h"\n',
    "src/model/graph.cc": '#include "model/private.h"\n#include <fmt/format.h>\n',
    "src/model/private.h": "",
    "src/model/CMakeLists.txt": "cleave_room(model USES base LIBRARIES fmt::fmt)\n",
    "apps/tool/main.cc": '#include "cleave/model/graph.h"\n#include "options.h"\n',
}


def run(changes):
    with tempfile.TemporaryDirectory() as name:
        for path, text in {**LAWFUL, **changes}.items():
            file = pathlib.Path(name) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return subprocess.run([sys.executable, TOOL, "--root", name], capture_output=True,
                              text=True, check=False)


class CheckLayers(unittest.TestCase):
    def assert_fault(self, sentence, changes):
        done = run(changes)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(sentence, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_lawful_tree_passes(self):
        done = run({})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_include_against_the_table(self):
        self.assert_fault("include/cleave/base/ids.h:2: room 'base' may not include room 'model'",
                          {"include/cleave/base/ids.h":
                           '#include <vector>\n#include "cleave/model/graph.h"\n'})

    def test_uses_against_the_table(self):
        self.assert_fault("room 'model' may not use room 'solve'",
                          {"src/model/CMakeLists.txt": "cleave_room(model\n  USES base solve)\n"})

    def test_room_that_calls_itself_otherwise(self):
        self.assert_fault("names the room 'graph'",
                          {"src/model/CMakeLists.txt": "cleave_room(graph)\n"})

    def test_private_header_of_another_room(self):
        self.assert_fault("'model/private.h' is private to room 'model'",
                          {"src/base/base.cc": '#include "model/private.h"\n'})

    def test_room_missing_in_the_table(self):
        self.assert_fault("room 'cost' is not in the table", {"src/cost/cost.cc": ""})

    def test_row_without_a_room(self):
        self.assert_fault("room 'late' is in the table but has no sources",
                          {"docs/architecture.md": LAW.replace(
                              "| `apps/tool`", "| `late` | none | base | – |\n| `apps/tool`")})

    def test_table_out_of_order(self):
        self.assert_fault("room 'base' includes 'model', which is not above it",
                          {"docs/architecture.md": LAW.replace("| first | – |", "| first | model |")})

    def test_library_against_the_table(self):
        self.assert_fault("room 'base' may not use fmt", {"src/base/base.cc": "#include <fmt/core.h>\n"})
        self.assert_fault("room 'model' may not use POSIX",
                          {"src/model/private.h": "#include <unistd.h>\n"})

    def test_unknown_library(self):
        self.assert_fault("<boost/any.hpp> belongs to no library",
                          {"src/model/private.h": "#include <boost/any.hpp>\n"})


if __name__ == "__main__":
    unittest.main()
