// SPDX-License-Identifier: MIT
// A domain in the care of this one: built from the image that was loaded beside the kernel, watched, taken away.
#pragma once
#include <optional>
#include <string_view>

#include "portable/kernel/layout.hpp"
#include "portable/ring/byte_ring.hpp"
#include "public/domctl.hpp"
#include "public/io/console.hpp"
#include "runtime/hypercall.hpp"

namespace warden {
using guest::address_of;
using guest::Domid;
using guest::EvtchnPort;
using guest::i64;
using guest::Mfn;
using guest::u16;
using guest::u32;
using guest::u64;
using guest::u8;

inline constexpr u64 pages = 2048;  // of each domain

class Ward {
public:
    // The command line gets domid=N added.
    void build(std::string_view name, std::string_view command_line, u32 vcpus);
    void start();
    void pause();  // when it returns none of its vCPUs runs; start() lets them go on

    // Prints what it has written to its console; each line begins with its name.
    void print_console();
    bool ended(u32& reason) const;

    // Its store port: what a toolstack would use for xenstore. The domain sees it in start_info.
    void raise_store_port() const;
    void destroy();
    Domid id() const { return id_; }

private:
    void create(u32 vcpus);
    EvtchnPort connect(EvtchnPort& local) const;
    void set_context(hv::pv::KernelImage const& image, hv::pv::BootLayout const& layout, Mfn root) const;
    u64 ring_address() const;
    void finish_line();

    std::string_view name_;
    Domid id_{0};
    u32 index_ = 0;
    EvtchnPort console_port_{0}, store_port_{0};
    std::optional<hv::ring::ByteConsumer<abi::io::console_out_size>> console_{};
    char line_[200];
    u32 line_length_ = 0;
};

// domctl for the domain; ends the guest on an error that is not expected.
i64 domctl(abi::Domctl& op, u32 command, Domid domain);
void require(bool good, std::string_view what);
}  // namespace warden
