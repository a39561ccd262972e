// SPDX-License-Identifier: MIT
// FIFO delivery (event_channel.h): a word for each port, queues of ports linked through these words, and for each vCPU
// a control block with the heads of its 16 queues. All of that is the guest's memory, and whatever it writes there
// decides only what it sees itself: where a queue ends is remembered here.
//
// Lock of a vCPU's queues: a port becomes linked under the lock of the queue that it was in last, so that nobody can
// take it for that queue's tail any more. Nothing else is locked meanwhile but what senders hold.
#pragma once
#include <array>
#include <atomic>
#include "base/lock.hpp"
#include "core/domain.hpp"
#include "core/mm/typed_ref.hpp"
#include "public/event_channel.hpp"

namespace hv {
// What a channel knows of its place in the queues.
struct FifoPlace {
    std::atomic<u16> queue{0};  // where it was linked last: vCPU * queues + priority
    std::atomic<u8> priority{abi::fifo::priority_default};
    std::atomic<bool> early{false};  // raised before there was a word to set it in
};

class Fifo {
public:
    static constexpr u32 ports_per_page = page_size / sizeof(u32);
    static constexpr u32 max_pages = abi::fifo::nr_channels / ports_per_page;

    explicit Fifo(Domain& domain) : domain_{domain} {}
    Fifo(Fifo const&) = delete;
    ~Fifo();  // lets go of the guest's pages: nobody may be sending

    // Under the table's lock. The page is kept.
    Result<> add_control_block(VcpuId vcpu, TypedRef page, u32 offset);  // inval: it has one
    Result<u32> add_page(TypedRef page);                                 // the first of its ports; nospc

    // With the channel kept from changing its state, but for the vCPU. False if it was pending before: the guest knows.
    bool raise(EvtchnPort port, FifoPlace& place, std::atomic<u32> const& vcpu) {
        u32* const word = word_of(port);
        if (!word) [[unlikely]]
            return raise_early(port, place, vcpu);
        u32 const before = __atomic_fetch_or(word, abi::fifo::pending, __ATOMIC_SEQ_CST);
        if (!(before & (abi::fifo::masked | abi::fifo::linked))) link(port, *word, place, vcpu.load());
        return !(before & abi::fifo::pending);
    }
    void unmask(EvtchnPort port, FifoPlace& place, std::atomic<u32> const& vcpu);
    void clear_pending(EvtchnPort port, FifoPlace& place);
    bool is_pending(EvtchnPort port, FifoPlace const& place) const;

    template <class F>
    void for_each_page(F&& visit) const {
        for (u32* page : words_)
            if (page) visit(page);
        for (VcpuQueues const& queues : vcpus_)
            if (queues.control) visit(queues.control);
    }

private:
    struct VcpuQueues {
        Spinlock<LockRank::event_queue> lock;
        abi::EvtchnFifoControlBlock* control = nullptr;
        std::array<u32, abi::fifo::queues> tail{};  // the port linked last; 0: none, or it is in another queue now
    };

    u32* word_of(EvtchnPort port) const {
        u32* const page = __atomic_load_n(words_.data() + port.value / ports_per_page % max_pages, __ATOMIC_SEQ_CST);
        return page ? page + port.value % ports_per_page : nullptr;
    }
    bool raise_early(EvtchnPort port, FifoPlace& place, std::atomic<u32> const& vcpu);
    void link(EvtchnPort port, u32& word, FifoPlace& place, u32 vcpu);
    bool append(VcpuQueues& queues, u32 priority, EvtchnPort port);

    Domain& domain_;
    u32 pages_ = 0;
    std::array<u32*, max_pages> words_{};
    std::array<VcpuQueues, max_vcpus_per_domain> vcpus_{};
};
}  // namespace hv
