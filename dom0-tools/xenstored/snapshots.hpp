// SPDX-License-Identifier: MIT
// The open transactions of domains. Each keeps alive the tree as it was when it began; what has been replaced in the
// store since then is what that may cost. One that costs too much or is too old is given up, the oldest first when
// all together do, whether or not its client ever asks again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>

namespace paravane::xenstored {
class Reader;
class Transaction;
class Writer;

class Snapshots {
public:
    static constexpr std::size_t most_bytes_each = 4 * 1024 * 1024;
    static constexpr std::size_t most_bytes = 16 * 1024 * 1024;
    static constexpr std::uint64_t most_changes = 16384;

    void add(Transaction& transaction);
    void remove(Transaction const& transaction);
    void save(Writer& to) const;
    void load(Reader& from);
    void put_back(Transaction& transaction);  // one that was saved
    // A commit left that many bytes behind.
    void note_replaced(std::size_t bytes, std::uint64_t generation);

    std::size_t held() const { return by_age_.size() * replaced_ - begun_; }

private:
    std::map<std::uint64_t, Transaction*> by_age_;
    std::uint64_t next_ = 1;
    std::size_t replaced_ = 0;  // by all commits so far
    std::size_t begun_ = 0;     // what that was when each open one began, added up
};
}  // namespace paravane::xenstored
