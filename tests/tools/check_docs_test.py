"""tools/check-docs finds broken links and sessions that are not what happens."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/check-docs"


def run(text, cleave=True, update=False):
    """Runs the tool on a folder with README.md of that text and a `cleave` that echoes; what
    became of README.md is `readme` of the result."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "README.md").write_text(text)
        (root / "examples").mkdir()
        (root / "examples/input").write_text("from the example\n")
        program = root / "bin/cleave"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\necho "$@"\n')
        program.chmod(0o755)
        arguments = ["--cleave", program] if cleave else []
        if update:
            arguments.append("--update")
        done = subprocess.run([sys.executable, TOOL, "--root", root, *arguments],
                              capture_output=True, text=True, check=False)
        done.readme = (root / "README.md").read_text()
        return done


def session(*lines):
    return "\n".join(["# A session", "", "```console", *lines, "```", ""])


class CheckDocs(unittest.TestCase):
    def assert_passes(self, text):
        done = run(text)
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_fault(self, sentence, text):
        done = run(text)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(sentence, done.stderr)

    def test_links(self):
        self.assert_passes("# A title\n[a](examples/input) [b](#a-title) [c](https://example.org)")
        self.assert_fault("'examples/none' leads nowhere", "[a](examples/none)")
        self.assert_fault("'none.png' leads nowhere", "![a](none.png)")
        self.assert_fault("'#none' leads to no heading", "# A title\n[a](#none)")

    def test_links_in_code_are_not_links(self):
        self.assert_passes("`[a](none)`\n\n```\n[a](none)\n```\n")

    def test_session_runs_in_order_beside_examples(self):
        self.assert_passes(session("$ cat examples/input > copy", "$ cat copy", "from the example"))

    def test_exit_codes(self):
        self.assert_passes(session("$ false  # exit 1"))
        self.assert_fault("exits with 1, not 0", session("$ false"))
        self.assert_fault("exits with 0, not 2", session("$ true # exit 2"))

    def test_output(self):
        self.assert_passes(session("$ cleave 4.5 ms in 0.3 s", "4.5   ms in 0.1 s"))
        self.assert_fault("prints something else", session("$ cleave 4.5 ms", "4.4 ms"))
        self.assert_fault("prints something else", session("$ cleave one", "one", "two"))

    def test_ellipsis(self):
        self.assert_passes(session("$ printf 'a\\nb\\nc\\n'", "a", "...", "c"))
        self.assert_fault("prints something else", session("$ printf 'a\\nb\\n'", "...", "c"))

    def test_continued_command(self):
        self.assert_passes(session("$ cleave one \\", "    two", "one two"))

    def test_update_writes_what_differs_and_only_that(self):
        before = session("$ cleave 1 s", "2 s", "$ cleave b \\", "  c", "old", "$ true")
        done = run(before, update=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.readme, before.replace("old", "b c"))
        self.assertEqual(run(before).readme, before)

    def test_without_a_program_no_session_runs(self):
        done = run(session("$ false"), cleave=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(" 0 commands run", done.stdout)


if __name__ == "__main__":
    unittest.main()
