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
#include "backend/typing.hpp"
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

// What a process has of it.
struct Ring {
    Log<StoppingStores> log;
    Typed<StoppingStores> typed;
    ConsoleRing<StoppingStores> ring;

    explicit Ring(World& world)
        : log{world.log()}, typed{world.journal.input}, ring{world.page, world.journal, log, typed} {}
    std::optional<std::string_view> take_output() { return ring.take_output(); }
    std::size_t give_input(std::string_view text = {}) {
        typed.add(text);
        return ring.give_input();
    }
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
            Ring ring{world};
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
    Ring last{world};
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

// Who types goes on at the next process. What came over the socket and what was said before the end may be behind.
TEST(ConsoleRing, GivesTheGuestEveryByteOnceWhereverItIsStopped) {
    int hears_late = 0;
    for (long stops = 0; stops < 300; ++stops) {
        World world;
        Typing typing;
        std::string all, typed;
        std::size_t lost = 0;
        int next = 0;
        StoppingStores::left = stops;
        while (next < 40 || !typing.all_is_sent()) {
            try {
                Ring ring{world};
                if (next == 0) ring.typed.add("of one who has gone ");
                lost += typing.hear_may_type(ring.typed.of(typing.number()));
                for (int turn = 0; next < 40 || !typing.all_is_sent(); ++turn) {
                    if (next < 40) typing.add(line(next)), all += line(next), ++next;
                    std::string_view const some = typing.to_send().substr(0, 100);
                    typing.sent(some.size());
                    ring.typed.begin(typing.number());
                    ring.give_input(some);
                    if (turn % 3 == 2) typed += world.typed();
                    if (turn % 5 == 4) lost += typing.hear_may_type(ring.typed.of(typing.number()));
                }
                while (!ring.typed.waiting().empty()) ring.give_input(), typed += world.typed();
            } catch (Stopped) {
                StoppingStores::left = -1;
                ++hears_late;
                typing.backend_gone();
                if (typing.all_is_sent()) typing.add("!"), all += "!";
            }
        }
        StoppingStores::left = -1;
        typed += world.typed();
        EXPECT_TRUE(typed.ends_with(all)) << "stopped before step " << stops << ": " << typed;
        EXPECT_EQ(lost, 0u);
        typed.resize(typed.size() - std::min(typed.size(), all.size()));
        EXPECT_TRUE(std::string_view{"of one who has gone "}.starts_with(typed)) << typed;
    }
    EXPECT_GT(hears_late, 60) << "the run is long enough to mean something";
}

TEST(Typing, TellsWhatWasTypedForNothing) {
    Typing typing;
    EXPECT_TRUE(typing.to_send().empty()) << "nobody has said that we may";
    EXPECT_TRUE(typing.add("abc"));
    EXPECT_EQ(typing.hear_may_type({.yours = 0, .given = 7}), 0u);
    EXPECT_EQ(typing.to_send(), "abc");
    typing.sent(3);
    EXPECT_EQ(typing.hear_may_type({.yours = 1, .given = 2}), 0u);
    typing.backend_gone();
    // Somebody else has typed since then, so nobody knows of "c".
    EXPECT_EQ(typing.hear_may_type({.yours = 0, .given = 9}), 1u);
    EXPECT_TRUE(typing.all_is_sent());
    EXPECT_TRUE(typing.add("de"));
    EXPECT_EQ(typing.hear_may_not(), 2u);
    EXPECT_FALSE(typing.add("f"));
    EXPECT_EQ(typing.hear_may_type({.yours = 0, .given = 11}), 0u);
    EXPECT_TRUE(typing.add("gh"));
    typing.sent(1);
    auto const number = typing.number();
    EXPECT_EQ(typing.another_guest(), 1u);
    EXPECT_NE(typing.number(), number);
    EXPECT_EQ(typing.hear_may_type({.yours = 0, .given = 0}), 0u);
    EXPECT_EQ(typing.to_send(), "h");
}

TEST(ConsoleRing, AppendsToWhatStoodInTheLog) {
    World world;
    ASSERT_EQ(write(world.newest.get(), "of a guest before\n", 18), 18);
    Ring ring{world};
    world.print("hello\n");
    EXPECT_EQ(*ring.take_output(), "hello\n");
    EXPECT_EQ(World::content(world.newest), "of a guest before\nhello\n");
    char text[64];
    EXPECT_EQ(ring.log.read(0, ring.ring.position(), text), "hello\n");
}

TEST(ConsoleRing, GoesOnWhereSomebodyHasCutTheLog) {
    World world;
    world.print("before\n");
    {
        Ring ring{world};
        ring.take_output();
    }
    ASSERT_EQ(ftruncate(world.newest.get(), 0), 0);
    Ring ring{world};
    world.print("after\n");
    ring.take_output();
    EXPECT_EQ(World::content(world.newest), "after\n");
}

TEST(ConsoleRing, WildProducerIsToldAndNotTheEnd) {
    World world;
    Ring ring{world};
    world.page.out_prod = 0x80000000;
    EXPECT_FALSE(ring.take_output());
    world.print("back to sense");
    EXPECT_EQ(*ring.take_output(), "back to sense");
    Ring next{world};
    world.print(" for good");
    EXPECT_EQ(*next.take_output(), " for good");
}

TEST(ConsoleRing, GuestCannotMoveOurIndices) {
    World world;
    Ring ring{world};
    world.print("abc");
    world.page.out_cons = 77;
    EXPECT_EQ(*ring.take_output(), "abc");
    EXPECT_EQ(world.page.out_cons, 3u);
    world.page.in_prod = 500;
    world.page.out_cons = 600;
    Ring next{world};
    EXPECT_EQ(world.page.out_cons, 3u);
    EXPECT_EQ(next.give_input("x"), 1u);
    EXPECT_EQ(world.page.in_prod, 1u);
}

TEST(ConsoleRing, InputStopsWhenTheRingIsFull) {
    World world;
    Ring ring{world};
    std::string text(console_in_size + 100, 'k');
    EXPECT_EQ(ring.give_input(text), console_in_size);
    EXPECT_EQ(ring.give_input("more"), 0u);
    EXPECT_EQ(world.typed(), std::string(console_in_size, 'k'));
    EXPECT_EQ(ring.give_input(), 104u);
    world.page.in_cons = 0x40000000;
    EXPECT_EQ(ring.give_input("nothing for nonsense"), 0u);
}

TEST(ConsoleRing, NoIndicesDoHarm) {
    std::mt19937 numbers{3};
    auto const random = [&] { return static_cast<std::uint32_t>(numbers()); };
    World world;
    Ring ring{world};
    for (int i = 0; i < 20000; ++i) {
        world.page.out_prod = random();
        world.page.out_cons = random();
        world.page.in_prod = random();
        world.page.in_cons = random();
        auto text = ring.take_output();
        EXPECT_TRUE(!text || text->size() <= console_out_size);
        EXPECT_LE(ring.give_input("0123456789"), console_in_size);
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
    TypedPlaces input{};
    Typed<> waiting{input};
    Clients clients{loop, *paravane::listen_unix(path, 32, paravane::SocketKind::records), log, waiting, [this] {
                        if (takes_input) take(waiting.waiting().size());
                    }};
    std::uint64_t end = 0;
    bool takes_input = true;
    std::uint64_t typist = 0, began = 0;

    void SetUp() override { ASSERT_TRUE(clients.start(0)); }
    void TearDown() override { unlink(path.c_str()); }
    // What was sent is there at once, so a few rounds do it all.
    void settle() {
        for (int round = 0; round < 64; ++round) EXPECT_TRUE(loop.wait(0ms));
    }
    void take(std::size_t count) {
        typed += waiting.waiting().substr(0, count);
        waiting.count(count);
        waiting.drop(count);
        clients.guest_took_input();
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
    Client attach(std::uint64_t who = 0, std::uint64_t from = recent) {
        Client client = *Client::connect(path, who, from);
        settle();
        Result<Heard> first = client.receive();
        EXPECT_TRUE(first && first->what == Tells::begins);
        began = first->position;
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
    Client from = attach(0, 3);
    EXPECT_EQ(began, 3u);
    EXPECT_EQ(hear(from, 9), "st second");
    attach(0, onwards);
    EXPECT_EQ(began, 12u);
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
    Client looks = attach(++typist), first = attach(++typist);
    EXPECT_EQ(looks.receive()->what, Tells::may_type);
    EXPECT_EQ(first.receive()->what, Tells::may_type);
    ASSERT_TRUE(first.type("one "));
    settle();
    EXPECT_EQ(looks.receive()->what, Tells::may_not);
    {
        Client second = attach(++typist);
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

TEST_F(Audience, WhoTypesHearsHowFarItsBytesHaveCome) {
    takes_input = false;
    Client client = attach(++typist);
    EXPECT_EQ(client.receive()->what, Tells::may_type);
    ASSERT_TRUE(client.type("abcdef"));
    settle();
    Result<Heard> heard = client.receive();
    EXPECT_TRUE(heard->what == Tells::may_type && heard->yours && heard->position == 0);
    take(4);
    settle();
    heard = client.receive();
    EXPECT_TRUE(heard->what == Tells::may_type && heard->yours && heard->position == 4);
}

TEST_F(Audience, WhoTypedWhenTheOneBeforeWasKilledGoesOn) {
    input = {.given = 10, .typist = 77, .from = 3};
    Client other = attach(++typist), client = attach(77);
    EXPECT_EQ(other.receive()->what, Tells::may_type);
    EXPECT_EQ(other.receive()->what, Tells::may_not);
    Result<Heard> const heard = client.receive();
    EXPECT_TRUE(heard->what == Tells::may_type && heard->yours && heard->position == 7);
}

TEST_F(Audience, WhatIsTypedAheadOfAGuestThatDoesNotReadWaitsWithoutSpinning) {
    takes_input = false;
    {
        Client client = attach(++typist);
        ASSERT_TRUE(client.type(std::string(6000, 'k')));
        EXPECT_TRUE(rests());
    }
    EXPECT_TRUE(rests()) << "the client has gone, its words wait";
    EXPECT_EQ(waiting.waiting(), std::string(6000, 'k'));
}

TEST_F(Audience, TooManyAreToldSo) {
    std::list<Client> all;
    for (std::size_t i = 0; i < Clients::most; ++i) all.push_back(attach());
    Client surplus = *Client::connect(path, ++typist);
    settle();
    EXPECT_EQ(surplus.receive()->what, Tells::refused);
    EXPECT_FALSE(surplus.receive());
    all.pop_front();
    settle();
    Client again = attach(++typist);
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
