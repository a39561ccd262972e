// SPDX-License-Identifier: MIT
// The two ends of a ring of requests and responses (public/io/ring.hpp). The page is written by both sides at any time,
// so an entry is only ever copied out of it, an index of the other side is read once and checked, and an end never
// reads its own from there. Indices count from the ring's beginning; their low 32 bits are those in the page.
#pragma once
#include <optional>
#include "portable/base/shared.hpp"
#include "portable/base/types.hpp"
#include "portable/ring/stores.hpp"
#include "public/io/ring.hpp"

namespace hv::ring {
// What both ends share: the header, the slots and how to reach them.
template <class Request, class Response, class Memory>
class RingPage {
public:
    RingPage(void* memory, usize size)
        : header_(static_cast<abi::io::RingHeader*>(memory)),
          entries_(abi::io::ring_entries<Request, Response>(size)) {}

    abi::io::RingHeader& header() const { return *header_; }
    u32 entries() const { return entries_; }

    template <class T>
    T copy_from(u64 index) const {
        return copy_once<T>(slot(index));
    }
    template <class T>
    void copy_to(u64 index, T const& value) const {
        Memory::bytes(slot(index), &value, sizeof(T));
    }

private:
    std::byte* slot(u64 index) const {
        return reinterpret_cast<std::byte*>(header_ + 1) +
               (index & (entries_ - 1)) * sizeof(abi::io::RingSlot<Request, Response>);
    }

    abi::io::RingHeader* header_;
    u32 entries_;
};

// The other side's index, as how far it is beyond `taken`. It lies between that and `most` beyond `settled`, which is
// what both have done with; nothing if it does not: the other side is broken, and the ring must be given up.
constexpr std::optional<u32> ahead(u32 index, u64 taken, u64 settled, u64 most) {
    u32 const open = index - static_cast<u32>(settled);
    u32 const seen = static_cast<u32>(taken - settled);
    return open <= most && open >= seen ? std::optional{open - seen} : std::nullopt;
}

// Did the other side ask to be told about something in (before, now]?
constexpr bool wants_event(u32 event, u64 before, u64 now) {
    return static_cast<u32>(now) - event < static_cast<u32>(now - before);
}

// The end that sends requests.
template <class Request, class Response>
class FrontRing {
public:
    FrontRing(void* memory, usize size) : page_(memory, size) {}

    // The front end owns the fresh page.
    void initialise() {
        page_.header() =
            abi::io::RingHeader{.req_prod = 0, .req_event = 1, .rsp_prod = 0, .rsp_event = 1, .pvt = {}, .pad = {}};
    }

    u32 free_requests() const { return page_.entries() - static_cast<u32>(req_prod_ - rsp_cons_); }
    bool idle() const { return req_prod_ == rsp_cons_; }

    // Room must have been checked with free_requests().
    void put(Request const& request) { page_.copy_to(req_prod_++, request); }

    // Publishes what was put; true if the other end must be notified.
    [[nodiscard]] bool push() {
        u64 const before = published_;
        published_ = req_prod_;
        store_release(page_.header().req_prod, static_cast<u32>(published_));
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return wants_event(load_acquire(page_.header().req_event), before, published_);
    }

    // How many responses wait; nothing from a back end that claims more than there were requests.
    std::optional<u32> waiting() const {
        return ahead(load_acquire(page_.header().rsp_prod), rsp_cons_, rsp_cons_, published_ - rsp_cons_);
    }

    // The next response, as a copy.
    std::optional<Response> take() {
        if (waiting().value_or(0) == 0) return std::nullopt;
        return page_.template copy_from<Response>(rsp_cons_++);
    }

    // Asks to be notified of the next response; true if one is there already.
    [[nodiscard]] bool final_check() {
        store_release(page_.header().rsp_event, static_cast<u32>(rsp_cons_ + 1));
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return waiting().value_or(0) != 0;
    }

private:
    RingPage<Request, Response, Stores> page_;
    u64 req_prod_ = 0;
    u64 published_ = 0;
    u64 rsp_cons_ = 0;
};

// How far a back end is: requests taken, and responses given that the front end may see. Its owner keeps them, in a
// journal (journal.hpp) if they shall outlive it.
struct BackIndices {
    u64 req_cons = 0;
    u64 rsp_prod = 0;
};

// The end that answers. The front end is not trusted.
template <class Request, class Response, class Memory = Stores>
class BackRing {
public:
    BackRing(void* memory, usize size, BackIndices& at) : page_(memory, size), at_(at) {}

    u32 entries() const { return page_.entries(); }
    BackIndices const& at() const { return at_; }

    // Takes up a ring at which another process was killed: it may have counted responses that it did not publish. The
    // front end must be notified in any case.
    void resume() { publish(); }

    // How many requests wait; nothing if the front end is broken.
    std::optional<u32> waiting() const {
        return ahead(load_acquire(page_.header().req_prod), at_.req_cons, at_.rsp_prod, page_.entries());
    }

    // The next request as a copy, which is the only one to be made, and then the word that it was taken.
    std::optional<Request> copy_next() const {
        if (waiting().value_or(0) == 0) return std::nullopt;
        return page_.template copy_from<Request>(at_.req_cons);
    }
    void accept() { Memory::word(at_.req_cons, at_.req_cons + 1); }

    std::optional<Request> take() {
        std::optional<Request> const request = copy_next();
        if (request) accept();
        return request;
    }

    // One response for each request taken; gives its number.
    u64 put(Response const& response) {
        u64 const number = at_.rsp_prod + unpublished_++;
        page_.copy_to(number, response);
        return number;
    }

    // Publishes what was put; true if the front end must be notified.
    [[nodiscard]] bool push() {
        u64 const before = at_.rsp_prod;
        Memory::word(at_.rsp_prod, before + unpublished_);
        unpublished_ = 0;
        publish();
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return wants_event(load_acquire(page_.header().rsp_event), before, at_.rsp_prod);
    }

    // Asks to be notified of the next request; true if one is there already, or the front end is broken.
    [[nodiscard]] bool final_check() {
        Memory::word(page_.header().req_event, static_cast<u32>(at_.req_cons) + 1);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return waiting() != 0u;
    }

private:
    void publish() { Memory::word(page_.header().rsp_prod, static_cast<u32>(at_.rsp_prod)); }

    RingPage<Request, Response, Memory> page_;
    BackIndices& at_;
    u64 unpublished_ = 0;
};
}  // namespace hv::ring
