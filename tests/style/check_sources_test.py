#!/usr/bin/env python3
"""check_sources.py must notice every kind of violation: each case adds one file to a small clean tree."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = "docs/adr/0001-folders-and-layers.md"
CLEAN = {
    "base/error.h": "// Errors.\n#pragma once\n#include <string>\n",
    "base/error.cpp": '#include "base/error.h"\n',
    "comm/world.cpp": '// Ranks.\n#include <mpi.h>\n#include "base/error.h"\n',
    "model/text.cpp": "// Text.\n#include <pcre2.h>\n#include <nlohmann/json.hpp>\n",
    "tests/unit/error_test.cpp": '// Tests.\n#include "base/error.h"\n#include "support/tree.h"\n',
}


class CheckSourcesTest(unittest.TestCase):
    def check(self, files):
        """Exit code and output of the checker on the clean tree with these files added."""
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, os.path.dirname(RULES)))
            shutil.copy(os.path.join(HERE, "..", "..", RULES), os.path.join(root, RULES))
            for path, text in {**CLEAN, **files}.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            result = subprocess.run([sys.executable, os.path.join(HERE, "check_sources.py"), root], capture_output=True, text=True)
            return result.returncode, result.stdout + result.stderr

    def expect_violation(self, path, text, message):
        code, output = self.check({path: text})
        self.assertEqual(code, 1, output)
        self.assertIn(message, output)
        self.assertIn(path + ":", output)
        self.assertEqual(len(output.splitlines()), 1, output)

    def test_clean_tree_passes(self):
        code, output = self.check({})
        self.assertEqual(code, 0, output)

    def test_upward_include(self):
        self.expect_violation("base/up.cpp", '// Up.\n#include "model/model.h"\n', "base/ may not include model/")

    def test_coordinator_and_model(self):
        self.expect_violation("coordinator/plan_it.cpp", '// P.\n#include "model/model.h"\n', "coordinator/ may not include model/")

    def test_sideways_include(self):
        self.expect_violation("comm/side.cpp", '// Side.\n#  include "shard/plan.h"\n', "comm/ may not include shard/")

    def test_include_of_tests(self):
        self.expect_violation("shard/x.cpp", '// X.\n#include "tests/support/tree.h"\n', "does not begin with one of our folders")

    def test_include_without_folder(self):
        self.expect_violation("shard/x.cpp", '// X.\n#include "plan.h"\n', "does not begin with one of our folders")

    def test_mpi_outside_comm(self):
        self.expect_violation("worker/x.cpp", "// X.\n#include <mpi.h>\n", "<mpi.h> may be seen only in comm/")

    def test_mpi_in_tests(self):
        self.expect_violation("tests/unit/mpi_test.cpp", "// X.\n#include <mpi.h>\n", "<mpi.h> may be seen only in comm/")

    def test_pcre2_outside_model(self):
        self.expect_violation("shard/x.cpp", "// X.\n#include <pcre2.h>\n", "<pcre2.h> may be seen only in model/")

    def test_json_in_shard(self):
        self.expect_violation("shard/x.cpp", "// X.\n#include <nlohmann/json.hpp>\n", "<nlohmann/json.hpp> may be seen only in")

    def test_torch_in_engine(self):
        self.expect_violation("model/engine.cpp", "// X.\n#include <torch/torch.h>\n", "<torch/torch.h> may be seen only in")

    def test_same_name_twice(self):
        self.expect_violation("comm/error.cpp", "// X.\n", "another file has the same name: base/error.cpp")

    def test_long_file(self):
        self.expect_violation("base/long.cpp", "// X.\n" * 701, "701 lines")

    def test_header_without_pragma_once(self):
        self.expect_violation("base/x.h", "// X.\n", "has no #pragma once")

    def test_header_without_comment(self):
        self.expect_violation("base/x.h", "#pragma once\n", "does not open with a comment")

    def test_source_without_comment(self):
        self.expect_violation("base/x.cpp", '#include "base/error.h"\n', "does not open with a comment")

    def test_vague_name(self):
        self.expect_violation("base/file_utils.cpp", "// X.\n", "its name says nothing")


if __name__ == "__main__":
    unittest.main()
