// SPDX-License-Identifier: MIT
#include "runtime/console.hpp"

#include <array>
#include <atomic>

#include "public/io/console.hpp"
#include "runtime/event.hpp"
#include "runtime/memory.hpp"
#include "runtime/time.hpp"

namespace guest {
namespace {
constexpr u64 patience = 10 * time::second;  // with a reader that has stopped reading
constexpr u64 nap = 20 * time::millisecond;  // between two looks: the reader need not notify us of every read

constinit abi::io::ConsoleRing* ring = nullptr;
constinit EvtchnPort ring_port{0};
constinit bool reader_is_gone = false;

u32 load(u32& index) { return std::atomic_ref<u32>(index).load(std::memory_order_acquire); }

// False when nothing was read for long.
template <class Condition>
bool wait_for_reader(Condition done) {
    u64 deadline = time::now() + patience;
    (void)event::send(ring_port);
    while (!done()) {
        if (time::now() > deadline) {
            reader_is_gone = true;
            return false;
        }
        event::clear(ring_port);
        if (!done()) { (void)event::wait(ring_port, time::now() + nap); }
    }
    return true;
}

void write_to_ring(std::string_view text) {
    u32 produced = ring->out_prod;
    for (char c : text) {
        auto has_room = [&] { return produced - load(ring->out_cons) < abi::io::console_out_size; };
        if (!has_room()) {
            std::atomic_ref<u32>(ring->out_prod).store(produced, std::memory_order_release);
            if (reader_is_gone || !wait_for_reader(has_room)) { return; }
        }
        ring->out[produced++ % abi::io::console_out_size] = c;
    }
    std::atomic_ref<u32>(ring->out_prod).store(produced, std::memory_order_release);
    (void)event::send(ring_port);
}

void write_by_hypercall(std::string_view text) {
    // The hypercall's buffer is only read; the ABI has one pointer for both directions.
    (void)console_io(abi::consoleio::write, text.size(), const_cast<char*>(text.data()));
}
}  // namespace

void console::initialise(abi::StartInfo const& info) {
    if ((info.flags & abi::sif::initdomain) == 0 && info.console.domU.mfn.value != 0) {
        ring = pointer_to<abi::io::ConsoleRing>(memory::machine_to_pfn(info.console.domU.mfn));
        ring_port = info.console.domU.evtchn;
    }
}

void console::write(std::string_view text) {
    if (ring != nullptr) {
        write_to_ring(text);
    } else {
        write_by_hypercall(text);
    }
}

void console::flush() {
    if (ring != nullptr && !reader_is_gone) {
        (void)wait_for_reader([] { return load(ring->out_cons) == ring->out_prod; });
    }
}

void print_args(std::string_view pattern, std::span<hv::FormatArg const> args) {
    std::array<char, 512> line;
    console::write(hv::format_to(line, pattern, args));
}
}  // namespace guest
