// SPDX-License-Identifier: MIT
#include "os/command_line.hpp"

#include <getopt.h>
#include <gtest/gtest.h>

namespace {
using namespace paravane;

struct Given {
    std::string text = "as it was";
    std::vector<std::string> list;
    bool flag = false;
    std::uint16_t small = 7;
    std::uint64_t large = 0;
    std::optional<std::uint32_t> maybe;

    CommandLine line() {
        return {.program = "try",
                .usage = "[options]",
                .about = "Tries.\n",
                .options = {{"text", "TEXT", "a text", &text},
                            {"list", "ONE", "one more", &list},
                            {"flag", "", "a flag", &flag},
                            {"small", "N", "a small number", &small},
                            {"large", "N", "a large number", &large},
                            {"maybe", "N", "a number, or none", &maybe}},
                .exit_codes = "0 done"};
    }
    void parse(std::vector<std::string> words) {
        words.insert(words.begin(), "try");
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        optind = 0;
        line().parse(static_cast<int>(words.size()), arguments.data());
    }
};

TEST(CommandLine, SetsWhatIsGivenAndLeavesTheRest) {
    Given given;
    given.parse({});
    EXPECT_EQ(given.text, "as it was");
    EXPECT_FALSE(given.maybe);
    given.parse({"--list", "a", "--list=b", "--flag", "--small", "65535", "--large", "18446744073709551615", "--maybe",
                 "0", "--text", ""});
    EXPECT_EQ(given.text, "");
    EXPECT_EQ(given.list, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(given.flag);
    EXPECT_EQ(given.small, 65535);
    EXPECT_EQ(given.large, ~std::uint64_t{0});
    EXPECT_EQ(given.maybe, 0u);
}

TEST(CommandLineDeathTest, SaysWhatIsWrong) {
    auto exits = testing::ExitedWithCode(2);
    EXPECT_EXIT(Given{}.parse({"--small", "65536"}), exits,
                "^try: \"65536\" is no number, or too big a one; see --help\n$");
    EXPECT_EXIT(Given{}.parse({"--maybe", "-1"}), exits, "\"-1\" is no number");
    EXPECT_EXIT(Given{}.parse({"--large", ""}), exits, "\"\" is no number");
    EXPECT_EXIT(Given{}.parse({"--nonsense"}), exits, "\"--nonsense\" is no option or lacks its value");
    EXPECT_EXIT(Given{}.parse({"--text"}), exits, "\"--text\" is no option or lacks its value");
    EXPECT_EXIT(Given{}.parse({"--flag=yes"}), exits, "\"--flag=yes\" is no option or lacks its value");
    EXPECT_EXIT(Given{}.parse({"--flag", "stray"}), exits, "\"stray\" is not expected");
    EXPECT_EXIT(Given{}.parse({"--help"}), testing::ExitedWithCode(0), "");
}

TEST(CommandLine, HelpSaysItAllInColumns) {
    EXPECT_EQ(Given{}.line().help(),
              "Usage: try [options]\nTries.\n"
              "  --text TEXT  a text\n"
              "  --list ONE   one more\n"
              "  --flag       a flag\n"
              "  --small N    a small number\n"
              "  --large N    a large number\n"
              "  --maybe N    a number, or none\n"
              "  --help       this text\n"
              "Exit codes: 0 done.\n");
}
}  // namespace
