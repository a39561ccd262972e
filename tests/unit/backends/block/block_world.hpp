// SPDX-License-Identifier: MIT
// A disk whose backend is stopped at any store and at any call, between a front end that remembers what it wrote and a
// storage that does things in any order. Each request is answered once; what was answered is on the disk, and what is
// read is what was written.
#pragma once
#include <map>
#include <set>

#include "block/ring_server.hpp"
#include "tests/unit/hypervisor/portable/ring/journal_world.hpp"

namespace block_test {
using namespace paravane;
using namespace paravane::block;
using test::check;
using test::Stopped;
using test::StoppingStores;

inline constexpr std::uint32_t pages = 48, sectors = 96, ring_size = 1024;  // of 8 entries

struct Guest : GuestPages {
    struct alignas(page_size) Page {
        std::array<std::byte, page_size> bytes{};
    };
    std::vector<Page> page{pages};
    std::map<std::byte*, int> mapped;

    std::byte* at(std::uint32_t ref) { return ref < pages ? page[ref].bytes.data() : nullptr; }
    bool copy(CopyTo direction, std::span<GrantPiece const> pieces) override {
        for (GrantPiece const& piece : pieces) {
            check(piece.length != 0 && piece.offset + piece.length <= page_size, "a copy beyond a page");
            check(reinterpret_cast<std::uintptr_t>(piece.memory) % page_size + piece.length <= page_size,
                  "a copy beyond a page of ours");
            std::byte* theirs = at(piece.ref);
            if (theirs == nullptr) return false;
            if (direction == CopyTo::grant) std::memcpy(theirs + piece.offset, piece.memory, piece.length);
            else std::memcpy(piece.memory, theirs + piece.offset, piece.length);
        }
        return true;
    }
    std::byte* map(std::uint32_t ref) override {
        std::byte* theirs = at(ref);
        if (theirs != nullptr) check(++mapped[theirs] == 1, "a page is mapped twice");
        return theirs;
    }
    void unmap(std::byte* theirs) override { check(mapped.erase(theirs) == 1, "what is unmapped was mapped"); }
};

struct MemoryStorage : Storage {
    std::vector<std::byte> bytes = std::vector<std::byte>(sectors * 512);
    std::vector<Transfer*> pending;
    std::vector<Done> done;

    Result<Geometry> look() override { return geometry(); }
    static Geometry geometry() { return {.size = sectors * 512, .sector = 512, .read_only = false, .discards = true}; }
    void submit(Transfer& transfer) override {
        check(transfer.length <= bytes.size() && transfer.offset <= bytes.size() - transfer.length, "beyond the disk");
        std::size_t length = 0;
        for (iovec const& part : transfer.memory) length += part.iov_len;
        check(length == (transfer.action == Action::flush || transfer.action == Action::discard ? 0 : transfer.length),
              "as much memory as there is data");
        pending.push_back(&transfer);
    }
    Result<bool> push() override { return true; }
    std::optional<Done> next_done() override { return {}; }
    int fd() const override { return -1; }

    void apply(Transfer& transfer) {
        std::byte* at = bytes.data() + transfer.offset;
        if (transfer.action == Action::discard) std::memset(at, 0, transfer.length);
        for (iovec const& part : transfer.memory) {
            if (transfer.action == Action::read) std::memcpy(part.iov_base, at, part.iov_len);
            else std::memcpy(at, part.iov_base, part.iov_len);
            at += part.iov_len;
        }
    }
    Transfer* take(std::size_t which) {
        if (pending.empty()) return nullptr;
        auto at = pending.begin() + static_cast<std::ptrdiff_t>(which % pending.size());
        Transfer* transfer = *at;
        pending.erase(at);
        return transfer;
    }
    // Its process was killed; what was under way is done or not, and over before the next one begins.
    void drain(std::mt19937& random) {
        while (Transfer* transfer = take(random()))
            if (random() % 2 == 0) apply(*transfer);
    }
};

using Front = hv::ring::FrontRing<blkif::Request, blkif::Response>;
using Server = RingServer<StoppingStores>;

// One process.
struct Backend {
    Disk disk;
    std::optional<PersistentGrants> persistent;
    Server server;

    Backend(Guest& guest, Storage& storage, Server::Journal::Contents& memory, void* ring, bool keeps)
        : disk{guest, nullptr, storage, MemoryStorage::geometry(), {}, 4 * most_bytes},
          server{disk, memory, ring, ring_size} {
        if (keeps) disk.persistent = &persistent.emplace(guest, 6);
        server.resume();
    }
};

class World {
public:
    explicit World(bool keeps) : keeps_{keeps} { front_.initialise(); }

    std::uint64_t answers = 0, errors = 0, restarts = 0;

    // Some steps of everybody, always the same for a seed. True if the process was stopped in them.
    bool play(std::mt19937& random, int steps) {
        try {
            begin();
            for (int step = 0; step < steps; ++step) {
                switch (random() % 6) {
                    case 0: ask(random); break;
                    case 1: (void)front_.push(); break;
                    case 2: take_answers(); break;
                    case 3: (void)backend_->server.serve({}); break;
                    case 4: complete(random(), random() % 16 != 0); break;
                    case 5: (void)backend_->server.push(); break;
                }
            }
            return false;
        } catch (Stopped) {
            end(random);
            ++restarts;
            return true;
        }
    }
    void end(std::mt19937& random) {
        storage_.drain(random);
        backend_.reset();
        guest_.mapped.clear();
    }
    // Everything that was asked is answered at last, and the disk holds what was written.
    void finish() {
        StoppingStores::left = -1;
        begin();
        (void)front_.push();
        do {
            check(backend_->server.serve({}) != Server::Look::broken, "an honest guest is broken");
            while (complete(0, true)) {}
            (void)backend_->server.push();
            take_answers();
        } while (!asked_.empty());
        check(front_.idle(), "the ring is not empty");
        for (std::uint32_t sector = 0; sector < sectors; ++sector) {
            if (!known_[sector]) continue;
            std::byte const* at = storage_.bytes.data() + sector * 512;
            check(std::all_of(at, at + 512, [&](std::byte byte) { return byte == *known_[sector]; }),
                  "the disk does not hold what was written");
        }
        check(backend_->server.under_way() == 0 && backend_->disk.memory == 4 * most_bytes, "memory is lost");
    }

private:
    struct Asked {
        std::uint8_t operation;
        std::uint32_t sector, count;
        std::byte value;                    // what it writes
        std::vector<blkif::Segment> parts;  // and the pages of them
        std::vector<std::uint32_t> refs;    // all pages that it uses
        bool refused;                       // it must fail
    };

    void begin() {
        if (!backend_) backend_ = std::make_unique<Backend>(guest_, storage_, memory_, page_.data(), keeps_);
    }
    bool complete(std::size_t which, bool okay) {
        Transfer* transfer = storage_.take(which);
        if (transfer == nullptr) return false;
        if (okay || transfer->length % 1024 != 0) storage_.apply(*transfer);
        static_cast<Work*>(transfer)->ring->complete(*transfer, okay);
        return true;
    }

    std::optional<std::uint32_t> free_page() {
        for (std::uint32_t ref = 0; ref < pages; ++ref)
            if (used_.insert(ref).second) return ref;
        return {};
    }

    void ask(std::mt19937& random) {
        if (front_.free_requests() == 0) return;
        Asked asked{};
        blkif::Request request{};
        request.direct.id = next_id_++;
        auto const kind = static_cast<std::uint32_t>(random() % 8);
        asked.sector = static_cast<std::uint32_t>(random() % sectors);
        asked.value = static_cast<std::byte>(random());
        if (kind == 0) {
            asked.operation = request.direct.operation = blkif::flush;
        } else if (kind == 1) {
            asked.count = static_cast<std::uint32_t>(1 + random() % 4);
            asked.operation = request.discard.operation = blkif::discard;
            request.discard.sector = asked.sector;
            request.discard.sectors = asked.count;
        } else {
            asked.operation = kind % 2 == 0 ? blkif::read : blkif::write;
            auto const parts = static_cast<std::uint32_t>(1 + random() % 3);
            for (std::uint32_t i = 0; i < parts; ++i) {
                std::optional<std::uint32_t> ref = free_page();
                if (!ref) break;
                asked.refs.push_back(*ref);
                auto const first = static_cast<std::uint8_t>(random() % 8);
                auto const last = static_cast<std::uint8_t>(first + random() % (8u - first));
                asked.parts.push_back({*ref, first, last, 0});
                asked.count += last - first + 1u;
            }
            if (asked.parts.empty()) return;
            if (!fill(request, asked, kind >= 6)) return give_up(asked);
        }
        asked.refused = asked.sector + asked.count > sectors;
        if (!asked.refused && asked.count != 0) {
            for (auto const& [id, other] : asked_)
                if (asked.sector < other.sector + other.count && other.sector < asked.sector + asked.count)
                    return give_up(asked);
            // Until it is answered, nobody knows.
            if (asked.operation != blkif::read)
                for (std::uint32_t i = 0; i < asked.count; ++i) known_[asked.sector + i].reset();
        }
        if (asked.operation == blkif::write)
            for (blkif::Segment const& part : asked.parts)
                std::memset(guest_.at(part.ref) + part.first * 512, static_cast<int>(asked.value),
                            (part.last - part.first + 1u) * 512u);
        front_.put(request);
        asked_.emplace(request.direct.id, std::move(asked));
    }
    bool fill(blkif::Request& request, Asked& asked, bool indirect) {
        auto const count = static_cast<std::uint8_t>(asked.parts.size());
        if (!indirect) {
            request.direct.operation = asked.operation;
            request.direct.segments = count;
            request.direct.sector = asked.sector;
            std::copy(asked.parts.begin(), asked.parts.end(), request.direct.segment);
            return true;
        }
        std::optional<std::uint32_t> ref = free_page();
        if (!ref) return false;
        asked.refs.push_back(*ref);
        request.indirect.operation = blkif::indirect;
        request.indirect.indirect_operation = asked.operation;
        request.indirect.segments = count;
        request.indirect.sector = asked.sector;
        request.indirect.page_ref[0] = *ref;
        std::memcpy(guest_.at(*ref), asked.parts.data(), count * sizeof(blkif::Segment));
        return true;
    }
    void give_up(Asked const& asked) {
        for (std::uint32_t ref : asked.refs) used_.erase(ref);
    }

    void take_answers() {
        check(front_.waiting().has_value(), "more answers than requests");
        while (auto response = front_.take()) {
            auto found = asked_.find(response->id);
            check(found != asked_.end(), "an answer to what was not asked, or a second one");
            Asked const& asked = found->second;
            check(response->operation == asked.operation, "the answer is of another operation");
            check(!asked.refused || response->status == blkif::error, "what must fail has not");
            bool const okay = response->status == blkif::okay;
            std::uint32_t sector = asked.sector;
            for (blkif::Segment const& part : asked.parts)
                for (std::uint32_t i = part.first; okay && i <= part.last; ++i, ++sector)
                    check_sector(asked, part, i, sector);
            if (okay && asked.operation == blkif::discard)
                for (std::uint32_t i = 0; i < asked.count; ++i) known_[asked.sector + i] = std::byte{0};
            give_up(asked);
            asked_.erase(found);
            ++answers;
            errors += !okay;
        }
    }
    void check_sector(Asked const& asked, blkif::Segment const& part, std::uint32_t in_page, std::uint32_t sector) {
        if (asked.operation == blkif::write) {
            known_[sector] = asked.value;
            return;
        }
        std::byte const* at = guest_.at(part.ref) + in_page * 512;
        check(!known_[sector] || std::all_of(at, at + 512, [&](std::byte byte) { return byte == *known_[sector]; }),
              "what was read is not what was written");
    }

    bool keeps_;
    alignas(64) std::array<std::byte, ring_size> page_{};
    Front front_{page_.data(), page_.size()};
    Guest guest_;
    MemoryStorage storage_;
    std::unique_ptr<Server::Journal::Contents> contents_ = std::make_unique<Server::Journal::Contents>();
    Server::Journal::Contents& memory_ = *contents_;
    std::unique_ptr<Backend> backend_;
    std::map<std::uint64_t, Asked> asked_;
    std::set<std::uint32_t> used_;
    std::array<std::optional<std::byte>, sectors> known_{};
    std::uint64_t next_id_ = 1;
};
}  // namespace block_test
