// SPDX-License-Identifier: MIT
#include "runtime/guest.hpp"

#include "runtime/event.hpp"
#include "runtime/memory.hpp"
#include "runtime/time.hpp"
#include "runtime/trap.hpp"
#include "runtime/xenstore.hpp"

extern "C" [[noreturn]] void guest_start(abi::StartInfo const* info);

namespace guest {
namespace {
constinit abi::StartInfo const* info = nullptr;
constinit u64 first_cycles = 0;
}  // namespace

abi::StartInfo const& start_info() { return *info; }

u64 start_cycles() { return first_cycles; }

bool is_dom0() { return (info->flags & abi::sif::initdomain) != 0; }

std::string_view command_line() { return {info->cmd_line, __builtin_strlen(info->cmd_line)}; }

std::string_view option(std::string_view key) {
    std::string_view rest = command_line();
    while (!rest.empty()) {
        std::size_t length = 0;
        while (length < rest.size() && rest[length] != ' ') { ++length; }
        std::string_view word{rest.data(), length};
        if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=') {
            word.remove_prefix(key.size() + 1);
            return word;
        }
        rest.remove_prefix(length < rest.size() ? length + 1 : length);
    }
    return {};
}
}  // namespace guest

// Called by start.S on the runtime's own stack.
void guest_start(abi::StartInfo const* start) {
    guest::first_cycles = guest::time::cycles();
    guest::info = start;
    guest::trap::initialise();
    guest::memory::initialise(*start);
    guest::event::initialise(*start);
    guest::console::initialise(*start);
    guest::xenstore::initialise(*start);
    guest::event::enable();
    guest::main();
    guest::shutdown(abi::ShutdownReason::poweroff);
}
