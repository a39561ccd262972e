// SPDX-License-Identifier: MIT
// The two ends of a ring of requests and responses (public/io/ring.hpp). The page is written by both sides at any time,
// so an entry is only ever copied out of it, and an index is read once and checked.
#pragma once
#include <optional>
#include "base/types.hpp"
#include "portable/base/shared.hpp"
#include "public/io/ring.hpp"

namespace hv::ring {
// What both ends share: the header, the slots and how to reach them.
template <class Request, class Response>
class RingPage {
public:
    RingPage(void* memory, std::size_t size)
        : header_(static_cast<abi::io::RingHeader*>(memory)),
          entries_(abi::io::ring_entries<Request, Response>(size)) {}

    abi::io::RingHeader& header() { return *header_; }
    u32 entries() const { return entries_; }

    template <class T>
    T copy_from(u32 index) const {
        return copy_once<T>(slot(index));
    }
    template <class T>
    void copy_to(u32 index, T const& value) {
        __builtin_memcpy(slot(index), &value, sizeof(T));
    }

private:
    std::byte* slot(u32 index) const {
        return reinterpret_cast<std::byte*>(header_ + 1) +
               (index & (entries_ - 1)) * sizeof(abi::io::RingSlot<Request, Response>);
    }

    abi::io::RingHeader* header_;
    u32 entries_;
};

// Did the other side ask to be told about something in (before, now]?
constexpr bool wants_event(u32 event, u32 before, u32 now) { return now - event < now - before; }

// The end that sends requests.
template <class Request, class Response>
class FrontRing {
public:
    FrontRing(void* memory, std::size_t size) : page_(memory, size) {}

    // The front end owns the fresh page.
    void initialise() {
        page_.header() =
            abi::io::RingHeader{.req_prod = 0, .req_event = 1, .rsp_prod = 0, .rsp_event = 1, .pvt = {}, .pad = {}};
    }

    u32 free_requests() const { return page_.entries() - (req_prod_ - rsp_cons_); }
    bool idle() const { return req_prod_ == rsp_cons_; }

    // Room must have been checked with free_requests().
    void put(Request const& request) { page_.copy_to(req_prod_++, request); }

    // Publishes what was put; true if the other end must be notified.
    [[nodiscard]] bool push() {
        u32 before = page_.header().req_prod;
        store_release(page_.header().req_prod, req_prod_);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return wants_event(load_acquire(page_.header().req_event), before, req_prod_);
    }

    // The next response, as a copy. A back end that claims more responses than there were requests gets none taken.
    std::optional<Response> take() {
        u32 produced = load_acquire(page_.header().rsp_prod);
        if (produced == rsp_cons_ || produced - rsp_cons_ > req_prod_ - rsp_cons_) { return std::nullopt; }
        return page_.template copy_from<Response>(rsp_cons_++);
    }

    // Asks to be notified of the next response; true if one is there already.
    [[nodiscard]] bool final_check() {
        store_release(page_.header().rsp_event, rsp_cons_ + 1);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return load_acquire(page_.header().rsp_prod) != rsp_cons_;
    }

private:
    RingPage<Request, Response> page_;
    u32 req_prod_ = 0;
    u32 rsp_cons_ = 0;
};

// The end that answers them. The front end is not trusted.
template <class Request, class Response>
class BackRing {
public:
    BackRing(void* memory, std::size_t size) : page_(memory, size) {}

    // Taking up a ring that another back end has served: both counters stand where the responses stand.
    void attach() { rsp_prod_ = rsp_published_ = req_cons_ = load_acquire(page_.header().rsp_prod); }

    // More requests than slots: the front end is broken, and the ring must be given up.
    bool overflowed() { return load_acquire(page_.header().req_prod) - rsp_prod_ > page_.entries(); }

    // The next request, as a copy.
    std::optional<Request> take() {
        u32 produced = load_acquire(page_.header().req_prod);
        bool unanswered_fill_the_ring = req_cons_ - rsp_prod_ >= page_.entries();
        if (produced == req_cons_ || unanswered_fill_the_ring || produced - rsp_prod_ > page_.entries()) {
            return std::nullopt;
        }
        return page_.template copy_from<Request>(req_cons_++);
    }

    // One response for each request taken.
    void put(Response const& response) { page_.copy_to(rsp_prod_++, response); }

    // Publishes what was put; true if the front end must be notified.
    [[nodiscard]] bool push() {
        u32 before = rsp_published_;
        rsp_published_ = rsp_prod_;
        store_release(page_.header().rsp_prod, rsp_prod_);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return wants_event(load_acquire(page_.header().rsp_event), before, rsp_prod_);
    }

    // Asks to be notified of the next request; true if one is there already.
    [[nodiscard]] bool final_check() {
        store_release(page_.header().req_event, req_cons_ + 1);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return load_acquire(page_.header().req_prod) != req_cons_;
    }

private:
    RingPage<Request, Response> page_;
    u32 rsp_prod_ = 0;
    u32 rsp_published_ = 0;
    u32 req_cons_ = 0;
};
}  // namespace hv::ring
