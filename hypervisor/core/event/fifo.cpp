// SPDX-License-Identifier: MIT
#include "core/event/fifo.hpp"
#include "core/event/virq.hpp"
#include "core/hal/memory.hpp"

namespace hv {
using namespace abi::fifo;

Fifo::~Fifo() {
    for_each_page([](void* page) { TypedRef::release(page_of(hal::mfn_of(page))); });
}

Result<> Fifo::add_control_block(VcpuId vcpu, TypedRef page, u32 offset) {
    VcpuQueues& queues = vcpus_[index_nospec(vcpu.value, vcpus_.size())];
    if (queues.control) return Errno::inval;
    auto* const control = reinterpret_cast<abi::EvtchnFifoControlBlock*>(hal::map(page.mfn()) + offset);
    (void)std::move(page).leak();
    __atomic_store_n(&queues.control, control, __ATOMIC_RELEASE);
    return {};
}

Result<u32> Fifo::add_page(TypedRef page) {
    if (pages_ == max_pages) return Errno::nospc;
    auto* const words = reinterpret_cast<u32*>(hal::map(std::move(page).leak_mfn()));
    __atomic_store_n(&words_[pages_], words, __ATOMIC_SEQ_CST);
    return pages_++ * ports_per_page;
}

// Either whoever adds the page sees the mark, or the page is seen here: one of the two takes the mark back.
bool Fifo::raise_early(EvtchnPort port, FifoPlace& place, std::atomic<u32> const& vcpu) {
    bool const before = place.early.exchange(true, std::memory_order_seq_cst);
    if (!word_of(port) || !place.early.exchange(false, std::memory_order_seq_cst)) return !before;
    return raise(port, place, vcpu);
}

void Fifo::unmask(EvtchnPort port, FifoPlace& place, std::atomic<u32> const& vcpu) {
    u32* const word = word_of(port);
    if (!word) return;
    u32 const before = __atomic_fetch_and(word, ~masked, __ATOMIC_SEQ_CST);
    if ((before & pending) && !(before & linked)) link(port, *word, place, vcpu.load());
}

void Fifo::clear_pending(EvtchnPort port, FifoPlace& place) {
    place.early.store(false, std::memory_order_relaxed);
    if (u32* word = word_of(port)) __atomic_fetch_and(word, ~pending, __ATOMIC_SEQ_CST);
}

bool Fifo::is_pending(EvtchnPort port, FifoPlace const& place) const {
    u32 const* const word = word_of(port);
    return word ? __atomic_load_n(word, __ATOMIC_SEQ_CST) & pending : place.early.load(std::memory_order_relaxed);
}

// A port that is not linked is in no queue. It stays unlinked if its vCPU has no queues yet.
void Fifo::link(EvtchnPort port, u32& word, FifoPlace& place, u32 vcpu) {
    VcpuQueues& to = vcpus_[vcpu];
    abi::EvtchnFifoControlBlock* const control = __atomic_load_n(&to.control, __ATOMIC_ACQUIRE);
    if (!control) return;
    u32 const priority = place.priority.load(std::memory_order_relaxed);
    u16 const wanted = static_cast<u16>(vcpu * abi::fifo::queues + priority);
    u16 const last = place.queue.load(std::memory_order_relaxed);
    VcpuQueues& from = vcpus_[last / abi::fifo::queues];
    bool was_empty;
    {
        SpinGuard guard{from.lock};
        // If another CPU has moved it meanwhile, that one links it, or the guest has consumed it since.
        if (place.queue.load(std::memory_order_relaxed) != last) return;
        if (__atomic_fetch_or(&word, linked, __ATOMIC_SEQ_CST) & linked) return;
        u32& tail = from.tail[last % abi::fifo::queues];
        if (tail == port.value) tail = 0;
        if (last == wanted) was_empty = append(to, priority, port);
        else place.queue.store(wanted, std::memory_order_relaxed);
    }
    if (last != wanted) {
        SpinGuard guard{to.lock};
        was_empty = append(to, priority, port);
    }
    u32 const bit = 1u << priority;
    if (was_empty && !(__atomic_fetch_or(&control->ready, bit, __ATOMIC_SEQ_CST) & bit))
        notify_vcpu(*domain_.vcpu(VcpuId{vcpu}));
}

// Under the queues' lock. True if the port is the queue's new head: the guest has consumed all before it.
bool Fifo::append(VcpuQueues& queues, u32 priority, EvtchnPort port) {
    constexpr u32 tries = 64;  // a guest that keeps changing the tail's word loses what follows it
    u32 const tail = std::exchange(queues.tail[priority], port.value);
    if (tail) {
        u32& word = *word_of(EvtchnPort{tail});
        u32 seen = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
        for (u32 i = 0; i < tries && (seen & linked); ++i)
            if (__atomic_compare_exchange_n(&word, &seen, (seen & ~link_mask) | port.value, false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST))
                return false;
    }
    __atomic_store_n(&queues.control->head[priority], port.value, __ATOMIC_RELEASE);
    return true;
}
}  // namespace hv
