// SPDX-License-Identifier: MIT
// The console's ring and its log, stopped at any step; and its clients.
#include "console/console_ring.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include "backend/console.hpp"
#include "console/clients.hpp"
#include "os/unix_socket.hpp"

namespace {
using namespace std::chrono_literals;
using namespace paravane::console;
using abi::io::console_in_size;
using abi::io::console_out_size;
using paravane::EventLoop;
using paravane::OwnedFd;
using paravane::Result;

struct Stopped {};
struct StoppingStores {
    static inline long left = -1;
    static void step() {
        if (left == 0) throw Stopped{};
        --left;
    }
    template <hv::SharedWord T>
    static void word(T& to, std::type_identity_t<T> value) {
        step();
        hv::store_release(to, value);
    }
};
using Ring = ConsoleRing<StoppingStores>;

// What outlives the backend: the guest's page, the journal, two files.
struct World {
    abi::io::ConsoleRing page{};
    Journal journal{};
    OwnedFd newest{memfd_create("newest", 0)}, older{memfd_create("older", 0)};
    std::string printed;
    std::uint64_t limit = 4096;

    bool print(std::string_view text) {
        if (console_out_size - (page.out_prod - page.out_cons) < text.size()) return false;
        for (char c : text) page.out[page.out_prod++ % console_out_size] = c;
        printed += text;
        return true;
    }
    std::string typed() {
        std::string text;
        while (page.in_cons != page.in_prod) text += page.in[page.in_cons++ % console_in_size];
        return text;
    }
    Log<StoppingStores> log() {
        return {LogFile{OwnedFd{dup(newest.get())}}, LogFile{OwnedFd{dup(older.get())}}, journal.log, limit};
    }
    static std::string content(OwnedFd const& file) {
        std::string text(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)), 0);
        EXPECT_EQ(pread(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
        return text;
    }
    std::string written() const { return content(older) + content(newest); }
};

std::string line(int number) {
    return "line " + std::to_string(number) + std::string(static_cast<std::size_t>(number * 37) % 90, '.') + "\n";
}

// The log is what was printed, as much of its end as it keeps.
void expect_log(World const& world, std::string const& when) {
    std::string const all = world.written();
    EXPECT_TRUE(world.printed.ends_with(all)) << when << ": " << all.size() << " bytes in the log";
    EXPECT_GE(all.size(), std::min<std::size_t>(world.printed.size(), world.limit - console_out_size)) << when;
    EXPECT_LE(World::content(world.newest).size(), world.limit);
}

// A guest that prints and backends that are stopped before step number `stops`, and each so many steps later.
bool print_through(World& world, long stops, int lines) {
    bool stopped = false;
    StoppingStores::left = stops;
    int next = 0;
    while (next < lines) {
        try {
            auto log = world.log();
            Ring ring{world.page, world.journal, log};
            while (next < lines) {
                if (world.print(line(next))) ++next;
                else ring.take_output();
                if (next % 7 == 0) ring.take_output();
            }
        } catch (Stopped) {
            stopped = true;
            StoppingStores::left = -1;
        }
    }
    StoppingStores::left = -1;
    auto log = world.log();
    Ring last{world.page, world.journal, log};
    while (!last.take_output()->empty()) {}
    return stopped;
}

TEST(ConsoleRing, LogsEveryByteOnceWhereverItIsStopped) {
    long stops = 0;
    for (bool stopped = true; stopped; ++stops) {
        World world;
        world.limit = 6000;
        world.page.out_cons = world.page.out_prod = 0xffff'ff00;  // indices wrap at 32 bits, too
        stopped = print_through(world, stops, 300);
        expect_log(world, "stopped before step " + std::to_string(stops));
    }
    EXPECT_GT(stops, 100) << "the run is long enough to mean something";
}

TEST(ConsoleRing, GivesTheGuestNoByteTwiceWhereverItIsStopped) {
    for (long stops = 0; stops < 60; ++stops) {
        World world;
        std::string typed;
        StoppingStores::left = stops;
        try {
            auto log = world.log();
            Ring ring{world.page, world.journal, log};
            for (int i = 0; i < 10; ++i) {
                ring.give_input(line(i));
                typed += world.typed();
            }
        } catch (Stopped) {}
        StoppingStores::left = -1;
        auto log = world.log();
        Ring next{world.page, world.journal, log};
        typed += world.typed();
        next.give_input("the end");
        typed += world.typed();
        std::string all;
        int lines = 0;
        while (!typed.starts_with(all + "the end") && lines < 10) all += line(lines++);
        EXPECT_EQ(typed, all + "the end") << "stopped before step " << stops;
    }
}

TEST(ConsoleRing, AppendsToWhatStoodInTheLog) {
    World world;
    ASSERT_EQ(write(world.newest.get(), "of a guest before\n", 18), 18);
    auto log = world.log();
    Ring ring{world.page, world.journal, log};
    world.print("hello\n");
    EXPECT_EQ(*ring.take_output(), "hello\n");
    EXPECT_EQ(World::content(world.newest), "of a guest before\nhello\n");
    char text[64];
    EXPECT_EQ(log.read(0, ring.position(), text), "hello\n");
}

TEST(ConsoleRing, GoesOnWhereSomebodyHasCutTheLog) {
    World world;
    world.print("before\n");
    {
        auto log = world.log();
        Ring ring{world.page, world.journal, log};
        ring.take_output();
    }
    ASSERT_EQ(ftruncate(world.newest.get(), 0), 0);
    auto log = world.log();
    Ring ring{world.page, world.journal, log};
    world.print("after\n");
    ring.take_output();
    EXPECT_EQ(World::content(world.newest), "after\n");
}

TEST(ConsoleRing, WildProducerIsToldAndNotTheEnd) {
    World world;
    auto log = world.log();
    Ring ring{world.page, world.journal, log};
    world.page.out_prod = 0x80000000;
    EXPECT_FALSE(ring.take_output());
    world.print("back to sense");
    EXPECT_EQ(*ring.take_output(), "back to sense");
    Ring next{world.page, world.journal, log};
    world.print(" for good");
    EXPECT_EQ(*next.take_output(), " for good");
}

TEST(ConsoleRing, GuestCannotMoveOurIndices) {
    World world;
    auto log = world.log();
    Ring ring{world.page, world.journal, log};
    world.print("abc");
    world.page.out_cons = 77;
    EXPECT_EQ(*ring.take_output(), "abc");
    EXPECT_EQ(world.page.out_cons, 3u);
    world.page.in_prod = 500;
    world.page.out_cons = 600;
    Ring next{world.page, world.journal, log};
    EXPECT_EQ(world.page.out_cons, 3u);
    EXPECT_EQ(next.give_input("x"), 1u);
    EXPECT_EQ(world.page.in_prod, 1u);
}

TEST(ConsoleRing, InputStopsWhenTheRingIsFull) {
    World world;
    auto log = world.log();
    Ring ring{world.page, world.journal, log};
    std::string text(console_in_size + 100, 'k');
    EXPECT_EQ(ring.give_input(text), console_in_size);
    EXPECT_EQ(ring.give_input("more"), 0u);
    EXPECT_EQ(world.typed(), std::string(console_in_size, 'k'));
    EXPECT_EQ(ring.give_input("more"), 4u);
    world.page.in_cons = 0x40000000;
    EXPECT_EQ(ring.give_input("nothing for nonsense"), 0u);
}

TEST(ConsoleRing, NoIndicesDoHarm) {
    std::mt19937 numbers{3};
    auto const random = [&] { return static_cast<std::uint32_t>(numbers()); };
    World world;
    auto log = world.log();
    Ring ring{world.page, world.journal, log};
    for (int i = 0; i < 20000; ++i) {
        world.page.out_prod = random();
        world.page.out_cons = random();
        world.page.in_prod = random();
        world.page.in_cons = random();
        auto text = ring.take_output();
        EXPECT_TRUE(!text || text->size() <= console_out_size);
        EXPECT_LE(ring.give_input("0123456789"), 10u);
    }
}

// Clients of a console without a guest.
struct Audience : testing::Test {
    std::string path = std::filesystem::temp_directory_path() / ("console." + std::to_string(getpid()));
    EventLoop loop = *EventLoop::make();
    LogPlaces places{0, 0};
    OwnedFd newest{memfd_create("newest", 0)};
    Log<> log{LogFile{OwnedFd{dup(newest.get())}}, LogFile{OwnedFd{memfd_create("older", 0)}}, places, 1 << 20};
    std::string typed;
    Clients clients{loop, *paravane::listen_unix(path, 32, paravane::SocketKind::records), log, [this] {
                        if (takes_input) typed += clients.input(), clients.took_input(clients.input().size());
                    }};
    std::uint64_t end = 0;
    bool takes_input = true;

    void SetUp() override { ASSERT_TRUE(clients.start(0)); }
    void TearDown() override { unlink(path.c_str()); }
    // What was sent is there at once, so a few rounds do it all.
    void settle() {
        for (int round = 0; round < 64; ++round) EXPECT_TRUE(loop.wait(0ms));
    }
    bool rests() {
        settle();
        auto const begin = std::chrono::steady_clock::now();
        EXPECT_TRUE(loop.wait(200ms));
        return std::chrono::steady_clock::now() - begin >= 190ms;
    }
    void print(std::string const& text) {
        log.write(end, text);
        end += text.size();
        clients.show(text, end);
    }
    Client attach(Typing typing = Typing::no, std::uint64_t from = recent) {
        Client client = *Client::connect(path, typing, from);
        settle();
        return client;
    }
    static std::string hear(Client& client, std::size_t size) {
        std::string text;
        while (text.size() < size) {
            Result<Heard> heard = client.receive();
            if (!heard) return text + "(gone)";
            if (heard->what == Tells::output) text += heard->text;
        }
        return text;
    }
};

TEST_F(Audience, EachHearsAllFromWhereItWants) {
    print("first ");
    Client late = attach();
    print("second");
    EXPECT_EQ(hear(late, 12), "first second");
    Client from = attach(Typing::no, 3);
    EXPECT_EQ(hear(from, 9), "st second");
}

TEST_F(Audience, WhoDoesNotReadHoldsUpNobodyAndHearsTheRestLater) {
    Client slow = attach(), other = attach();
    std::string all;
    for (int i = 0; i < 400; ++i) {
        std::string const text(2000, static_cast<char>('a' + i % 26));
        all += text;
        print(text);
        EXPECT_EQ(hear(other, text.size()), text);
        settle();
    }
    std::atomic<bool> done = false;
    std::thread reading{[&] {
        EXPECT_EQ(hear(slow, all.size()), all);
        done = true;
    }};
    while (!done) EXPECT_TRUE(loop.wait(20ms));
    reading.join();
}

TEST_F(Audience, OneTypesWhoHasBegunAndAnotherWhenItGoes) {
    Client reader = attach();
    Client looks = attach(Typing::yes), first = attach(Typing::yes);
    EXPECT_EQ(looks.receive()->what, Tells::may_type);
    EXPECT_EQ(first.receive()->what, Tells::may_type);
    ASSERT_TRUE(first.type("one "));
    settle();
    EXPECT_EQ(looks.receive()->what, Tells::may_not);
    {
        Client second = attach(Typing::yes);
        EXPECT_EQ(second.receive()->what, Tells::may_not);
        ASSERT_TRUE(second.type("nothing "));
        ASSERT_TRUE(reader.type("nothing "));
        settle();
        { Client gone = std::move(first); }
        settle();
        EXPECT_EQ(second.receive()->what, Tells::may_type);
        ASSERT_TRUE(second.type("two"));
        settle();
    }
    EXPECT_EQ(typed, "one two");
}

TEST_F(Audience, WhatIsTypedAheadOfAGuestThatDoesNotReadWaitsWithoutSpinning) {
    takes_input = false;
    {
        Client client = attach(Typing::yes);
        ASSERT_TRUE(client.type(std::string(6000, 'k')));
        EXPECT_TRUE(rests());
    }
    EXPECT_TRUE(rests()) << "the client has gone, its words wait";
    EXPECT_EQ(clients.input().size(), 6000u);
    EXPECT_EQ(clients.input().find_first_not_of('k'), std::string::npos);
}

TEST_F(Audience, TooManyAreToldSo) {
    std::list<Client> all;
    for (std::size_t i = 0; i < Clients::most; ++i) all.push_back(attach());
    Client surplus = attach(Typing::yes);
    EXPECT_EQ(surplus.receive()->what, Tells::refused);
    EXPECT_FALSE(surplus.receive());
    all.pop_front();
    settle();
    Client again = attach(Typing::yes);
    EXPECT_EQ(again.receive()->what, Tells::may_type);
}

TEST_F(Audience, TheEndComesAfterTheLastWords) {
    Client client = attach();
    print("last words");
    EXPECT_TRUE(clients.say_farewell() || (settle(), clients.say_farewell()));
    EXPECT_EQ(client.receive()->text, "last words");
    EXPECT_EQ(client.receive()->what, Tells::ended);
    EXPECT_FALSE(client.receive());
}

TEST_F(Audience, ABackendThatIsGoneIsNoGuestThatEnded) {
    Client client = attach();
    print("text");
    EXPECT_EQ(client.receive()->text, "text");
    client.close();
    Result<Heard> heard = client.receive();
    ASSERT_FALSE(heard);
    EXPECT_EQ(heard.error().kind, paravane::ErrorKind::unavailable);
}

TEST_F(Audience, NonsenseIsDisconnected) {
    for (std::string const& hello : {std::string("x"), std::string(16, 'x'), std::string(5000, 'x')}) {
        OwnedFd socket = *paravane::connect_unix(path, paravane::SocketKind::records);
        ASSERT_EQ(send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL), static_cast<ssize_t>(hello.size()));
        settle();
        char byte;
        EXPECT_EQ(recv(socket.get(), &byte, 1, 0), 0);
    }
}
}  // namespace
