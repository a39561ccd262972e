// SPDX-License-Identifier: MIT
// The write-ahead log of a back end: which requests it has taken from the ring and not answered, in memory that
// outlives its process. Whoever takes up the ring after a kill does the unanswered requests again, maybe a second time,
// and answers each exactly once; a stock front end gives a device up when it sees two answers to one request.
//
// Two stores decide: req_cons says that the requests below it are in the journal, rsp_prod that the answers below it
// are given. All else is written before the store that makes it count, and is nothing until then; resume() cleans up
// what was on its way. Responses overwrite requests in the ring, so what was taken is found here only. Memory that is
// zero is an empty journal of a ring that begins.
#pragma once
#include <algorithm>
#include <array>
#include <span>
#include "portable/ring/request_ring.hpp"

namespace hv::ring {
struct NothingMore {};

// `Extra`: what belongs to a request and is read elsewhere (indirect segments). `most`: entries of the largest ring.
template <class Request, class Response, u32 most, class Extra = NothingMore, class Memory = Stores>
class Journal {
public:
    struct Entry {
        u64 taken_as;     // number of the request, plus 1; counts if it is not above req_cons
        u64 answered_as;  // number of its response, plus 1; counts if it is not above rsp_prod. 0: none
        Request request;
        [[no_unique_address]] Extra extra;
    };
    // What stands in that memory.
    struct Contents {
        BackIndices at;
        std::array<Entry, most> entries;
    };

    Journal(Contents& contents, void* ring, usize size) : contents_(contents), ring_(ring, size, contents.at) {}

    BackRing<Request, Response, Memory>& ring() { return ring_; }

    // First of all; then the front end must be notified. Gives what is to be done again, oldest first.
    std::span<Entry* const> resume() {
        free_count_ = answered_count_ = 0;
        u32 open = 0;
        for (Entry& entry : used()) {
            if (entry.taken_as > contents_.at.req_cons) Memory::word(entry.taken_as, 0);
            if (entry.answered_as > contents_.at.rsp_prod) Memory::word(entry.answered_as, 0);
            if (entry.taken_as == 0 || entry.answered_as != 0) free_[free_count_++] = &entry;
            else open_[open++] = &entry;
        }
        ring_.resume();
        std::span<Entry*> again{open_.data(), open};
        std::sort(again.begin(), again.end(), [](Entry* a, Entry* b) { return a->taken_as < b->taken_as; });
        return again;
    }

    // The next request; null if none waits (or the front end is broken: ring().waiting()). `fill(request, extra)` reads
    // what else belongs to it.
    template <class Fill>
    Entry* take(Fill fill) {
        std::optional<Request> const request = ring_.copy_next();
        if (!request || free_count_ == 0) return nullptr;
        Entry& entry = *free_[--free_count_];
        // From here on the entry does not count, whatever it was before.
        Memory::word(entry.taken_as, contents_.at.req_cons + 1);
        Memory::bytes(&entry.request, &*request, sizeof(Request));
        fill(*request, entry.extra);
        Memory::word(entry.answered_as, 0);
        ring_.accept();
        return &entry;
    }
    Entry* take() {
        return take([](Request const&, Extra&) {});
    }

    // Once for each entry; the front end sees it at the next push().
    void answer(Entry& entry, Response const& response) {
        Memory::word(entry.answered_as, ring_.put(response) + 1);
        answered_[answered_count_++] = &entry;
    }

    // True if the front end must be notified.
    [[nodiscard]] bool push() {
        bool const notify = ring_.push();
        while (answered_count_ != 0) free_[free_count_++] = answered_[--answered_count_];
        return notify;
    }

private:
    std::span<Entry> used() { return std::span{contents_.entries}.first(std::min(most, ring_.entries())); }

    Contents& contents_;
    BackRing<Request, Response, Memory> ring_;
    std::array<Entry*, most> free_{}, answered_{}, open_{};  // of this process
    u32 free_count_ = 0, answered_count_ = 0;
};
}  // namespace hv::ring
