// SPDX-License-Identifier: MIT
#include "snapshots.hpp"

#include "archive.hpp"
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

void Snapshots::save(Writer& to) const {
    to.number(next_);
    to.number(replaced_);
}

void Snapshots::load(Reader& from) {
    next_ = from.number();
    replaced_ = from.number<std::size_t>();
}

void Snapshots::put_back(Transaction& transaction) {
    Transaction::Snapshot const& was = transaction.snapshot();
    transaction.become_snapshot(*this, was.order, was.replaced_before);
    by_age_[was.order] = &transaction;
    begun_ += was.replaced_before;
}
}  // namespace paravane::xenstored
