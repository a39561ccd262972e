// SPDX-License-Identifier: MIT
// The hypervisor's command line: the options Xen users know. Parsing touches no hardware and prints nothing; what is
// wrong is collected, to be said once there is a console to say it on.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include "base/log.hpp"
#include "portable/base/types.hpp"
#include "x86/cpu/features.hpp"

namespace hv::boot {
struct BootInfo;

enum class Parity : u8 { none, odd, even };

struct SerialPort {
    u16 io_base = 0;
    u8 irq = 0;
    u32 baud = 115200;
    u8 data_bits = 8;
    Parity parity = Parity::none;
    u8 stop_bits = 1;
};

// Bytes; a negative amount in dom0_mem means "all but that much".
struct MemoryAmount {
    u64 bytes = 0;
    bool all_but = false;

    u64 of(u64 total) const { return !all_but ? bytes : bytes < total ? total - bytes : 0; }
};

struct Complaint {
    bool is_error = false;      // else the option is only unknown
    std::string_view option{};  // as it stands on the command line
    char const* reason = "";
};

struct Options {
    std::array<SerialPort, 2> com{SerialPort{.io_base = 0x3f8, .irq = 4}, SerialPort{.io_base = 0x2f8, .irq = 3}};
    u32 console = 1;  // the com port that is the console, from 1; 0: none
    std::optional<MemoryAmount> dom0_memory{};
    std::optional<MemoryAmount> dom0_memory_min{};
    std::optional<MemoryAmount> dom0_memory_max{};
    u32 dom0_min_vcpus = 1;
    u32 dom0_max_vcpus = 0;  // 0: as many as there are CPUs
    u32 max_cpus = 0;        // 0: all
    std::optional<log::Level> log_level{};
    std::optional<log::Level> guest_log_level{};
    bool reboot = true;
    bool unsafe = false;  // start on a processor on which guests can read everything
    speculation::Request speculation{};
#ifdef PARAVANE_CHAOS
    u64 chaos_seed = 1;  // 0: no waits
#endif

    std::array<Complaint, 16> complaints{};
    usize complaint_count = 0;

    std::span<Complaint const> complaint_list() const { return {complaints.data(), complaint_count}; }
};

Options parse_command_line(std::string_view text);

// Pages dom0 is to get on a machine with that many free ones.
u64 dom0_pages(Options const& options, u64 free_pages);
}  // namespace hv::boot

namespace hv {
// Builds dom0 of the modules and makes its first vCPU runnable; panics with the reason if that cannot be. Gives the
// modules' memory back (boot_memory::release_module).
void start_dom0(boot::BootInfo const& info, boot::Options const& options);
}  // namespace hv
