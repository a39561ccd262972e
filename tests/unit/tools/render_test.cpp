// SPDX-License-Identifier: MIT
// What goes over the API and what pvctl makes of it.
#include "cli/render.hpp"

#include "cli/client.hpp"
#include "daemon/event_hub.hpp"
#include "daemon/translate.hpp"
#include "daemon/undo.hpp"

#include <gtest/gtest.h>

namespace {
using namespace std::chrono_literals;
using paravane::DomainInfo;
using paravane::Error;
using paravane::ErrorKind;
using paravane::Event;
using paravane::EventHub;
using paravane::EventKind;
using paravane::ShutdownReason;
namespace v1 = paravane::v1;

TEST(Translate, StatesFollowTheHypervisorsFlags) {
    auto state = [](DomainInfo info) { return paravane::to_message(info); };
    EXPECT_EQ(state({.running = true}), v1::DOMAIN_STATE_RUNNING);
    EXPECT_EQ(state({}), v1::DOMAIN_STATE_RUNNING) << "ready, but not on a CPU";
    EXPECT_EQ(state({.blocked = true}), v1::DOMAIN_STATE_BLOCKED);
    EXPECT_EQ(state({.paused = true, .blocked = true}), v1::DOMAIN_STATE_PAUSED);
    EXPECT_EQ(state({.shutdown = true, .paused = true, .reason = ShutdownReason::poweroff}), v1::DOMAIN_STATE_SHUTDOWN);
    EXPECT_EQ(state({.shutdown = true, .reason = ShutdownReason::crash}), v1::DOMAIN_STATE_CRASHED);
    EXPECT_EQ(state({.shutdown = true, .reason = ShutdownReason{200}}), v1::DOMAIN_STATE_CRASHED);
    EXPECT_EQ(state({.dying = true, .shutdown = true}), v1::DOMAIN_STATE_DYING);
}

TEST(Translate, ErrorsNameTheOperationOnce) {
    grpc::Status status = paravane::translate_error(
        Error{"create web: kernel /k", "the file is empty", ErrorKind::precondition}, "create");
    EXPECT_EQ(status.error_message(), "create web: kernel /k: the file is empty");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    status = paravane::translate_error(Error{"", "there is no such domain", ErrorKind::not_found}, "pause web");
    EXPECT_EQ(status.error_message(), "pause web: there is no such domain");
    EXPECT_EQ(paravane::exit_code_of(status.error_code()), paravane::ExitCode::not_found);
}

TEST(Translate, EveryKindOfErrorHasItsExitCode) {
    auto exit_code = [](ErrorKind kind) {
        return paravane::exit_code_of(paravane::translate_error(Error{"", "x", kind}, "y").error_code());
    };
    EXPECT_EQ(exit_code(ErrorKind::exists), paravane::ExitCode::already_exists);
    EXPECT_EQ(exit_code(ErrorKind::invalid), paravane::ExitCode::invalid);
    EXPECT_EQ(exit_code(ErrorKind::precondition), paravane::ExitCode::wrong_state);
    EXPECT_EQ(exit_code(ErrorKind::exhausted), paravane::ExitCode::no_resources);
    EXPECT_EQ(exit_code(ErrorKind::timed_out), paravane::ExitCode::timed_out);
    EXPECT_EQ(exit_code(ErrorKind::unavailable), paravane::ExitCode::unreachable);
    EXPECT_EQ(exit_code(ErrorKind::internal), paravane::ExitCode::failed);
}

TEST(Render, TableLinesUpAndJsonHasTheFieldsNames) {
    v1::ListDomainsResponse list;
    v1::Domain* dom0 = list.add_domains();
    dom0->set_name("Domain-0");
    dom0->set_state(v1::DOMAIN_STATE_RUNNING);
    v1::Domain* web = list.add_domains();
    web->set_id(12);
    web->set_name("web");
    web->set_state(v1::DOMAIN_STATE_BLOCKED);
    web->set_memory(128 << 20);
    web->set_vcpus(1);
    web->set_cpu_time_ns(1'250'000'000);
    EXPECT_EQ(paravane::render_domains(list),
              "ID  NAME      STATE    MEMORY  VCPUS  CPU\n"
              "0   Domain-0  running  0MiB    0      0.0s\n"
              "12  web       blocked  128MiB  1      1.2s\n");
    std::string json = paravane::render_json(list);
    EXPECT_NE(json.find("\"cpu_time_ns\": \"1250000000\""), std::string::npos) << json;
    EXPECT_NE(json.find("\"state\": \"DOMAIN_STATE_BLOCKED\""), std::string::npos) << json;
}

TEST(EventHub, SlowListenerIsToldWhatItLost) {
    EventHub hub;
    EventHub::Listener slow{hub};
    for (std::uint16_t i = 0; i < 1030; ++i) hub.publish(EventKind::created, i, "web");
    std::optional<Event> first = slow.next(0ms);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->lost, 6u);
    EXPECT_EQ(first->id, 6u);
    EXPECT_EQ(slow.next(0ms)->lost, 0u);
    EventHub::Listener late{hub};
    EXPECT_FALSE(late.next(0ms)) << "only what happens from now on";
}

TEST(Undo, StepsRunBackwardsUnlessCommitted) {
    std::string order;
    {
        paravane::Undo undo;
        undo.add([&] { order += "a"; });
        undo.add([&] { order += "b"; });
    }
    EXPECT_EQ(order, "ba");
    {
        paravane::Undo undo;
        undo.add([&] { order += "c"; });
        undo.commit();
    }
    EXPECT_EQ(order, "ba");
}
}  // namespace
