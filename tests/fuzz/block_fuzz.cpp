// SPDX-License-Identifier: MIT
// The block backend's ring against a guest that writes what it likes, into the ring and into its pages, at any time,
// while the backend is killed at any store. Nothing beyond the disk or a page is touched, no more is answered than was
// taken, nothing stays under way for ever. An honest guest, half of the inputs, loses nothing.
#include "tests/fuzz/two_guests.hpp"
#include "tests/unit/backends/block/block_world.hpp"

namespace {
using namespace block_test;
using test::Input;

void honest(Input& input) {
    World world{input.byte() % 2 == 0};
    while (!input.empty()) {
        StoppingStores::left = input.byte();
        std::mt19937 random{input.byte()};
        world.play(random, input.byte() % 64);
    }
    world.finish();
}

struct Hostile {
    alignas(64) std::array<std::byte, ring_size> page{};
    Guest guest;
    MemoryStorage storage;
    Server::Journal::Contents memory{};
    std::uint64_t taken = 0, answered = 0;

    void process(Input& input, Backend& backend) {
        while (!input.empty()) {
            std::uint8_t const what = input.byte();
            switch (what % 8) {
                case 0: page[what / 8 % 4] = std::byte{input.byte()}; break;
                case 1: page[64 + input.byte()] = std::byte{input.byte()}; break;
                case 2: page[64 + what / 8 % 8 * 112] = std::byte{input.byte()}; break;
                case 3: guest.page[what / 8 % 4].bytes[input.byte()] = std::byte{input.byte()}; break;
                case 4: (void)backend.server.serve({}); break;
                case 5:
                    if (Transfer* transfer = storage.take(input.byte())) {
                        storage.apply(*transfer);
                        static_cast<Work*>(transfer)->ring->complete(*transfer, what < 128);
                    }
                    break;
                case 6: (void)backend.server.push(); break;
                case 7:
                    for (std::size_t i = 0; i < 112; ++i) page[64 + what / 8 % 8 * 112 + i] = std::byte{input.byte()};
                    break;
            }
            auto const& at = memory.at;
            check(at.rsp_prod <= at.req_cons && at.req_cons - at.rsp_prod <= 8, "more taken than the ring has");
            check(at.req_cons >= taken && at.rsp_prod >= answered, "numbers go back");
            taken = at.req_cons;
            answered = at.rsp_prod;
        }
        StoppingStores::left = -1;
        while (Transfer* transfer = storage.take(0)) static_cast<Work*>(transfer)->ring->complete(*transfer, true);
    }
};

void hostile(Input& input) {
    auto world = std::make_unique<Hostile>();
    bool const keeps = input.byte() % 2 == 0;
    std::mt19937 random{1};
    while (!input.empty()) {
        StoppingStores::left = -1;
        Backend backend{world->guest, world->storage, world->memory, world->page.data(), keeps};
        StoppingStores::left = input.byte();
        try {
            world->process(input, backend);
        } catch (Stopped) {}
        world->storage.drain(random);
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    return test::try_a_guest({data, size}, honest, hostile);
}
