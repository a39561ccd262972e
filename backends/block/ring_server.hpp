// SPDX-License-Identifier: MIT
// One ring of a disk: takes requests through the journal, moves data between the guest and the storage, and answers
// each exactly once, over any number of processes that are killed in the middle. Data goes through memory of this
// process, or pages that stay mapped; a process that comes later has neither, so it begins only when the storage has
// nothing left under way of the one before (file_storage.hpp).
#pragma once
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "block/limits.hpp"
#include "block/persistent_grants.hpp"
#include "block/plan.hpp"
#include "block/storage.hpp"
#include "portable/ring/journal.hpp"

namespace paravane::block {
// The largest ring: 16 pages.
inline constexpr std::uint32_t most_entries = abi::io::ring_entries<blkif::Request, blkif::Response>(16 * page_size);

// What the rings of a disk share.
struct Disk {
    GuestPages& guest;
    PersistentGrants* persistent;  // null: this guest's pages do not stay granted
    Storage& storage;
    Geometry geometry;
    Limits limits;
    std::size_t memory;  // that may still be taken for copies of data
};

class RingServerBase {
public:
    virtual ~RingServerBase() = default;
    virtual void complete(Transfer& transfer, bool okay) = 0;
};

// A request that was begun.
struct Work : Transfer {
    RingServerBase* ring = nullptr;
    void* entry = nullptr;
    Plan plan;
    std::array<iovec, most_segments> parts;
    std::vector<GrantPiece> copies;       // of what is not mapped
    std::vector<std::uint32_t> mapped{};  // to be given back
    std::unique_ptr<std::byte, decltype(&std::free)> buffer{nullptr, &std::free};
    std::size_t buffer_size = 0;
};

template <class Memory = hv::ring::Stores>
class RingServer : public RingServerBase {
public:
    using Journal = hv::ring::Journal<blkif::Request, blkif::Response, most_entries, Segments, Memory>;

    enum class Look : std::uint8_t {
        idle,    // until the next event
        more,    // is waiting: look again when others had their turn
        full,    // as much is under way as may be: look again when something is done
        waits,   // for its limits
        broken,  // the guest's index makes no sense: give it up
    };

    RingServer(Disk& disk, typename Journal::Contents& contents, void* ring, std::size_t size)
        : disk_{disk}, journal_{contents, ring, size} {}
    RingServer(RingServer&&) = delete;

    // First of all. The guest must be notified then.
    void resume() {
        for (Entry* entry : journal_.resume()) again_.push_back(entry);
    }

    Look serve(Clock::time_point now) {
        for (std::uint32_t i = 0; i < journal_.ring().entries(); ++i) {
            if (disk_.limits.wait(now) > Clock::duration::zero()) return Look::waits;
            if (disk_.memory < most_bytes) return Look::full;
            if (!again_.empty()) {
                Entry& entry = *again_.front();
                again_.pop_front();
                start(entry, now);
                continue;
            }
            std::optional<std::uint32_t> const waiting = journal_.ring().waiting();
            if (!waiting) return Look::broken;
            if (*waiting == 0) {
                if (!journal_.ring().final_check()) return Look::idle;
                continue;
            }
            Entry* entry = journal_.take([this](blkif::Request const& request, Segments& segments) {
                read_segments(request);
                Memory::bytes(&segments, &read_,
                              sizeof read_ - sizeof read_.all + read_.count * sizeof(blkif::Segment));
            });
            if (entry != nullptr) start(*entry, now);
        }
        return Look::more;
    }

    void complete(Transfer& transfer, bool okay) override {
        Work& work = static_cast<Work&>(transfer);
        Memory::step();
        if (okay && work.action == Action::read && !work.copies.empty())
            okay = disk_.guest.copy(CopyTo::grant, work.copies);
        --under_way_;
        finish(work, okay ? blkif::okay : blkif::error);
    }

    // Publishes the answers that were given; true if the guest must be notified.
    [[nodiscard]] bool push() {
        if (!std::exchange(answered_, false)) return false;
        return journal_.push();
    }

    std::size_t under_way() const { return in_storage() + again_.size(); }
    std::size_t in_storage() const { return under_way_; }  // as much will be completed

private:
    using Entry = typename Journal::Entry;

    void read_segments(blkif::Request const& request) {
        read_.count = 0;
        std::uint32_t const pages = pages_of_segments(request, disk_.geometry.read_only);
        std::uint32_t const count = segments_of(request);
        std::array<GrantPiece, blkif::most_pages> pieces;
        std::size_t unmapped = 0;
        for (std::uint32_t page = 0; page < pages; ++page) {
            std::uint32_t const first = page * blkif::segments_in_page;
            auto const bytes = static_cast<std::uint16_t>(
                sizeof(blkif::Segment) * std::min(count - first, std::uint32_t{blkif::segments_in_page}));
            std::uint32_t const ref = request.indirect.page_ref[page];
            std::byte* known = disk_.persistent == nullptr ? nullptr : disk_.persistent->take(ref);
            if (known == nullptr) {
                pieces[unmapped++] = {ref, 0, bytes, &read_.all[first]};
                continue;
            }
            std::memcpy(&read_.all[first], known, bytes);
            disk_.persistent->give_back(ref);
        }
        if (pages != 0 && (unmapped == 0 || disk_.guest.copy(CopyTo::memory, std::span{pieces}.first(unmapped))))
            read_.count = count;
    }

    Work& new_work(Entry& entry) {
        if (free_.empty()) {
            all_.push_back(std::make_unique<Work>());
            free_.push_back(all_.back().get());
        }
        Work& work = *free_.back();
        free_.pop_back();
        work.ring = this;
        work.entry = &entry;
        return work;
    }

    void start(Entry& entry, Clock::time_point now) {
        Work& work = new_work(entry);
        disk_.limits.operations.charge(1, now);
        if (auto refused = make_plan(entry.request, entry.extra, disk_.geometry, work.plan))
            return finish(work, *refused);
        disk_.limits.bytes.charge(work.plan.action == Action::discard ? 0 : work.plan.length, now);
        work.action = work.plan.action;
        work.offset = work.plan.offset;
        work.length = work.plan.length;
        if (!find_memory(work)) return finish(work, blkif::error);
        Memory::step();
        ++under_way_;
        disk_.storage.submit(work);
    }

    // Where the data of each piece is, and what is to be written.
    bool find_memory(Work& work) {
        std::size_t parts = 0;
        work.memory = {};
        for (Piece const& piece : work.plan.pieces()) {
            std::byte* page = disk_.persistent == nullptr ? nullptr : disk_.persistent->take(piece.ref);
            work.parts[parts++] = {page == nullptr ? nullptr : page + piece.offset, piece.length};
            if (page != nullptr) {
                work.mapped.push_back(piece.ref);
            } else {
                work.copies.push_back({piece.ref, piece.offset, piece.length, nullptr});
                work.buffer_size += piece.length;
            }
        }
        work.memory = std::span{work.parts}.first(parts);
        if (work.copies.empty()) return true;
        std::size_t const rounded = (work.buffer_size + page_size - 1) / page_size * page_size;
        work.buffer.reset(static_cast<std::byte*>(std::aligned_alloc(page_size, rounded)));
        if (!work.buffer) return false;
        disk_.memory -= work.buffer_size;
        std::byte* at = work.buffer.get();
        auto copy = work.copies.begin();
        for (iovec& part : work.memory) {
            if (part.iov_base != nullptr) continue;
            part.iov_base = (copy++)->memory = at;
            at += part.iov_len;
        }
        split_at_pages(work);
        return work.action != Action::write || disk_.guest.copy(CopyTo::memory, work.copies);
    }

    // A copy does not cross a page of ours either.
    static void split_at_pages(Work& work) {
        std::size_t const count = work.copies.size();
        for (std::size_t i = 0; i < count; ++i) {
            auto const at = reinterpret_cast<std::uintptr_t>(work.copies[i].memory) % page_size;
            if (at + work.copies[i].length <= page_size) continue;
            auto const first = static_cast<std::uint16_t>(page_size - at);
            GrantPiece rest = work.copies[i];
            rest.memory = static_cast<std::byte*>(rest.memory) + first;
            rest.offset = static_cast<std::uint16_t>(rest.offset + first);
            rest.length = static_cast<std::uint16_t>(rest.length - first);
            work.copies[i].length = first;
            work.copies.push_back(rest);
        }
    }

    void finish(Work& work, blkif::Status status) {
        for (std::uint32_t ref : work.mapped) disk_.persistent->give_back(ref);
        disk_.memory += work.buffer ? work.buffer_size : 0;
        work.mapped.clear();
        work.copies.clear();
        work.buffer.reset();
        work.buffer_size = 0;
        Entry& entry = *static_cast<Entry*>(work.entry);
        free_.push_back(&work);
        journal_.answer(entry, response_to(entry.request, status));
        answered_ = true;
    }

    Disk& disk_;
    Journal journal_;
    Segments read_{};
    std::deque<Entry*> again_;  // of the process before
    std::vector<std::unique_ptr<Work>> all_;
    std::vector<Work*> free_;
    std::size_t under_way_ = 0;
    bool answered_ = false;
};
}  // namespace paravane::block
