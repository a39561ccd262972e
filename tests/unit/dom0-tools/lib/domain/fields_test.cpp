// SPDX-License-Identifier: MIT
#include "domain/fields.hpp"

#include <limits>

#include "api/messages.hpp"
#include "domain/utf8.hpp"

#include <gtest/gtest.h>

namespace {
using paravane::DomainSpec;
using paravane::EndAction;
using paravane::Result;
using namespace std::chrono_literals;
namespace v1 = paravane::v1;

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

// Fails to compile when a field is added, so that nobody forgets how it is written: by a rule of its own, or as one of
// the six that have more than one value.
constexpr std::size_t members_with_rules(DomainSpec const& spec) {
    [[maybe_unused]] auto const& [name, kernel, initrd, cmdline, memory, vcpus, on_poweroff, on_reboot, on_crash,
                                  on_watchdog, power_state, ephemeral, back_off, devices, labels, annotations,
                                  managed_by, owner] = spec;
    return 18 - 6;
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
            .on_crash = EndAction::restart,
            .on_watchdog = EndAction::rename_restart,
            .power_state = paravane::PowerState::paused,
            .ephemeral = true,
            .back_off = {},
            .devices = {},
            .labels = {},
            .annotations = {},
            .managed_by = "",
            .owner = ""};
}

// The rule is the field's, not its type's: of two numbers one is a size and the other a count.
TEST(Fields, EachIsReadAsItIsWritten) {
    EXPECT_EQ(std::tuple_size_v<decltype(paravane::domain_fields)>, members_with_rules(unusual()));
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
              "on_reboot: destroy\non_crash: restart\non_watchdog: rename-restart\npower_state: paused\n"
              "ephemeral: true\n");
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

// The API's messages have the same fields under the same names: the name in the metadata, the others in the spec.
TEST(Messages, HaveTheSpecsFields) {
    int seen = 0;
    ASSERT_TRUE(paravane::for_each_field([&](auto const& field) -> Result<> {
        auto const* message = field.name == "name" ? v1::Metadata::descriptor() : v1::DomainSpec::descriptor();
        EXPECT_NE(message->FindFieldByName(std::string{field.name}), nullptr) << field.name;
        ++seen;
        return {};
    }));
    // Without the name, and with back_off and devices.
    EXPECT_EQ(v1::DomainSpec::descriptor()->field_count(), seen - 1 + 2);
    DomainSpec all = unusual();
    all.back_off = {.initial = 2s, .limit = 60s, .reset_after = 5s, .most_restarts = 7};
    all.devices = {{"root", paravane::BlockSpec{.path = "/a", .format = "raw", .target = "xvda", .sector = 4096}},
                   {"cd", paravane::BlockSpec{.path = "/b", .format = "", .target = "xvdb", .read_only = true}}};
    all.labels["tier"] = "web";
    all.annotations["note"] = "it is";
    all.managed_by = "them";
    all.owner = "us";
    v1::Metadata metadata;
    v1::DomainSpec message;
    paravane::fill_message(metadata, message, all);
    Result<DomainSpec> back = paravane::from_message(metadata, message);
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, all);
}

TEST(Messages, WhatIsUnspecifiedHasItsDefault) {
    Result<DomainSpec> spec = paravane::from_message(v1::Metadata{}, v1::DomainSpec{});
    ASSERT_TRUE(spec);
    EXPECT_EQ(*spec, DomainSpec{});
    v1::DomainSpec odd;
    odd.set_on_crash(static_cast<v1::EndAction>(99));
    EXPECT_EQ(paravane::from_message(v1::Metadata{}, odd).error().message(), "on_crash has no known value");
}

TEST(Messages, DevicesThatThisHostDoesNotHaveAreRefusedByName) {
    v1::DomainSpec message;
    v1::DeviceSpec& console = *message.add_devices();
    console.set_id("console");
    console.mutable_console();
    EXPECT_TRUE(paravane::from_message(v1::Metadata{}, message)) << "every domain has it";
    v1::DeviceSpec& device = *message.add_devices();
    device.set_id("eth0");
    Result<DomainSpec> taken = paravane::from_message(v1::Metadata{}, message);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().message(), "devices[1] is of no kind");
    EXPECT_EQ(taken.error().kind, paravane::ErrorKind::invalid);
    EXPECT_EQ(taken.error().facts["field"], "spec.devices[1]");
    device.mutable_interface();
    taken = paravane::from_message(v1::Metadata{}, message);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().message(), "devices[1].interface: this host has no network interfaces");
    EXPECT_EQ(taken.error().kind, paravane::ErrorKind::unsupported);
    device.mutable_console();
    EXPECT_FALSE(paravane::from_message(v1::Metadata{}, message)) << "there is one console";
}

TEST(Messages, TimesAreFromNothingToADay) {
    google::protobuf::Duration time = paravane::to_message(1500ms);
    EXPECT_EQ(*paravane::from_message(time, "wait"), 1500ms);
    for (auto [seconds, nanos] : {std::pair<std::int64_t, std::int32_t>{-1, 0},
                                  {0, -1},
                                  {0, 1'000'000'000},
                                  {86401, 0},
                                  {std::numeric_limits<std::int64_t>::max(), 0},
                                  {std::numeric_limits<std::int64_t>::min(), 0}}) {
        time.set_seconds(seconds);
        time.set_nanos(nanos);
        Result<std::chrono::nanoseconds> read = paravane::from_message(time, "wait");
        ASSERT_FALSE(read) << seconds << ' ' << nanos;
        EXPECT_EQ(read.error().message(), "wait is not a time from 0 to a day");
    }
}
}  // namespace
