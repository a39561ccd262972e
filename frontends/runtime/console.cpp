// SPDX-License-Identifier: MIT
#include "runtime/console.hpp"

#include <array>
#include <optional>

#include "portable/ring/byte_ring.hpp"
#include "public/io/console.hpp"
#include "runtime/event.hpp"
#include "runtime/memory.hpp"
#include "runtime/time.hpp"

namespace guest {
namespace {
constexpr u64 patience = 10 * time::second;  // with a reader that has stopped reading
constexpr u64 nap = 20 * time::millisecond;  // between two looks: the reader need not notify us of every read

constinit std::optional<hv::ring::ByteProducer<abi::io::console_out_size>> ring{};
constinit std::optional<hv::ring::ByteConsumer<abi::io::console_in_size>> typed{};
constinit EvtchnPort ring_port{0};
constinit bool reader_is_gone = false;

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
    for (;;) {
        text.remove_prefix(ring->put(text).value_or(0));
        if (text.empty()) { break; }
        auto has_room = [] { return ring->unread().value_or(abi::io::console_out_size) < abi::io::console_out_size; };
        if (reader_is_gone || !wait_for_reader(has_room)) { return; }
    }
    (void)event::send(ring_port);
}

void write_by_hypercall(std::string_view text) {
    // The hypercall's buffer is only read; the ABI has one pointer for both directions.
    (void)console_io(abi::consoleio::write, text.size(), const_cast<char*>(text.data()));
}
}  // namespace

void console::initialise(abi::StartInfo const& info) {
    if ((info.flags & abi::sif::initdomain) == 0 && info.console.domU.mfn.value != 0) {
        auto& page = *pointer_to<abi::io::ConsoleRing>(memory::machine_to_pfn(info.console.domU.mfn));
        ring.emplace(page.out, page.out_prod, page.out_cons);
        typed.emplace(page.in, page.in_prod, page.in_cons);
        ring_port = info.console.domU.evtchn;
    }
}

void console::write(std::string_view text) {
    if (ring) {
        write_to_ring(text);
    } else {
        write_by_hypercall(text);
    }
}

void console::flush() {
    if (ring && !reader_is_gone) {
        (void)wait_for_reader([] { return ring->unread() == 0u; });
    }
}

std::size_t console::read(std::span<char> to) {
    std::size_t const count = typed ? typed->take(to).value_or(0) : 0;
    if (count != 0) { (void)event::send(ring_port); }
    return count;
}

void console::wait_for_input(u64 deadline) {
    event::clear(ring_port);
    if (typed && typed->waiting().value_or(0) == 0) { (void)event::wait(ring_port, deadline); }
}

void print_args(std::string_view pattern, std::span<hv::FormatArg const> args) {
    std::array<char, 512> line;
    console::write(hv::format_to(line, pattern, args));
}
}  // namespace guest
