// SPDX-License-Identifier: MIT
// pvctl's words and values: what people type, and what others wrote.
#include "cli/text.hpp"

#include <array>

#include "cli/document.hpp"
#include "cli/endpoint.hpp"
#include "cli/explain.hpp"
#include "cli/suggest.hpp"
#include "cli/values.hpp"
#include "domain/size.hpp"

#include <gtest/gtest.h>
#include <paravane/v1/domains.pb.h>

namespace {
using namespace paravane;
using namespace std::chrono_literals;

TEST(CliDuration, IsReadAsPeopleTypeIt) {
    EXPECT_EQ(*parse_duration("90s"), 90s);
    EXPECT_EQ(*parse_duration("90"), 90s);
    EXPECT_EQ(*parse_duration("1h30m"), 90min);
    EXPECT_EQ(*parse_duration("0.1"), 100ms);
    EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
    EXPECT_EQ(*parse_duration("250ms"), 250ms);
    EXPECT_EQ(*parse_duration("2d"), 48h);
    EXPECT_EQ(*parse_duration("0"), 0s);
}

TEST(CliDuration, NonsenseIsRefused) {
    for (char const* bad : {"",
                            "nan",
                            "inf",
                            "-1",
                            "+1",
                            "1e9",
                            " 1s",
                            "1s ",
                            "s",
                            "1.s",
                            ".5s",
                            "5m30",
                            "30s1m",
                            "1s1s",
                            "18446744073709551615",
                            "18446744073709551616s",
                            "99999999999d",
                            "0.0000000001s",
                            "1.5ns",
                            "0x10"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(CliDuration, IsReadAsItIsWritten) {
    for (std::chrono::nanoseconds each :
         std::initializer_list<std::chrono::nanoseconds>{0s, 1ns, 1us, 1500ms, 90s, 61min, 25h, 48h + 1ms, 1h + 1s})
        EXPECT_EQ(*parse_duration(format_duration(each)), each) << format_duration(each);
    EXPECT_EQ(format_duration(90min), "1h30m");
}

TEST(CliSize, UnitsAreBinaryAndFractionsExact) {
    EXPECT_EQ(*parse_size("4G"), std::uint64_t{4} << 30);
    EXPECT_EQ(*parse_size("512M"), std::uint64_t{512} << 20);
    EXPECT_EQ(*parse_size("64k"), std::uint64_t{64} << 10);
    EXPECT_EQ(*parse_size("1.5GiB"), std::uint64_t{3} << 29);
    EXPECT_EQ(*parse_size("1.50T"), std::uint64_t{3} << 39);
    EXPECT_EQ(*parse_size("2 GiB"), std::uint64_t{2} << 30);
    EXPECT_EQ(*parse_size("7B"), 7u);
    for (char const* bad : {"", "G", "-1G", "4", "4GB", "4gib", "4MBit", "0.1GiB", "1.G", ".5G", "1e3M", "nanM",
                            "16777216T", "18446744073709551616B", "0.00000000000000000001T"})
        EXPECT_FALSE(parse_size(bad)) << bad;
    for (std::uint64_t size : {std::uint64_t{1}, std::uint64_t{4096}, std::uint64_t{3} << 29, ~std::uint64_t{0}})
        EXPECT_EQ(*parse_size(format_size(size)), size);
}

TEST(CliTime, IsADateOrSoLongAgo) {
    EXPECT_EQ(parse_time("1970-01-01T00:01:00Z")->seconds(), 60);
    EXPECT_EQ(format_time(*parse_time("2026-11-30T12:00:00Z")), "2026-11-30T12:00:00Z");
    auto const ago = since(*parse_time("10m"));
    EXPECT_GE(ago, 10min);
    EXPECT_LT(ago, 60min);
    for (char const* bad : {"", "yesterday", "2026-13-01T00:00:00Z", "nan"}) EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(CliEscape, IsAKey) {
    EXPECT_EQ(**parse_escape("^]"), 0x1d);
    EXPECT_EQ(**parse_escape("^a"), 1);
    EXPECT_EQ(**parse_escape("~"), '~');
    EXPECT_FALSE(*parse_escape("none"));
    for (char const* bad : {"", "ab", "^1", "^^^", "\x01", " "}) EXPECT_FALSE(parse_escape(bad)) << bad;
    EXPECT_EQ(format_escape(0x1d), "Ctrl-]");
}

TEST(CliAim, IsAPhaseOrAConditionOrAnEnd) {
    EXPECT_EQ(parse_aim("gone")->kind, Aim::Kind::gone);
    EXPECT_EQ(parse_aim("running")->name, "running");
    EXPECT_EQ(parse_aim("condition=Held=false")->name, "Held");
    EXPECT_FALSE(parse_aim("condition=Held=false")->value);
    for (char const* bad : {"", "Running", "condition=", "condition==false", "blocked"})
        EXPECT_FALSE(parse_aim(bad)) << bad;
}

TEST(CliHost, IsASocketOrANameWithAPort) {
    EXPECT_EQ(parse_host("/run/x.sock")->target, "unix:/run/x.sock");
    EXPECT_EQ(parse_host("unix:/run/x")->target, "unix:/run/x");
    EXPECT_EQ(parse_host("unix:///run/x")->target, "unix:/run/x");
    EXPECT_EQ(parse_host("box:7000")->target, "dns:box:7000");
    EXPECT_TRUE(parse_host("[::1]:7000")->remote);
    for (std::string bad : {"", "unix:", "box", "box:", "box:0", "box:65536", "box:-1", "b x:1", "a/b:1"})
        EXPECT_FALSE(parse_host(bad)) << bad;
    EXPECT_FALSE(parse_host("/" + std::string(107, 'x')));
}

TEST(CliText, NothingOfOthersReachesATerminalRaw) {
    EXPECT_EQ(printable("plain \xc3\xa9"), "plain \xc3\xa9");
    EXPECT_EQ(printable("a\nb\tc\x1b[2J\x7f\r"), "a\\nb\\tc\\x1b[2J\\x7f\\x0d");
    EXPECT_EQ(printable("a\nb\x1b", true), "a\nb\\x1b");
    EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
    EXPECT_EQ(printable("\xc2\x9b"), "\\u009b") << "CSI in one character";
    EXPECT_EQ(printable("\xe2\x80\xae"), "\\u202e") << "right to left";
    EXPECT_EQ(printable(std::string_view{"\0", 1}), "\\x00");
}

TEST(CliText, ColumnsLineUp) {
    EXPECT_EQ(table({{"ID", "NAME"}, {"1", "\xc3\xa9t\xc3\xa9"}, {"12", ""}}), "ID  NAME\n1   \xc3\xa9t\xc3\xa9\n12\n");
    EXPECT_EQ(table({{"A", "B"}, {"x", "y"}},
                    [](std::size_t row, std::size_t column, std::string const& cell) {
                        return row == 1 && column == 0 ? "<" + cell + ">" : cell;
                    }),
              "A  B\n<x>  y\n")
        << "colours do not count";
}

TEST(CliText, YamlStringsStayStrings) {
    EXPECT_EQ(yaml_scalar("/boot/vmlinuz"), "/boot/vmlinuz");
    EXPECT_EQ(yaml_scalar("console=hvc0 quiet"), "console=hvc0 quiet");
    for (char const* quoted :
         {"", "true", "No", "null", "~", "17", "1.5", "a: b", "a #b", "- x", " a", "a ", "*x", "&x", "!x"})
        EXPECT_EQ(yaml_scalar(quoted), "\"" + std::string{quoted} + "\"");
    EXPECT_EQ(yaml_scalar("a\"b\\\n\x01"), "\"a\\\"b\\\\\\n\\x01\"");
}

TEST(CliText, SlipsAreUnderstood) {
    constexpr std::array<std::string_view, 3> known{"create", "destroy", "list"};
    EXPECT_EQ(nearest("crate", known), "create");
    EXPECT_EQ(nearest("lsit", known), "list");
    EXPECT_EQ(nearest("fly", known), "");
    EXPECT_EQ(nearest(std::string(100000, 'x'), known), "");
}

TEST(CliDocument, YamlSaysWhatJsonSays) {
    v1::Domain domain;
    domain.mutable_metadata()->set_name("web");
    (*domain.mutable_metadata()->mutable_labels())["tier"] = "1";
    domain.mutable_spec()->set_memory(std::uint64_t{4} << 30);
    domain.mutable_spec()->add_devices()->set_id("xvda");
    std::string const json = render_json(domain);
    EXPECT_NE(json.find("\"memory\": \"4294967296\""), std::string::npos) << json;
    EXPECT_EQ(render_json_line(domain).find('\n'), render_json_line(domain).size() - 1);
    std::string const yaml = render_yaml(domain);
    EXPECT_NE(yaml.find("    tier: \"1\"\n"), std::string::npos) << yaml;
    EXPECT_NE(yaml.find("  memory: \"4294967296\"\n"), std::string::npos) << yaml;
    EXPECT_NE(yaml.find("  devices:\n    - id: xvda\n"), std::string::npos) << yaml;
    EXPECT_EQ(render_json_list({}), "[\n]\n");
    EXPECT_EQ(render_yaml_list({&domain, &domain}).substr(0, 2), "- ");
}

TEST(CliDocument, EnumsHaveWords) {
    EXPECT_EQ(word(v1::END_ACTION_RENAME_RESTART), "rename-restart");
    EXPECT_EQ(word(v1::DOMAIN_PHASE_RUNNING), "running");
    EXPECT_EQ(word(static_cast<v1::EndAction>(77)), "77");
}

TEST(CliExplain, EveryFieldHasItsText) {
    for (std::string const& topic : topics()) {
        EXPECT_NE(explain(topic), "") << topic;
        bool const is_field = topic.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.") == std::string::npos;
        if (is_field) { EXPECT_NE(text_of_field(topic), "") << topic; }
    }
    EXPECT_EQ(explain("colour"), "");
    EXPECT_NE(domain_file_text().find("\n  kernel:"), std::string::npos);
}
}  // namespace
