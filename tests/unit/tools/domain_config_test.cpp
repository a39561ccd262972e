// SPDX-License-Identifier: MIT
#include "domain/config.hpp"

#include <hypervisor.pb.h>

#include "api/messages.hpp"
#include "domain/fields.hpp"
#include "domain/size.hpp"
#include "domain/utf8.hpp"

#include <gtest/gtest.h>

namespace {
using paravane::DomainSpec;
using paravane::EndAction;
using paravane::parse_domain_file;
using paravane::parse_size;
using paravane::Result;

constexpr char minimal[] = "name: web\nkernel: /boot/vmlinuz\nmemory: 128MiB\n";

std::string error_of(std::string const& text) {
    Result<DomainSpec> spec = parse_domain_file(text, "web.yaml", "/etc");
    return spec ? "it worked" : spec.error().message();
}

TEST(DomainFile, EveryKeyIsRead) {
    Result<DomainSpec> spec = parse_domain_file(
        "# a comment\nname: web\nkernel: vmlinuz\ninitrd: /boot/initrd\ncmdline: \"console=hvc0 quiet\"\nmemory: 1GiB\n"
        "vcpus: 2\non_poweroff: preserve\non_reboot: destroy\non_crash: restart\n",
        "web.yaml", "/etc/paravane");
    ASSERT_TRUE(spec) << spec.error().message();
    EXPECT_EQ(spec->name, "web");
    EXPECT_EQ(spec->kernel, "/etc/paravane/vmlinuz") << "relative to the file's folder";
    EXPECT_EQ(spec->initrd, "/boot/initrd");
    EXPECT_EQ(spec->cmdline, "console=hvc0 quiet");
    EXPECT_EQ(spec->memory, 1u << 30);
    EXPECT_EQ(spec->vcpus, 2u);
    EXPECT_EQ(spec->on_poweroff, EndAction::preserve);
    EXPECT_EQ(spec->on_reboot, EndAction::destroy);
    EXPECT_EQ(spec->on_crash, EndAction::restart);
}

TEST(DomainFile, DefaultsFillWhatIsLeftOut) {
    Result<DomainSpec> spec = parse_domain_file(minimal, "web.yaml", "/etc");
    ASSERT_TRUE(spec) << spec.error().message();
    EXPECT_EQ(spec->vcpus, 1u);
    EXPECT_EQ(spec->on_poweroff, EndAction::destroy);
    EXPECT_EQ(spec->on_reboot, EndAction::restart);
    EXPECT_EQ(spec->on_crash, EndAction::destroy);
}

TEST(DomainFile, UnknownKeyIsNamedWithItsLine) {
    std::string error = error_of(std::string{minimal} + "memroy: 3\n");
    EXPECT_EQ(error.find("web.yaml:4: unknown key \"memroy\""), 0u) << error;
}

TEST(DomainFile, ErrorsHaveTheLineTheyAreAbout) {
    auto expect_error = [](std::string const& text, std::string const& start) {
        EXPECT_EQ(error_of(text).substr(0, start.size()), start);
    };
    expect_error("name: web\nkernel: /k\nmemory: 128\n", "web.yaml:3: memory: \"128\" needs a unit");
    expect_error("name: web\nkernel: /k\nmemory: 128MB\n", "web.yaml:3: memory: unknown unit \"MB\"");
    expect_error("name: web\nkernel: /k\nmemory: 1MiB\n", "web.yaml:3: memory: 1MiB is less than 2 MiB");
    expect_error("name: web\nkernel: /k\nmemory: 0MiB\n", "web.yaml:3: memory: 0MiB is less than 2 MiB");
    expect_error("name: web\nkernel: /k\nmemory: 4MiB\nvcpus: 0\n", "web.yaml:4: vcpus: 0 is less than 1");
    expect_error("name: web\nkernel: /\xff\nmemory: 4MiB\n", "web.yaml:2: kernel: is not valid UTF-8");
    expect_error("name: web\nkernel: /k\nmemory: 2049KiB\n", "web.yaml:3: memory: is not a multiple");
    expect_error("name: web\nmemory: 4MiB\n", "web.yaml:1: kernel: is missing");
    expect_error("name: web\n\nkernel: /k\nvcpus: many\nmemory: 4MiB\n", "web.yaml:4: vcpus: \"many\" is not a number");
    expect_error("name: web\nkernel: /k\nmemory: 4MiB\nvcpus: 129\n", "web.yaml:4: vcpus: 129 is more than 128");
    expect_error("name: web\nkernel: /k\nmemory: 4MiB\non_crash: explode\n",
                 "web.yaml:4: on_crash: \"explode\" is none of");
    expect_error("name: web\nname: web\n", "web.yaml:2: \"name\" is given twice");
    expect_error("name: a b\nkernel: /k\nmemory: 4MiB\n", "web.yaml:1: name: \"a b\" has a character");
    expect_error("name: 17\nkernel: /k\nmemory: 4MiB\n", "web.yaml:1: name: \"17\" is a number");
    expect_error("name: [a, b]\n", "web.yaml:1: \"name\" takes a single value");
    expect_error("name:\n", "web.yaml:1: \"name\" has no value");
    expect_error("just text\n", "web.yaml:1: ");
    expect_error("", "web.yaml:1: ");
    expect_error("name: web\nkernel: \"unclosed\nmemory: 4MiB\n", "web.yaml:");
    expect_error("name: web\n\t- x\n", "web.yaml:2: ");
}

TEST(DomainFile, LimitsOfTextsAreChecked) {
    std::string base = minimal;
    EXPECT_EQ(error_of(base + "cmdline: \"" + std::string(1023, 'x') + "\"\n"), "it worked");
    EXPECT_NE(error_of(base + "cmdline: \"" + std::string(1024, 'x') + "\"\n").find("longer than 1023"),
              std::string::npos);
    EXPECT_NE(error_of("name: " + std::string(64, 'x') + "\nkernel: /k\nmemory: 4MiB\n").find("63"), std::string::npos);
}

TEST(DomainFile, YamlTricksAreNoProblem) {
    // Aliases, merge keys, tags and deep nesting: either plain values or errors.
    for (char const* text :
         {"a: &a {b: *a}\n", "<<: {name: x}\n", "? [x]\n: y\n", "!!binary name: x\n", "name: !!int x\n",
          "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\n", "--- \n--- \n", "%YAML 9.9\n---\n", "\xff\xfe\n"}) {
        EXPECT_NE(error_of(text), "it worked") << text;
    }
}

TEST(Utf8, IsWhatAMessageMayCarry) {
    for (char const* good : {"", "a~", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                             "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        EXPECT_TRUE(paravane::is_utf8(good)) << good;
    }
    for (char const* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2",
                            "\xc2"
                            "a",
                            "\xe0\x9f\xbf", "\xe0\xa0", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                            "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe"}) {
        EXPECT_FALSE(paravane::is_utf8(bad)) << bad;
    }
}

TEST(Size, UnitsAreBinary) {
    EXPECT_EQ(*parse_size("4KiB"), 4096u);
    EXPECT_EQ(*parse_size("128MiB"), 128u << 20);
    EXPECT_EQ(*parse_size("2 GiB"), std::uint64_t{2} << 30);
    for (char const* bad :
         {"", "MiB", "-1MiB", "1.5GiB", "4", "99999999999999999999MiB", "20000000000GiB", "4MiBs", "0x10MiB"}) {
        EXPECT_FALSE(parse_size(bad)) << bad;
    }
    EXPECT_EQ(paravane::format_size(128 << 20), "128MiB");
    EXPECT_EQ(paravane::format_size(3 << 10), "3KiB");
    EXPECT_EQ(paravane::format_size(5), "5B");
}

// Fails to compile when a field is added without a rule for how it is written.
constexpr std::size_t members(DomainSpec const& spec) {
    [[maybe_unused]] auto const& [name, kernel, initrd, cmdline, memory, vcpus, on_poweroff, on_reboot, on_crash] =
        spec;
    return 9;
}

DomainSpec unusual() {
    return {.name = "web",
            .kernel = "/k",
            .initrd = "/i",
            .cmdline = "quiet",
            .memory = 2052 << 10,
            .vcpus = 3,
            .on_poweroff = EndAction::preserve,
            .on_reboot = EndAction::destroy,
            .on_crash = EndAction::restart};
}

// The rule is the field's, not its type's: of two numbers one is a size and the other a count.
TEST(Fields, EachIsReadAsItIsWritten) {
    EXPECT_EQ(std::tuple_size_v<decltype(paravane::domain_fields)>, members(unusual()));
    DomainSpec copy;
    std::string written;
    Result<> done = paravane::for_each_field([&]<class Rule>(paravane::Field<Rule> const& field) -> Result<> {
        std::string text = Rule::format(unusual().*field.place);
        written += std::string{field.name} + ": " + text + "\n";
        copy.*field.place = TRY(Rule::parse(text));
        return {};
    });
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(copy, unusual());
    EXPECT_EQ(written,
              "name: web\nkernel: /k\ninitrd: /i\ncmdline: quiet\nmemory: 2052KiB\nvcpus: 3\non_poweroff: preserve\n"
              "on_reboot: destroy\non_crash: restart\n");
    Result<DomainSpec> read = parse_domain_file(written, "web.yaml", "/etc");
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(*read, unusual());
}

TEST(Fields, StopAtTheFirstThatFails) {
    int seen = 0;
    Result<> done = paravane::for_each_field([&](auto const& field) -> Result<> {
        ++seen;
        if (field.name == "initrd") return paravane::Error{"", "no"};
        return {};
    });
    EXPECT_FALSE(done);
    EXPECT_EQ(seen, 3);
}

// The API's message has the same fields under the same names.
TEST(Messages, HaveTheSpecsFields) {
    namespace v1 = paravane::v1;
    auto const* message = v1::DomainSpec::descriptor();
    int at = 0;
    ASSERT_TRUE(paravane::for_each_field([&](auto const& field) -> Result<> {
        EXPECT_EQ(message->field(at++)->name(), field.name);
        return {};
    }));
    EXPECT_EQ(at, message->field_count());
    Result<DomainSpec> back = paravane::from_message(paravane::to_message(unusual()));
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, unusual());
}

TEST(Messages, WhatIsUnspecifiedHasItsDefault) {
    namespace v1 = paravane::v1;
    Result<DomainSpec> spec = paravane::from_message({});
    ASSERT_TRUE(spec);
    EXPECT_EQ(*spec, DomainSpec{});
    v1::DomainSpec odd;
    odd.set_on_crash(static_cast<v1::EndAction>(9));
    EXPECT_EQ(paravane::from_message(odd).error().message(), "on_crash: has no known value");
}
}  // namespace
