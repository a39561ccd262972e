// SPDX-License-Identifier: MIT
#include "snapshots.hpp"

#include "transaction.hpp"

namespace paravane::xenstored {
void Snapshots::add(Transaction& transaction) {
    transaction.become_snapshot(*this, next_, replaced_);
    by_age_[next_++] = &transaction;
    begun_ += replaced_;
}

void Snapshots::remove(Transaction const& transaction) {
    by_age_.erase(transaction.snapshot().order);
    begun_ -= transaction.snapshot().replaced_before;
}

void Snapshots::note_replaced(std::size_t bytes, std::uint64_t generation) {
    replaced_ += bytes;
    while (!by_age_.empty()) {
        Transaction& oldest = *by_age_.begin()->second;
        bool const too_old = generation - oldest.started() > most_changes;
        bool const too_large = replaced_ - oldest.snapshot().replaced_before > most_bytes_each;
        if (!too_old && !too_large && held() <= most_bytes) return;
        oldest.doom();  // which removes it here
    }
}
}  // namespace paravane::xenstored
