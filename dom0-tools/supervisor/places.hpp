// SPDX-License-Identifier: MIT
// Where the supervisor finds and keeps things, and what it keeps of a device so that it finds it again when it was
// killed.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "backend/supervisor_protocol.hpp"
#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane::supervisor {
struct Places {
    std::string run_folder = "/run/paravane";
    std::string log_folder = "/var/log/paravane";  // empty: no log lasts
    std::string programs;                          // folder of the backends' programs
    std::string devices = "/dev/xen";
    std::string user;  // whom backends run as; empty: each kind as its own
};

// What stands in a device's record.
struct Record {
    Request request;
    std::uint64_t started;  // process_start() of it
    std::int32_t pid;       // 0: none
    std::uint32_t restarts;
};

std::string name_of(DeviceId const& device);  // console-3-0
std::string socket_of(Places const& places, DeviceId const& device);

// The record is replaced at once, or not at all.
Result<> write_record(Places const& places, Record const& record);
std::vector<Record> read_records(Places const& places);
// Nothing is left of the device but its log.
void remove_device(Places const& places, DeviceId const& device);

Result<OwnedFd> open_journal(Places const& places, DeviceId const& device);
struct Logs {
    OwnedFd newest, older;
};
// Without a name: memory that is gone with the device.
Result<Logs> open_logs(Places const& places, std::string_view name);
}  // namespace paravane::supervisor
