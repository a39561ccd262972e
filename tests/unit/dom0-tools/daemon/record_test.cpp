// SPDX-License-Identifier: MIT
// What is durable of a domain: as text and back, for how long requests are known.
#include "daemon/record.hpp"

#include <sstream>

#include <gtest/gtest.h>

namespace {
using namespace paravane;
using namespace std::chrono_literals;

constexpr char uid[] = "00000000-0000-4000-8000-000000000001";

Record wanted() {
    Record record;
    record.uid = uid;
    record.spec.name = "web";
    record.spec.kernel = "/boot/vmlinuz";
    record.spec.memory = 4 << 20;
    record.created = WallTime{999h};
    return record;
}

TEST(Record, IsReadAsItWasWritten) {
    Record record = wanted();
    record.spec.cmdline = "a b\tc%41 \xc3\xa4";
    record.spec.cmdline.erase(3, 1);
    record.spec.devices = {
        {"root", BlockSpec{.path = "/a b", .format = "raw", .target = "xvda", .sector = 4096, .read_only = true}},
        {"data", BlockSpec{.path = "/c", .format = "", .target = "xvdq"}}};
    record.leaving = {{"root", Leave::asked}, {"data", Leave::taken}};
    record.spec.labels = {{"tier", "web"}, {"x/y", ""}};
    record.spec.annotations = {{"note", "two\nlines = here"}};
    record.spec.back_off = {.initial = 5ms, .limit = 1h, .reset_after = 0s, .most_restarts = 7};
    record.guest = {.id = 3, .ports = {1, 2}, .built = {1ull << 40, 5}};
    record.last_end = {EndReason::crash, EndAction::rename_restart, WallTime{7ns}, 9};
    record.failure = "kernel /x: no\nsuch file";
    record.conditions = {{"Ready", {false, WallTime{5ns}}}, {"Managed", {true, WallTime{1000h}}}};
    record.asked = Asked::reboot;
    record.told = true;
    ASSERT_TRUE(remember(record, {.id = "1", .method = "m", .digest = "d", .operation = "o", .time = WallTime{1ns}}));
    end_request(record, "o", Outcome::superseded);
    Request under_way{.id = "2", .method = "m", .digest = "d", .operation = "p", .time = WallTime{1ns}};
    under_way.action = Action::detach;
    under_way.goal = Goal::detached;
    under_way.device = "root";
    under_way.starts = 7;
    under_way.deadline = WallTime{5h};
    under_way.force = true;
    ASSERT_TRUE(remember(record, under_way));
    Result<Record> read = decode(encode(record));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_TRUE(*read == record);
}

// Of an hour all are known; rather than one of them, the next is not taken.
TEST(Record, ForgetsNoYoungRequest) {
    Record record = wanted();
    auto const request = [](std::string id, WallTime time, bool done) {
        Outcome const outcome = done ? Outcome::done : Outcome::under_way;
        return Request{.id = id, .method = "m", .digest = "d", .operation = "o" + id, .time = time, .outcome = outcome};
    };
    WallTime const begin{1000h};
    for (std::size_t i = 0; i < most_requests; ++i)
        ASSERT_TRUE(remember(record, request(std::to_string(i), begin, i != 7)));
    Result<> const more = remember(record, request("more", begin + 59min, true));
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().kind, ErrorKind::exhausted);
    for (std::size_t i = 0; i < most_nameless; ++i) ASSERT_TRUE(remember(record, request("", begin, false)));
    EXPECT_FALSE(remember(record, request("", begin, false)));
    EXPECT_TRUE(decode(encode(record)));
    EXPECT_LT(encode(record).size(), 128u << 10);
    ASSERT_TRUE(remember(record, request("more", begin + 1h, true)));
    EXPECT_EQ(record.requests.size(), most_nameless + 2);
    EXPECT_TRUE(find_request(record, "o7")) << "it is under way";
    forget_request(record, "o7");
    EXPECT_FALSE(find_request(record, "o7"));
    EXPECT_TRUE(is_repeatable(record, begin + 119min));
    EXPECT_FALSE(is_repeatable(record, begin + 2h));
}

// An older paravaned wrote less: what it has taken was done, and whom it meant to ask was asked.
TEST(Record, OfAnOlderDaemonBeginsNothing) {
    Record record = wanted();
    record.asked = Asked::poweroff;
    ASSERT_TRUE(remember(record, {.id = "1", .method = "m", .digest = "d", .operation = "o", .time = WallTime{1ns}}));
    std::string older;
    std::istringstream lines{encode(record)};
    for (std::string line; std::getline(lines, line);) {
        bool newer = line.starts_with("told ") || line.starts_with("sum ") || line.starts_with("devices ");
        for (char const* key : {"outcome", "action", "goal", "starts", "deadline", "force", "device"})
            newer = newer || line.starts_with(std::string{"request_0_"} + key + " ");
        if (!newer) older += line + '\n';
    }
    std::uint64_t sum = 0xcbf29ce484222325;
    for (char c : older) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    Result<Record> read = decode(older + "sum " + std::to_string(sum) + '\n');
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_TRUE(read->told);
    ASSERT_EQ(read->requests.size(), 1u);
    EXPECT_EQ(read->requests[0].outcome, Outcome::done);
}

// Not one of its bytes can be lost, or be another, without the whole being refused.
TEST(Record, IsRefusedAsAWholeWhenAnyOfItIsDamaged) {
    std::string const text = encode(wanted());
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string damaged = text;
        damaged[at] ^= 1;
        EXPECT_FALSE(decode(damaged)) << at;
        EXPECT_FALSE(decode(text.substr(0, at))) << at;
    }
}
}  // namespace
