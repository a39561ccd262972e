// SPDX-License-Identifier: MIT
#include "daemon/record_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "domain/utf8.hpp"
#include "domain/uuid.hpp"
#include "os/io.hpp"
#include "os/log.hpp"

namespace paravane {
namespace {
constexpr std::size_t largest_record = 512 << 10;
constexpr char lock_name[] = "lock", retired_suffix[] = ".gone";

Error failed(std::string const& step) { return Error::from_errno(step); }

Result<OwnedFd> take_lock(std::string const& path) {
    OwnedFd lock{open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!lock) return failed("open " + path);
    if (flock(lock.get(), LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK) return failed("lock " + path);
        std::string holder = make_printable(read_to_end(lock.get(), 64));
        return Error{"lock " + path, "paravaned runs already, as process " + (holder.empty() ? "?" : holder),
                     ErrorKind::precondition};
    }
    std::string self = std::to_string(getpid());
    if (ftruncate(lock.get(), 0) < 0 || pwrite(lock.get(), self.data(), self.size(), 0) < 0)
        return failed("write " + path);
    return lock;
}
}  // namespace

Result<RecordStore> RecordStore::open(std::string const& folder) {
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    OwnedFd opened{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!opened) return failed("open the folder " + folder);
    OwnedFd lock = TRY(take_lock(folder + "/" + lock_name));
    return RecordStore{folder, std::move(opened), std::move(lock)};
}

Result<RecordStore::Loaded> RecordStore::load() const {
    Loaded loaded;
    std::error_code failure;
    for (auto const& entry : std::filesystem::directory_iterator{path_, failure}) {
        std::string name = entry.path().filename().string();
        if (name == lock_name) continue;
        if (name.ends_with(".new")) {  // a save that was cut off: what it would have replaced is still there
            unlinkat(folder_.get(), name.c_str(), 0);
            continue;
        }
        OwnedFd file{openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
        Result<Record> record = file ? decode(read_to_end(file.get(), largest_record)) : failed("open");
        if (record && record->uid == name) loaded.records.push_back(*std::move(record));
        else if (record && record->uid + retired_suffix == name) loaded.departed.push_back(*std::move(record));
        else
            log::error("the record " + make_printable(name) + " is not used: " +
                       (record ? "it is another domain's" : make_printable(record.error().message())));
    }
    if (failure) return Error{"read the folder " + path_, failure.message()};
    std::ranges::sort(loaded.departed, {}, &Record::updated);
    return loaded;
}

Result<> RecordStore::save(Record const& record) const {
    std::string step = "write the record of " + record.spec.name;
    std::string beside = record.uid + ".new";
    OwnedFd file{openat(folder_.get(), beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!file) return failed(step);
    Result<> written = write_all(file.get(), encode(record));
    if (!written) return std::move(written).error().within(step);
    if (fsync(file.get()) < 0) return failed(step);
    if (renameat(folder_.get(), beside.c_str(), folder_.get(), record.uid.c_str()) < 0) return failed(step);
    if (fsync(folder_.get()) < 0) return failed(step);
    return {};
}

Result<> RecordStore::retire(std::string const& uid) const {
    std::string const retired = uid + retired_suffix;
    bool const renamed = renameat(folder_.get(), uid.c_str(), folder_.get(), retired.c_str()) == 0 || errno == ENOENT;
    if (!renamed || fsync(folder_.get()) < 0) return failed("retire the record " + uid);
    return {};
}

void RecordStore::drop_retired(std::string const& uid) const {
    unlinkat(folder_.get(), (uid + retired_suffix).c_str(), 0);
}

Result<> RecordStore::remove(std::string const& uid) const {
    if (unlinkat(folder_.get(), uid.c_str(), 0) < 0 && errno != ENOENT) return failed("remove the record " + uid);
    if (fsync(folder_.get()) < 0) return failed("remove the record " + uid);
    return {};
}
}  // namespace paravane
