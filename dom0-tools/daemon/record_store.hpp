// SPDX-License-Identifier: MIT
// The folder of records, one file a domain, named by its uid. A save is durable when it returns: written beside,
// synced, renamed, and the folder synced. Whoever has the store open holds the folder's lock: there is one paravaned.
#pragma once
#include <string>
#include <vector>

#include "daemon/record.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
class RecordStore {
public:
    // precondition: another process has it; the error says which.
    static Result<RecordStore> open(std::string const& folder);

    // Files that cannot be read are reported to the log and left as they are.
    Result<std::vector<Record>> load() const;
    Result<> save(Record const& record) const;
    Result<> remove(std::string const& uid) const;  // one that is not there is no error

private:
    RecordStore(std::string path, OwnedFd folder, OwnedFd lock)
        : path_{std::move(path)}, folder_{std::move(folder)}, lock_{std::move(lock)} {}

    std::string path_;
    OwnedFd folder_, lock_;
};
}  // namespace paravane
