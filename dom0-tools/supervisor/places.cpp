// SPDX-License-Identifier: MIT
#include "supervisor/places.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "os/child.hpp"
#include "os/io.hpp"

namespace paravane::supervisor {
namespace {
constexpr char ending[] = ".device";

std::string path_of(Places const& places, DeviceId const& device, char const* what) {
    return places.run_folder + "/" + name_of(device) + what;
}

Result<OwnedFd> open_private(std::string const& path, int flags) {
    OwnedFd fd{open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd) return Error::from_errno("open " + path);
    struct stat status {};
    if (fstat(fd.get(), &status) < 0 || !S_ISREG(status.st_mode))
        return Error{"open " + path, "it is no file", ErrorKind::precondition};
    return fd;
}

Result<OwnedFd> passing_file() {
    OwnedFd fd{memfd_create("log", MFD_CLOEXEC)};
    if (!fd) return Error::from_errno("make a log that does not last");
    return fd;
}
}  // namespace

std::string name_of(DeviceId const& device) {
    return std::string{text_of(device.kind)} + "-" + std::to_string(device.domid) + "-" + std::to_string(device.index);
}

std::string socket_of(Places const& places, DeviceId const& device) {
    return places.run_folder + "/" + std::string{text_of(device.kind)} + "-" + std::to_string(device.domid) + ".sock";
}

Result<Registration> Registration::prepare(Places const& places, Request const& request, std::uint32_t restarts) {
    std::string path = path_of(places, request.device, ending);
    Result<OwnedFd> file = open_private(path + ".new", O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return std::move(file).error().within("keep the record of " + name_of(request.device));
    return Registration{std::move(path), *std::move(file), Record{request, 0, 0, restarts}};
}

int Registration::write_own() {
    record_.pid = getpid();
    std::optional<std::uint64_t> const started = process_start(record_.pid);
    if (!started) return ESRCH;
    record_.started = *started;
    ssize_t const count = write(file_.get(), &record_, sizeof record_);
    if (count < 0) return errno;
    if (count != sizeof record_) return ENOSPC;
    return rename(beside_.c_str(), path_.c_str()) < 0 ? errno : 0;
}

std::vector<Record> read_records(Places const& places) {
    std::vector<Record> records;
    std::error_code none;
    for (auto const& entry : std::filesystem::directory_iterator{places.run_folder, none}) {
        if (entry.path().extension() != ending) continue;
        Result<OwnedFd> file = open_private(entry.path().string(), O_RDONLY);
        if (!file) continue;
        std::string const bytes = read_to_end(file->get(), sizeof(Record));
        Record record;
        if (bytes.size() != sizeof record) continue;
        std::memcpy(&record, bytes.data(), sizeof record);
        if (record.request.version == version) records.push_back(record);
    }
    return records;
}

void remove_device(Places const& places, DeviceId const& device) {
    unlink(path_of(places, device, ending).c_str());
    unlink((path_of(places, device, ending) + ".new").c_str());
    unlink(path_of(places, device, ".journal").c_str());
    unlink(socket_of(places, device).c_str());
}

Result<OwnedFd> open_journal(Places const& places, DeviceId const& device) {
    return open_private(path_of(places, device, ".journal"), O_RDWR | O_CREAT);
}

Result<Logs> open_logs(Places const& places, std::string_view name) {
    Logs logs;
    if (name.empty() || places.log_folder.empty()) {
        logs.newest = TRY(passing_file());
        logs.older = TRY(passing_file());
        return logs;
    }
    if (name.front() == '.' || name.find('/') != std::string_view::npos)
        return Error{"", "\"" + std::string{name} + "\" is no name of a log", ErrorKind::invalid};
    std::string const path = places.log_folder + "/" + std::string{name} + ".log";
    logs.newest = TRY(open_private(path, O_RDWR | O_CREAT));
    logs.older = TRY(open_private(path + ".1", O_RDWR | O_CREAT));
    return logs;
}
}  // namespace paravane::supervisor
