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
    // What may be a guest's disk, whoever asks for it: files below folders, and block devices by patterns.
    std::vector<std::string> disk_folders, disk_devices;
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

// The record of a process that is about to be started. What can be done before is done by `prepare`; the process fills
// in its number and replaces the device's record, at once or not at all, before it runs its program. So there is no
// process without a record, whoever is killed when.
class Registration {
public:
    static Result<Registration> prepare(Places const& places, Request const& request, std::uint32_t restarts);
    // In the process; allocates nothing. 0 or an errno.
    int write_own();

private:
    Registration(std::string path, OwnedFd file, Record record)
        : path_{std::move(path)}, beside_{path_ + ".new"}, file_{std::move(file)}, record_{record} {}

    std::string path_, beside_;
    OwnedFd file_;
    Record record_;
};
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
