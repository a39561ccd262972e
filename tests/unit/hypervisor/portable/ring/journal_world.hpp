// SPDX-License-Identifier: MIT
// A journal whose process is stopped after any of its stores, between a front end and a device that remembers what it
// was made to do. What the protocol promises is checked at every step: each request is answered exactly once, with its
// own answer, after it was done as it was asked.
#pragma once
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "portable/ring/journal.hpp"

namespace test {
struct Stopped {};

// A process that is stopped before a store has done those before it. Copies are made in words.
struct StoppingStores {
    static inline long left = -1;  // stores until the stop; below zero: never
    static void step() {
        if (left == 0) throw Stopped{};
        --left;
    }
    template <hv::SharedWord T>
    static void word(T& to, std::type_identity_t<T> value) {
        step();
        hv::store_release(to, value);
    }
    static void bytes(void* to, void const* from, std::size_t count) {
        for (std::size_t at = 0; at < count; at += 8) {
            step();
            std::memcpy(static_cast<char*>(to) + at, static_cast<char const*>(from) + at,
                        std::min<std::size_t>(8, count - at));
        }
    }
};

struct Request {
    std::uint64_t id, what, where;
};
struct Response {
    std::uint64_t id, result;
};
struct Segments {
    std::uint64_t first = 0;
};
constexpr std::uint64_t result_of(Request const& request) { return request.what * 3 + request.where; }
constexpr std::uint64_t segments_of(Request const& request) { return request.what ^ 0x5e5e; }

inline void check(bool right, char const* what) {
    if (!right) throw std::runtime_error{what};
}

constexpr std::uint32_t ring_size = 256;  // of 8 entries
using Front = hv::ring::FrontRing<Request, Response>;
using Journal = hv::ring::Journal<Request, Response, 8, Segments, StoppingStores>;

// What lives longer than the back end's process.
struct World {
    alignas(64) std::array<std::byte, ring_size> page{};
    Front front{page.data(), page.size()};
    Journal::Contents memory{};
    std::map<std::uint64_t, Request> asked;  // and not answered
    std::map<std::uint64_t, int> done;
    std::uint64_t next_id = 1, answers = 0;
    bool notified = false;  // the front end, of what it can see

    World() { front.initialise(); }

    void ask(std::uint64_t what) {
        if (front.free_requests() == 0) return;
        Request request{next_id++, what, what >> 8};
        asked[request.id] = request;
        front.put(request);
    }
    void take_answers() {
        check(front.waiting().has_value(), "more answers than requests");
        while (auto response = front.take()) {
            auto request = asked.find(response->id);
            check(request != asked.end(), "an answer to what was not asked, or a second one");
            check(response->result == result_of(request->second), "a wrong answer");
            check(done[response->id] > 0, "an answer before the work");
            asked.erase(request);
            ++answers;
        }
    }
};

// One process of the back end.
class Backend {
public:
    explicit Backend(World& world) : world_{world}, journal_{world.memory, world.page.data(), world.page.size()} {
        for (Journal::Entry* entry : journal_.resume()) open_.push_back(entry);
    }

    void take() {
        auto fill = [](Request const& request, Segments& segments) {
            std::uint64_t const value = segments_of(request);
            StoppingStores::bytes(&segments.first, &value, sizeof value);
        };
        if (Journal::Entry* entry = journal_.take(fill)) open_.push_back(entry);
    }
    // Out of order, as disks do.
    void answer(std::size_t which) {
        if (open_.empty()) return;
        auto at = open_.begin() + static_cast<std::ptrdiff_t>(which % open_.size());
        Journal::Entry& entry = **at;
        auto request = world_.asked.find(entry.request.id);
        check(request != world_.asked.end(), "work for what was not asked, or is answered");
        check(std::memcmp(&request->second, &entry.request, sizeof(Request)) == 0, "a request is not as it was asked");
        check(entry.extra.first == segments_of(entry.request), "what belongs to a request is not as it was read");
        ++world_.done[entry.request.id];
        open_.erase(at);
        journal_.answer(entry, {entry.request.id, result_of(entry.request)});
    }
    void push() { (void)journal_.push(); }
    std::size_t open() const { return open_.size(); }
    bool has_work() { return !open_.empty() || journal_.ring().waiting().value() != 0; }

private:
    World& world_;
    Journal journal_;
    std::vector<Journal::Entry*> open_;
};

// Some steps of everybody, always the same for a seed. True if the process was stopped in them.
inline bool play(World& world, std::unique_ptr<Backend>& backend, std::mt19937& random, int steps) {
    try {
        if (!backend) backend = std::make_unique<Backend>(world);
        for (int step = 0; step < steps; ++step) {
            switch (random() % 6) {
                case 0: world.ask(random()); break;
                case 1: (void)world.front.push(); break;
                case 2: world.take_answers(); break;
                case 3: backend->take(); break;
                case 4: backend->answer(random()); break;
                case 5: backend->push(); break;
            }
        }
        return false;
    } catch (Stopped) {
        backend.reset();
        return true;
    }
}

// Everything that was asked is answered at last.
inline void finish(World& world, std::unique_ptr<Backend>& backend) {
    StoppingStores::left = -1;
    if (!backend) backend = std::make_unique<Backend>(world);
    (void)world.front.push();
    while (backend->has_work()) {
        backend->take();
        backend->answer(0);
    }
    backend->push();
    world.take_answers();
    check(world.asked.empty(), "a request was not answered");
    check(world.front.idle(), "the ring is not empty");
}
}  // namespace test
