// SPDX-License-Identifier: MIT
// What a backend may ask the store for, and what becomes of one that asks for more.
#include "supervisor/node_gate.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>

#include "os/io.hpp"

namespace {
using namespace std::string_literals;
using namespace paravane;
using namespace paravane::supervisor;
namespace xs = abi::io::xs;
using hv::xenstore::Frame;

constexpr char front[] = "/local/domain/7/device/vbd/51712";
constexpr char back[] = "/local/domain/0/backend/pvblk/7/51712";

DeviceId disk() {
    DeviceId device{};
    (void)put_text(device.kind, "block");
    device.domid = 7;
    device.index = 51712;
    return device;
}
NodeRules rules() { return {*hv::xenbus::find_kind("block"), disk()}; }

bool allows(std::uint32_t type, std::string const& payload, std::uint32_t transaction = 0) {
    Frame frame;
    frame.state = Frame::State::whole;
    frame.header = {type, 1, transaction, static_cast<std::uint32_t>(payload.size())};
    frame.payload = payload;
    return rules().allow(frame);
}
std::string path(std::string const& folder, std::string const& name) { return folder + "/" + name + '\0'; }

TEST(NodeRules, LetABackendReadBothEndsOfItsDevice) {
    EXPECT_TRUE(allows(xs::read, path(front, "ring-ref")));
    EXPECT_TRUE(allows(xs::read, path(front, "queue-1/event-channel")));
    EXPECT_TRUE(allows(xs::read, path(back, "mode")));
    EXPECT_FALSE(allows(xs::read, path("/local/domain/7/device/vbd/51713", "ring-ref")));
    EXPECT_FALSE(allows(xs::read, path("/local/domain/7/device/vbd/517120", "ring-ref")));
    EXPECT_FALSE(allows(xs::read, path("/local/domain/8/device/vbd/51712", "ring-ref")));
    EXPECT_FALSE(allows(xs::read, path("/local/domain/7", "name")));
    EXPECT_FALSE(allows(xs::read, std::string{front} + "/state")) << "without an end";
    EXPECT_FALSE(allows(xs::read, path(front, "state") + "x"));
    EXPECT_FALSE(allows(xs::read, ""));
}

TEST(NodeRules, LetItWriteWhatABackendSaysAndNothingElse) {
    EXPECT_TRUE(allows(xs::write, path(back, "state") + "4"));
    EXPECT_TRUE(allows(xs::write, path(back, "sectors") + "2048"));
    EXPECT_TRUE(allows(xs::write, path(back, "feature-persistent") + "1"));
    EXPECT_FALSE(allows(xs::write, path(back, "online") + "1")) << "the toolstack's";
    EXPECT_FALSE(allows(xs::write, path(back, "mode") + "w"));
    EXPECT_FALSE(allows(xs::write, path(back, "anything") + "1"));
    EXPECT_FALSE(allows(xs::write, path(front, "state") + "6"));
    EXPECT_FALSE(allows(xs::write, path(front, "feature-persistent") + "1"));
    EXPECT_FALSE(allows(xs::write, path("/local/domain/0/backend/pvblk/8/51712", "state") + "6"));
    EXPECT_FALSE(allows(xs::write, path(back, "state/x") + "4"));
    EXPECT_FALSE(allows(xs::write, path(back, "state") + std::string(65, '4')));
    EXPECT_FALSE(allows(xs::write, path(back, "state") + "4", 1)) << "in a transaction";
}

TEST(NodeRules, LetItHearOfWhatTheOthersWant) {
    EXPECT_TRUE(allows(xs::watch, path(front, "state") + "token\0"s));
    EXPECT_TRUE(allows(xs::watch, path(back, "online") + "token\0"s));
    EXPECT_FALSE(allows(xs::watch, path(front, "ring-ref") + "token\0"s));
    EXPECT_FALSE(allows(xs::watch, "@releaseDomain\0token\0"s));
    EXPECT_FALSE(allows(xs::watch, path(front, "state") + "token"));
    EXPECT_FALSE(allows(xs::watch, path(front, "state") + "token\0more\0"s));
}

TEST(NodeRules, KnowNoOtherRequest) {
    for (std::uint32_t type = 0; type < 40; ++type) {
        if (type == xs::read || type == xs::write || type == xs::watch) continue;
        EXPECT_FALSE(allows(type, path(back, "state"))) << type;
    }
}

// The process and the store are the test.
class Gate : public testing::Test {
protected:
    Gate() {
        OwnedFd at_process, at_store;
        std::tie(process, at_process) = pair();
        std::tie(store, at_store) = pair();
        gate = *NodeGate::open(loop, rules(), std::move(at_process), std::move(at_store),
                               [this](std::string_view why) { reason = why; });
    }
    static std::pair<OwnedFd, OwnedFd> pair() {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        return {OwnedFd{ends[0]}, OwnedFd{ends[1]}};
    }
    static std::string message(std::uint32_t type, std::string const& payload) {
        abi::io::XsdSockmsg const header{type, 5, 0, static_cast<std::uint32_t>(payload.size())};
        return std::string{reinterpret_cast<char const*>(&header), sizeof header} + payload;
    }
    void turn() {
        for (int i = 0; i < 50; ++i) ASSERT_TRUE(loop.wait(std::chrono::milliseconds{0}));
    }
    std::string received(OwnedFd const& end) {
        turn();
        std::string text(1 << 20, '\0');
        ssize_t const count = recv(end.get(), text.data(), text.size(), MSG_DONTWAIT);
        text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        return text;
    }
    bool is_cut_off() {
        turn();
        char byte;
        return recv(process.get(), &byte, 1, MSG_DONTWAIT) == 0;
    }

    EventLoop loop = *EventLoop::make();
    OwnedFd process, store;
    std::unique_ptr<NodeGate> gate;
    std::string reason;
};

TEST_F(Gate, PassesOnWhatIsAllowedAndEveryAnswer) {
    std::string const read = message(xs::read, path(front, "state")),
                      write = message(xs::write, path(back, "state") + "4");
    // In whatever pieces it comes.
    for (std::size_t i = 0; i < read.size(); ++i) {
        ASSERT_TRUE(send_all(process.get(), read.substr(i, 1)));
        if (i + 1 == read.size()) break;
        EXPECT_EQ(received(store), "");
    }
    EXPECT_EQ(received(store), read);
    ASSERT_TRUE(send_all(process.get(), read + write + read));
    EXPECT_EQ(received(store), read + write + read);
    std::string const answers(20'000, 'a');
    ASSERT_TRUE(send_all(store.get(), answers));
    EXPECT_EQ(received(process), answers);
    EXPECT_FALSE(is_cut_off());
}

TEST_F(Gate, CutsOffWhoAsksForMore) {
    std::string const good = message(xs::read, path(front, "state"));
    ASSERT_TRUE(send_all(process.get(), good + message(xs::rm, path(back, "state")) + good));
    EXPECT_EQ(received(store), good) << "what came before, and nothing after";
    EXPECT_TRUE(is_cut_off());
    EXPECT_EQ(reason, "it asked the store for what it may not");
}

TEST_F(Gate, CutsOffWhoSendsNoMessages) {
    ASSERT_TRUE(send_all(process.get(), std::string(64, '\xff')));
    EXPECT_TRUE(is_cut_off());
    EXPECT_EQ(received(store), "");
}

TEST_F(Gate, WaitsForNobodyAndKeepsLittle) {
    // A store that reads nothing, and a process that writes as much as it can.
    std::string const write = message(xs::write, path(back, "state") + "4");
    std::size_t sent = 0;
    for (int i = 0; i < 100'000; ++i) {
        if (send(process.get(), write.data(), write.size(), MSG_DONTWAIT) != static_cast<ssize_t>(write.size())) {
            turn();
            if (send(process.get(), write.data(), write.size(), MSG_DONTWAIT) != static_cast<ssize_t>(write.size()))
                break;
        }
        ++sent;
    }
    EXPECT_LT(sent, 100'000u);
    EXPECT_FALSE(is_cut_off());
    std::string all;
    for (std::string more; !(more = received(store)).empty();) all += more;
    EXPECT_GE(all.size(), sent * write.size());
    EXPECT_EQ(all.substr(0, write.size()), write);
}

TEST_F(Gate, EndsWithEitherEnd) {
    store = OwnedFd{};
    EXPECT_TRUE(is_cut_off());
    EXPECT_EQ(reason, "the store has gone");
}

TEST_F(Gate, EndsQuietlyWithItsProcess) {
    process = OwnedFd{};
    turn();
    char byte;
    EXPECT_EQ(recv(store.get(), &byte, 1, MSG_DONTWAIT), 0);
    EXPECT_EQ(reason, "");
}
}  // namespace
