// SPDX-License-Identifier: MIT
// dom0 of a machine of hostile guests: makes two domains of the image that was loaded as its initrd, a witness and the
// attacker, follows their consoles until the attacker ends, asks the witness and itself whether anything was harmed,
// and has the hypervisor audit its counts before and after.
#include <array>

#include "public/sysctl.hpp"
#include "runtime/event.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/time.hpp"
#include "ward.hpp"

namespace warden {
namespace {
constexpr u32 own_pages = 64;
constinit std::array<u64*, own_pages> own{};

u64 pattern(u64 page, u64 word) { return page * 0x9e3779b97f4a7c15 + word; }

void take_own_memory() {
    for (u32 page = 0; page < own_pages; ++page) {
        own[page] = static_cast<u64*>(guest::memory::allocate());
        for (u32 word = 0; word < 512; ++word) { own[page][word] = pattern(page, word); }
    }
}

bool own_memory_is_unharmed() {
    for (u32 page = 0; page < own_pages; ++page) {
        for (u32 word = 0; word < 512; ++word) {
            if (static_cast<u64 volatile*>(own[page])[word] != pattern(page, word)) { return false; }
        }
    }
    return true;
}

void ask_for_audit() {
    char key[] = "A";
    abi::Sysctl op{};
    op.cmd = abi::sysctl::debug_keys;
    op.interface_version = abi::sysctl_interface_version;
    op.u.debug_keys.keys = guest::pointer_to(&key[0]);
    op.u.debug_keys.nr_keys = 1;
    require(guest::hypercall(abi::hypercall::sysctl, address_of(&op)) == 0, "the debug key A");
}

void nap() { guest::time::sleep_until(guest::time::now() + 5 * guest::time::millisecond); }
}  // namespace
}  // namespace warden

void guest::main() {
    using namespace warden;
    Ward witness, attacker;
    take_own_memory();
    print("audit before\n");
    ask_for_audit();
    witness.build("witness", "role=witness", 1);
    attacker.build("attacker", command_line(), 4);
    witness.start();
    attacker.start();
    u32 reason = 0;
    while (!attacker.ended(reason)) {
        attacker.print_console();
        witness.print_console();
        nap();
    }
    attacker.print_console();
    print("the attacker has ended, reason {}\n", reason);
    print("audit with domains\n");
    for (Ward* ward : {&witness, &attacker}) { ward->pause(); }  // counts are whole only between calls
    ask_for_audit();
    witness.start();
    witness.raise_store_port();
    while (!witness.ended(reason)) {
        witness.print_console();
        nap();
    }
    witness.print_console();
    print("the witness has ended, reason {}\n", reason);
    attacker.destroy();
    witness.destroy();
    print("audit after\n");
    ask_for_audit();
    print("dom0 is {}\n", std::string_view{own_memory_is_unharmed() ? "unharmed" : "HARMED"});
}
