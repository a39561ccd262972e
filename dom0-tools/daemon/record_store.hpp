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

    struct Loaded {
        std::vector<Record> records, departed;  // of domains that are no more; the last to go is last
    };

    // Files that cannot be read are reported to the log and left as they are.
    Result<Loaded> load() const;
    Result<> save(Record const& record) const;
    Result<> remove(std::string const& uid) const;  // one that is not there is no error
    // Removes it from the records, and keeps what was asked of it until it is dropped: under another name.
    Result<> retire(std::string const& uid) const;
    void drop_retired(std::string const& uid) const;

private:
    RecordStore(std::string path, OwnedFd folder, OwnedFd lock)
        : path_{std::move(path)}, folder_{std::move(folder)}, lock_{std::move(lock)} {}

    std::string path_;
    OwnedFd folder_, lock_;
};
}  // namespace paravane
