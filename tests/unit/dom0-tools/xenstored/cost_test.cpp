// SPDX-License-Identifier: MIT
// What must not grow with the store, and what a guest cannot make it do. Times are the processor's, the best of a few,
// and compared with each other only.
#include "test_store.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace paravane::xenstored {
namespace {
using namespace std::chrono_literals;

double processor_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <class Work>
double best_of_five(Work&& work) {
    double best = 1e9;
    for (int i = 0; i < 5; ++i) {
        double start = processor_seconds();
        work();
        best = std::min(best, processor_seconds() - start);
    }
    return best;
}

std::string numbered(std::string_view prefix, int number) { return std::string{prefix} + std::to_string(number); }
}  // namespace

TEST(Cost, UnwatchDoesNotSearchAllWatchesOfItsClient) {
    auto cost_with = [](int others) {
        TestStore store;
        Client client = store.socket();
        for (int i = 0; i < others; ++i) client.watch(numbered("/other/", i), "t");
        return best_of_five([&] {
            for (int i = 0; i < 100; ++i) client.watch(numbered("/mine/", i), "t");
            for (int i = 0; i < 100; ++i) client.unwatch(numbered("/mine/", i), "t");
        });
    };
    EXPECT_LT(cost_with(64000), 8 * cost_with(500));
}

TEST(Cost, UnwatchDoesNotSearchAllTokensOfAPath) {
    auto cost_with = [](int others) {
        TestStore store;
        Client client = store.socket();
        for (int i = 0; i < others; ++i) client.watch("/same", numbered("other", i));
        return best_of_five([&] {
            for (int i = 0; i < 100; ++i) client.watch("/same", numbered("mine", i));
            for (int i = 0; i < 100; ++i) client.unwatch("/same", numbered("mine", i));
        });
    };
    EXPECT_LT(cost_with(16000), 8 * cost_with(250));
}

TEST(Cost, APartOfALongDirectoryIsNotLookedForFromItsStart) {
    TestStore store;
    Client client = store.socket();
    constexpr int names = 50000;
    for (int i = 0; i < names; ++i) client.mkdir(numbered("/long/", 100000 + i));
    auto cost_at = [&](int offset) {
        return best_of_five([&] {
            for (int i = 0; i < 20; ++i) {
                client.ask(MessageType::directory_part, "/long"_z + std::to_string(offset) + '\0');
            }
        });
    };
    EXPECT_LT(cost_at(7 * (names - 1000)), 8 * cost_at(0));
}

TEST(Cost, TheEndOfADomainDoesNotWalkTheTreesOfOthers) {
    auto cost_with = [](int others) {
        TestStore store;
        Client tools = store.socket();
        for (int i = 0; i < others; ++i) tools.write(numbered("/others/", i) + "/deeper", "");
        return best_of_five([&] {
            for (Domid domid = 1; domid <= 20; ++domid) store.domain(domid);
            for (Domid domid = 1; domid <= 20; ++domid) {
                store.platform.states.erase(domid);
                store.server.check_domains();
            }
        });
    };
    EXPECT_LT(cost_with(30000), 8 * cost_with(300));
}

TEST(Cost, OneQuestionToTheHypervisorForAllDomains) {
    TestStore store;
    for (Domid domid = 1; domid <= 20; ++domid) store.domain(domid);
    store.platform.questions = 0;
    store.server.check_domains();
    EXPECT_EQ(store.platform.questions, 1);
}

TEST(Cost, APathIsCopiedWithoutTheValuesOnIt) {
    TestStore store;
    Client tools = store.socket();
    tools.write("/a", std::string(2000, 'x'));
    auto value = [&] { return std::string_view{(*find(store.server.root(), "/a"))->value}.data(); };
    char const* before = value();
    tools.write("/a/b/c", "x");
    EXPECT_EQ(value(), before);
}

TEST(HostileGuest, CannotMakeDeepPaths) {
    TestStore store;
    Client guest = store.domain(3);
    std::string deep = "a";
    for (int i = 0; i < 300; ++i) deep += "/a";
    EXPECT_EQ(guest.mkdir(deep), "ENOSPC");
    EXPECT_EQ(guest.write(deep, ""), "ENOSPC");
    EXPECT_EQ(guest.read("a"), "ENOENT");
    std::uint32_t tx = guest.begin();
    EXPECT_EQ(guest.mkdir(deep, tx), "ENOSPC");
    EXPECT_EQ(store.socket().mkdir("/" + deep), "OK") << "dom0 is not limited";
}

TEST(HostileGuest, LosesASnapshotThatCostsTooMuchWithoutAskingAgain) {
    TestStore store;
    Client guest = store.domain(3);
    Client tools = store.socket();
    std::uint32_t tx = guest.begin();
    for (int i = 0; i < 5000; ++i) tools.write("/changed", std::string(3000, static_cast<char>('a' + i % 20)));
    EXPECT_TRUE(guest.session().transactions.at(tx).is_doomed());
    EXPECT_EQ(guest.commit(tx), "EAGAIN");
}

TEST(HostileGuest, LosesAnOldSnapshotWithoutAskingAgain) {
    TestStore store;
    Client guest = store.domain(3);
    Client tools = store.socket();
    std::uint32_t tx = guest.begin();
    for (int i = 0; i < 17000; ++i) tools.write("/c", "");
    EXPECT_TRUE(guest.session().transactions.at(tx).is_doomed());
}

TEST(HostileGuest, SnapshotsOfAllGuestsAreBoundedTogether) {
    TestStore store;
    Client tools = store.socket();
    std::vector<std::pair<Client, std::uint32_t>> open;
    for (Domid domid = 1; domid <= 10; ++domid) {
        Client guest = store.domain(domid);
        for (int i = 0; i < 10; ++i) {
            open.emplace_back(guest, guest.begin());
            for (int j = 0; j < 10; ++j) tools.write("/changed", std::string(3000, static_cast<char>('a' + j)));
        }
    }
    std::size_t kept = 0;
    for (auto& [guest, tx] : open) kept += guest.session().transactions.at(tx).is_doomed() ? 0 : 1;
    EXPECT_LT(kept, open.size()) << "the oldest had to go";
    EXPECT_GT(kept, open.size() / 10);
    EXPECT_FALSE(open.back().first.session().transactions.at(open.back().second).is_doomed());
}

TEST(HostileGuest, PaysForEachCommitEvenIfNobodyElseIsThere) {
    TestStore store;
    Client guest = store.domain(3);
    std::string reply = "OK";
    int done = 0;
    for (; done < 5000 && reply == "OK"; ++done) {
        std::uint32_t tx = guest.begin();
        if (tx == 0) break;
        guest.write("n", "", tx);
        reply = guest.commit(tx);
    }
    EXPECT_LT(done, 1100);
}

TEST(HostileGuest, PaysForTheNodesThatARequestTouches) {
    TestStore store;
    Client guest = store.domain(3);
    int done = 0;
    for (; done < 1000; ++done) {
        if (guest.mkdir("a/b/c/d/e/f/g/h/i/j") != "OK") break;
        if (guest.rm("a") != "OK") break;
    }
    EXPECT_LT(done, 60);
}

TEST(HostileGuest, PaysForReadingToo) {
    TestStore store;
    Client guest = store.domain(3);
    int done = 0;
    while (done < 100000 && guest.read("/tool") == "EACCES") ++done;
    EXPECT_LT(done, 20000);
    EXPECT_GT(done, 5000) << "but not much";
    EXPECT_TRUE(store.server.throttled_for(guest.session(), guest.now));
}

TEST(HostileGuest, CannotFloodTheRingOfDom0) {
    TestStore store;
    ASSERT_TRUE(store.server.introduce(dom0, 1));
    Client kernel{store.server, *store.server.find_domain(dom0)->session};
    kernel.watch("/", "all");
    Client guest = store.domain(3);
    kernel.receive();
    auto flood = [&](int i) {
        std::string name = numbered(std::string(1500, 'n'), i);
        guest.now += 1h;
        guest.send(MessageType::mkdir, name + '\0');
        guest.send(MessageType::rm, name + '\0');
        guest.pump();
    };
    for (int i = 0; i < 20000 && guest.session().input.buffered() < 100000; ++i) flood(i);
    EXPECT_FALSE(kernel.session().dead);
    EXPECT_LT(kernel.session().output.bytes(), 1024 * 1024U);
    store.server.take_sessions_with_work();
    kernel.receive();
    std::vector<SessionId> woken = store.server.take_sessions_with_work();
    EXPECT_NE(std::find(woken.begin(), woken.end(), guest.session().id), woken.end()) << "the guest may go on";
    guest.pump();
    EXPECT_LT(guest.session().input.buffered(), 100000U);
}

TEST(HostileGuest, DoesNotBlockDom0FromFloodingItself) {
    TestStore store;
    ASSERT_TRUE(store.server.introduce(dom0, 1));
    Client kernel{store.server, *store.server.find_domain(dom0)->session};
    Client tools = store.socket();
    kernel.watch("/", "all");
    kernel.receive();
    // A request more than there is room for: it waits, and the ring is served on.
    for (int i = 0; i < 12000; ++i) {
        tools.send(MessageType::mkdir, numbered("/" + std::string(1500, 'n'), i) + '\0');
        tools.pump();
    }
    EXPECT_FALSE(kernel.session().dead);
    EXPECT_LT(kernel.session().output.bytes(), 4 * 1024 * 1024U);
    EXPECT_GT(tools.session().input.buffered(), 0U);
    while (tools.session().input.buffered() > 0) {
        kernel.receive();
        tools.pump();
    }
    EXPECT_FALSE(kernel.session().dead);
}
}  // namespace paravane::xenstored
