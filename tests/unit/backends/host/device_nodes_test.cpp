// SPDX-License-Identifier: MIT
// A disk's nodes, as its backend sees them: xenstored's own server, behind the supervisor's gate.
#include "host/device_nodes.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "block/connection.hpp"
#include "supervisor/node_gate.hpp"
#include "tests/unit/dom0-tools/xenstored/store_at_socket.hpp"

namespace test {
namespace {
using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace paravane::block;
using host::DeviceNodes;
using host::State;
namespace node = hv::xenbus::block;

constexpr char front[] = "/local/domain/7/device/vbd/51712/";
constexpr char back[] = "/local/domain/0/backend/pvblk/7/51712/";

class DiskNodes : public testing::Test {
protected:
    DiskNodes() {
        setenv("XENSTORED_PATH", path.c_str(), 1);
        others.emplace(*XenstoreClient::connect());
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        supervisor::DeviceId device{};
        device.domid = 7;
        device.index = 51712;
        gate = *supervisor::NodeGate::open(loop, {node_kind, device}, OwnedFd{ends[1]},
                                           *connect_unix(path, SocketKind::stream_without_waiting),
                                           [](std::string_view why) { ADD_FAILURE() << why; });
        nodes.emplace(*XenstoreClient::adopt(OwnedFd{ends[0]}), node_kind, std::uint16_t{7}, 51712u);
        supervising = std::thread{[this] {
            while (!is_over) (void)static_cast<bool>(loop.wait(20ms));
        }};
    }
    ~DiskNodes() override {
        is_over = true;
        supervising.join();
        unlink(path.c_str());
    }
    void write(std::string const& where, std::string const& value) { ASSERT_TRUE(others->write(where, value)); }
    std::string read(std::string const& where) { return others->read_if_there(where)->value_or("(none)"); }
    // As Linux has it, with one queue of one page.
    void choose() {
        for (auto const& [name, value] : {std::pair{"ring-ref", "8"},
                                          {"event-channel", "12"},
                                          {"protocol", "x86_64-abi"},
                                          {"feature-persistent", "1"}})
            write(std::string{front} + name, value);
    }
    void refuses(std::string const& name, std::string const& value) {
        choose();
        write(front + name, value);
        EXPECT_FALSE(read_connection(*nodes)) << name << " " << value;
        ASSERT_TRUE(others->remove(front + name));
    }

    hv::xenbus::Kind const& node_kind = *hv::xenbus::find_kind("block");
    std::string path = "/tmp/device-nodes-" + std::to_string(getpid());
    StoreAtSocket store{path};
    EventLoop loop = *EventLoop::make();
    std::optional<XenstoreClient> others;  // the guest and the toolstack
    std::unique_ptr<supervisor::NodeGate> gate;
    std::optional<DeviceNodes> nodes;
    std::atomic<bool> is_over = false;
    std::thread supervising;
};

TEST_F(DiskNodes, HoldTheStatesOfBothEnds) {
    EXPECT_EQ(*nodes->own_state(), State::unknown);
    EXPECT_EQ(*nodes->frontend_state(), State::unknown);
    write(std::string{front} + "state", "1");
    EXPECT_EQ(*nodes->frontend_state(), State::initialising);
    ASSERT_TRUE(nodes->publish(State::connected));
    EXPECT_EQ(*nodes->own_state(), State::connected);
    EXPECT_EQ(read(std::string{back} + "state"), "4");
    write(std::string{front} + "state", "wild");
    EXPECT_EQ(*nodes->frontend_state(), State::unknown);
    EXPECT_EQ(*nodes->number(hv::xenbus::online), 1u);
    write(std::string{back} + "online", "0");
    EXPECT_EQ(*nodes->number(hv::xenbus::online), 0u);
}

TEST_F(DiskNodes, TellWhenTheOthersWantSomething) {
    ASSERT_TRUE(nodes->watch());
    // A watch begins with an event.
    while (!*nodes->take_change()) std::this_thread::sleep_for(1ms);
    (void)nodes->own_state();
    (void)*nodes->take_change();
    EXPECT_FALSE(*nodes->take_change());
    for (std::string const& where : {std::string{front} + "state", std::string{back} + "online"}) {
        write(where, "1");
        while (!*nodes->take_change()) std::this_thread::sleep_for(1ms);
    }
    write(std::string{front} + "other", "1");
    EXPECT_EQ(*nodes->frontend_state(), State::initialising);
    EXPECT_FALSE(*nodes->take_change()) << "nothing that it listens to";
}

TEST_F(DiskNodes, OfferWhatTheBackendCanDo) {
    ASSERT_TRUE(offer(*nodes, {.size = 1 << 20, .sector = 4096, .read_only = true, .discards = true}));
    for (auto const& [name, value] : {std::pair{"sectors", "2048"},
                                      {"sector-size", "4096"},
                                      {"info", "4"},
                                      {"feature-flush-cache", "1"},
                                      {"feature-barrier", "0"},
                                      {"feature-discard", "1"},
                                      {"feature-persistent", "1"},
                                      {"feature-max-indirect-segments", "256"},
                                      {"max-ring-page-order", "4"},
                                      {"multi-queue-max-queues", "4"}})
        EXPECT_EQ(read(std::string{back} + name), value) << name;
}

TEST_F(DiskNodes, GiveWhatAFrontEndChose) {
    choose();
    Result<Connection> one = read_connection(*nodes);
    ASSERT_TRUE(one) << one.error().message();
    EXPECT_EQ(one->queues, 1u);
    EXPECT_EQ(one->ring_pages, 1u);
    EXPECT_EQ(one->persistent, 1u);
    EXPECT_EQ(one->queue[0].port, 12u);
    EXPECT_EQ(one->queue[0].refs[0], 8u);

    write(std::string{front} + "multi-queue-num-queues", "2");
    write(std::string{front} + "ring-page-order", "1");
    for (std::string const& queue : {"0"s, "1"s}) {
        write(front + ("queue-" + queue) + "/event-channel", "2" + queue);
        for (std::string const& page : {"0"s, "1"s})
            write(front + ("queue-" + queue) + "/ring-ref" + page, "1" + queue + page);
    }
    Result<Connection> two = read_connection(*nodes);
    ASSERT_TRUE(two) << two.error().message();
    EXPECT_EQ(two->queues, 2u);
    EXPECT_EQ(two->ring_pages, 2u);
    EXPECT_EQ(two->queue[1].port, 21u);
    EXPECT_EQ(two->queue[1].refs[0], 110u);
    EXPECT_EQ(two->queue[1].refs[1], 111u);
}

TEST_F(DiskNodes, AreRefusedWhereTheyMakeNoSense) {
    EXPECT_FALSE(read_connection(*nodes)) << "there are none";
    for (char const* value : {"", "x", "-1", "4294967296", "8 9", "99999999999999999999"}) refuses("ring-ref", value);
    for (char const* value : {"0", "131072", "x"}) refuses("event-channel", value);
    for (char const* value : {"0", "5", "65", "x"}) refuses("multi-queue-num-queues", value);
    for (char const* value : {"5", "32", "4294967296", "x"}) refuses("ring-page-order", value);
    for (char const* value : {"2", "x"}) refuses("feature-persistent", value);
    for (char const* value : {"x86_32-abi", "arm-abi", ""}) refuses("protocol", value);
    choose();
    EXPECT_TRUE(read_connection(*nodes));
}
}  // namespace
}  // namespace test
