// SPDX-License-Identifier: MIT
// A back end with a journal, killed at any store, against a front end that writes what it likes into its page: indices,
// slots, at any time. It gets no more answers than it asked for, never two to one taking, and the journal's own numbers
// stay in order. An honest front end, the first half of the inputs, gets all of its answers.
#include "tests/fuzz/two_guests.hpp"
#include "tests/unit/hypervisor/portable/ring/journal_world.hpp"

namespace {
using namespace test;

void honest(Input& input) {
    World world;
    std::unique_ptr<Backend> backend;
    while (!input.empty()) {
        StoppingStores::left = input.byte();
        std::mt19937 random{input.byte()};
        play(world, backend, random, input.byte() % 64);
    }
    finish(world, backend);
}

struct Hostile {
    World world;
    std::uint64_t taken = 0, answered = 0;

    void process(Input& input) {
        Journal journal{world.memory, world.page.data(), world.page.size()};
        std::vector<Journal::Entry*> open;
        for (Journal::Entry* entry : journal.resume()) open.push_back(entry);
        check(open.size() == world.memory.at.req_cons - world.memory.at.rsp_prod, "taken and not answered");
        while (!input.empty()) {
            std::uint8_t const what = input.byte();
            switch (what % 6) {
                case 0: world.page[input.byte()] = std::byte{input.byte()}; break;
                case 1: world.page[what / 6 % 4] = std::byte{input.byte()}; break;
                case 2:
                    if (Journal::Entry* entry = journal.take()) open.push_back(entry);
                    break;
                case 3:
                    if (open.empty()) break;
                    journal.answer(*open.back(), {open.back()->request.id, 0});
                    open.pop_back();
                    break;
                case 4: (void)journal.push(); break;
                case 5: (void)journal.ring().final_check(); break;
            }
            auto const& at = world.memory.at;
            check(at.rsp_prod <= at.req_cons && at.req_cons - at.rsp_prod <= 8, "more taken than the ring has");
            check(at.req_cons >= taken && at.rsp_prod >= answered, "numbers go back");
            taken = at.req_cons;
            answered = at.rsp_prod;
        }
    }
};

void hostile(Input& input) {
    Hostile hostile;
    while (!input.empty()) {
        StoppingStores::left = input.byte();
        try {
            hostile.process(input);
        } catch (Stopped) {}
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    return test::try_a_guest({data, size}, honest, hostile);
}
