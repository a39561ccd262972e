// SPDX-License-Identifier: MIT
// What goes over the API.
#include "daemon/translate.hpp"

#include "daemon/undo.hpp"
#include "domain/label_selector.hpp"
#include "domain/utf8.hpp"

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include <gtest/gtest.h>

namespace {
using paravane::DomainView;
using paravane::Error;
using paravane::ErrorKind;
using paravane::Phase;
using paravane::SeenGuest;
using paravane::ShutdownReason;
namespace v1 = paravane::v1;

TEST(Translate, PhasesFollowTheRecordAndTheHypervisor) {
    auto phase = [](Phase recorded, SeenGuest guest) {
        DomainView view;
        view.record.phase = recorded;
        view.guest = guest;
        return paravane::phase_of(view);
    };
    EXPECT_EQ(phase(Phase::started, {}), v1::DOMAIN_PHASE_RUNNING);
    EXPECT_EQ(phase(Phase::started, {.paused = true}), v1::DOMAIN_PHASE_PAUSED);
    EXPECT_EQ(phase(Phase::ready, {.paused = true}), v1::DOMAIN_PHASE_PAUSED);
    EXPECT_EQ(phase(Phase::kept, {.shutdown = true, .reason = ShutdownReason::poweroff}), v1::DOMAIN_PHASE_ENDED);
    EXPECT_EQ(phase(Phase::kept, {.shutdown = true, .reason = ShutdownReason::crash}), v1::DOMAIN_PHASE_CRASHED);
    EXPECT_EQ(phase(Phase::kept, {.shutdown = true, .reason = ShutdownReason{200}}), v1::DOMAIN_PHASE_CRASHED);
    EXPECT_EQ(phase(Phase::ending, {.dying = true}), v1::DOMAIN_PHASE_DYING);
}

// Domain 0, and what other tools make: there is no spec that it could differ from.
TEST(Translate, ADomainWithoutARecordIsNotOnItsWayAnywhere) {
    DomainView view;
    view.managed = false;
    view.record.phase = Phase::started;
    for (bool paused : {false, true}) {
        view.guest = SeenGuest{.paused = paused};
        v1::Domain domain = paravane::to_message(view, "", nullptr);
        EXPECT_FALSE(domain.has_spec());
        EXPECT_EQ(domain.metadata().generation(), 0);
        EXPECT_EQ(domain.status().observed_generation(), 0);
        ASSERT_EQ(domain.status().conditions_size(), 2);
        EXPECT_EQ(domain.status().conditions(0).type(), "Managed");
        EXPECT_EQ(domain.status().conditions(0).status(), v1::Condition::STATUS_FALSE);
        EXPECT_EQ(domain.status().conditions(1).type(), "Ready");
        EXPECT_EQ(domain.status().conditions(1).status(), v1::Condition::STATUS_TRUE);
        EXPECT_EQ(domain.status().conditions(1).reason(), "NothingWanted");
    }
    view.guest = SeenGuest{.shutdown = true};
    EXPECT_EQ(paravane::to_message(view, "", nullptr).status().conditions(1).status(), v1::Condition::STATUS_FALSE);
}

TEST(Translate, ErrorsNameTheOperationOnce) {
    grpc::Status status = paravane::translate_error(
        Error{"create web: kernel /k", "the file is empty", ErrorKind::precondition}, "create");
    EXPECT_EQ(status.error_message(), "create web: kernel /k: the file is empty");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    status = paravane::translate_error(Error{"", "there is no such domain", ErrorKind::not_found}, "pause web");
    EXPECT_EQ(status.error_message(), "pause web: there is no such domain");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

// Whatever a file, a caller or a guest has put into it: a status that can be sent, and details that can be read.
TEST(Translate, ErrorsAreBoundedTextWithDetails) {
    Error error{"kernel /x\n\xff", std::string(100000, 'y'), ErrorKind::precondition};
    error.code = ENOENT;
    grpc::Status status = paravane::translate_error(
        std::move(error).with("reason", "FILE_UNUSABLE").with("file", "/x\x1b"), "create web");
    EXPECT_LE(status.error_message().size(), 1024u);
    EXPECT_TRUE(paravane::is_printable(status.error_message()));
    google::rpc::Status details;
    ASSERT_TRUE(details.ParseFromString(status.error_details()));
    google::rpc::ErrorInfo info;
    ASSERT_TRUE(details.details(0).UnpackTo(&info));
    EXPECT_EQ(info.reason(), "FILE_UNUSABLE");
    EXPECT_EQ(info.metadata().at("errno"), "ENOENT");
    EXPECT_EQ(info.metadata().at("file"), "/x?");
}

TEST(Hub, AWatcherThatFallsBehindHasToBeginAnew) {
    paravane::Hub<int> hub{4};
    int poked = 0;
    std::uint64_t listener = hub.subscribe([&] { ++poked; });
    for (int i = 0; i < 6; ++i) hub.put("a", [&](std::uint64_t) { return i; });
    EXPECT_EQ(poked, 6);
    EXPECT_FALSE(hub.after(1, 10)) << "two of six are forgotten";
    auto rest = hub.after(2, 3);
    ASSERT_TRUE(rest);
    ASSERT_EQ(rest->size(), 3u);
    EXPECT_EQ(*rest->front().object, 2);
    EXPECT_EQ(rest->front().type, paravane::ChangeType::modified);
    hub.unsubscribe(listener);
    hub.remove("a");
    EXPECT_EQ(poked, 6);
    EXPECT_EQ(hub.after(6, 10)->front().type, paravane::ChangeType::deleted);
    EXPECT_TRUE(hub.state().objects.empty());
    EXPECT_FALSE(hub.after(99, 1)) << "a revision that never was";
}

TEST(Selector, ChoosesByLabels) {
    paravane::Labels labels{{"tier", "web"}, {"zone", "a"}, {"x.y/z", ""}};
    auto chooses = [&](char const* text) {
        paravane::Result<paravane::LabelSelector> selector = paravane::LabelSelector::parse(text);
        EXPECT_TRUE(selector) << text;
        return selector && selector->matches(labels);
    };
    for (char const* yes : {"", "tier=web", "tier==web,zone in (a, b)", "zone notin (c)", "x.y/z", "!old", "tier!=db",
                            "old!=x", "x.y/z="})
        EXPECT_TRUE(chooses(yes)) << yes;
    for (char const* no : {"tier=db", "zone in (c)", "zone notin (a,b)", "!tier", "old", "old=x"})
        EXPECT_FALSE(chooses(no)) << no;
    for (char const* bad : {"  ", ",", "a,", "=b", "a=b c=d", "a in (b", "a in", "a=b;c", "!", "\xff"})
        EXPECT_FALSE(paravane::LabelSelector::parse(bad)) << bad;
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
