// SPDX-License-Identifier: MIT
// The kinds of devices that have backends: what each is started as, and what it is lent.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace paravane::supervisor {
struct Kind {
    std::string_view name;  // the folder under backends/; program and user are called paravane-NAME
    std::uint64_t memory;   // of its address space, in bytes
    std::uint64_t open_files;
    bool has_socket;            // for clients, at NAME-DOMID.sock
    std::uint64_t lasting_log;  // bytes of each of its two log files; 0: it has none
    std::uint64_t passing_log;  // the same where no log is asked for
    bool negotiates;            // with the front end, by nodes in xenstore: node_gate.hpp
    bool has_image;  // the file that `--image` names is opened for each process, to write without `--read-only`
};

inline constexpr std::array kinds{Kind{.name = "console",
                                       .memory = std::uint64_t{64} << 20,
                                       .open_files = 64,
                                       .has_socket = true,
                                       .lasting_log = std::uint64_t{4} << 20,
                                       .passing_log = std::uint64_t{256} << 10,
                                       .negotiates = false,
                                       .has_image = false},
                                  Kind{.name = "block",
                                       .memory = std::uint64_t{512} << 20,
                                       .open_files = 64,
                                       .has_socket = false,
                                       .lasting_log = 0,
                                       .passing_log = 0,
                                       .negotiates = true,
                                       .has_image = true}};

constexpr Kind const* find_kind(std::string_view name) {
    for (Kind const& kind : kinds) {
        if (kind.name == name) return &kind;
    }
    return nullptr;
}
}  // namespace paravane::supervisor
