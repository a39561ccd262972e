// SPDX-License-Identifier: MIT
#include "runtime/xenstore.hpp"

#include <atomic>
#include <initializer_list>

#include "public/io/xs_wire.hpp"
#include "runtime/event.hpp"
#include "runtime/memory.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/time.hpp"

namespace guest::xenstore {
namespace {
using abi::io::XenstoreDomainInterface;
using abi::io::XsdSockmsg;

constexpr u32 ring_size = abi::io::xenstore_ring_size;

u32 load(u32& index) { return std::atomic_ref<u32>(index).load(std::memory_order_acquire); }
void store(u32& index, u32 value) { std::atomic_ref<u32>(index).store(value, std::memory_order_release); }
}  // namespace

class Session {
public:
    void open(XenstoreDomainInterface* ring, EvtchnPort port) {
        ring_ = ring;
        port_ = port;
    }
    bool is_open() const { return ring_ != nullptr; }

    // The parts of the payload are sent as they are: a caller gives the zero bytes that the protocol asks for.
    Value request(u32 type, std::initializer_list<std::string_view> parts) {
        u32 length = 0;
        for (std::string_view part : parts) { length += static_cast<u32>(part.size()); }
        XsdSockmsg header{.type = type, .req_id = ++last_id_, .tx_id = 0, .len = length};
        send({reinterpret_cast<char const*>(&header), sizeof(header)});
        for (std::string_view part : parts) { send(part); }
        return reply_to(last_id_);
    }

    void wait_for_watch_event() {
        while (watch_events_ == 0) { (void)receive(); }
        watch_events_ = 0;
    }

private:
    struct Message {
        XsdSockmsg header;
        Value value;
    };

    void sleep() {
        event::clear(port_);
        (void)event::send(port_);
        (void)event::wait(port_, time::now() + time::second);
    }

    void send(std::string_view bytes) {
        u32 produced = ring_->req_prod;
        for (char byte : bytes) {
            while (produced - load(ring_->req_cons) >= ring_size) {
                store(ring_->req_prod, produced);
                sleep();
            }
            ring_->req[produced++ % ring_size] = byte;
        }
        store(ring_->req_prod, produced);
        (void)event::send(port_);
    }

    char next_byte() {
        u32 consumed = ring_->rsp_cons;
        while (load(ring_->rsp_prod) == consumed) {
            event::clear(port_);
            if (load(ring_->rsp_prod) == consumed) { (void)event::wait(port_, time::now() + time::second); }
        }
        char byte = ring_->rsp[consumed % ring_size];
        store(ring_->rsp_cons, consumed + 1);
        return byte;
    }

    Message receive() {
        Message message{};
        char header[sizeof(XsdSockmsg)];
        for (char& byte : header) { byte = next_byte(); }
        __builtin_memcpy(&message.header, header, sizeof(header));
        for (u32 i = 0; i < message.header.len; ++i) {
            char byte = next_byte();
            if (i < message.value.bytes_.size()) {
                message.value.bytes_[i] = byte;
                message.value.length_ = i + 1;
            }
        }
        (void)event::send(port_);
        if (message.header.type == abi::io::xs::watch_event) { ++watch_events_; }
        message.value.found_ = message.header.type != abi::io::xs::error;
        if (!message.value.found_) { message.value.length_ = 0; }
        return message;
    }

    Value reply_to(u32 id) {
        for (;;) {
            Message message = receive();
            if (message.header.type != abi::io::xs::watch_event && message.header.req_id == id) {
                return message.value;
            }
        }
    }

    XenstoreDomainInterface* ring_ = nullptr;
    EvtchnPort port_{0};
    u32 last_id_ = 0;
    u32 watch_events_ = 0;
};

namespace {
constexpr std::string_view zero{"\0", 1};
constinit Session session{};
constinit bool watching = false;
}  // namespace

void initialise(abi::StartInfo const& info) {
    if ((info.flags & abi::sif::initdomain) == 0 && info.store_mfn.value != 0) {
        session.open(pointer_to<XenstoreDomainInterface>(memory::machine_to_pfn(info.store_mfn)), info.store_evtchn);
    }
}

bool available() { return session.is_open(); }

Value read(std::string_view path) { return session.request(abi::io::xs::read, {path, zero}); }

bool write(std::string_view path, std::string_view value) {
    return session.request(abi::io::xs::write, {path, zero, value}).found();
}

Value wait_for_change(std::string_view path) {
    if (!watching) {
        watching = session.request(abi::io::xs::watch, {path, zero, path, zero}).found();
        if (!watching) { panic("xenstore refuses a watch"); }
    }
    session.wait_for_watch_event();
    return read(path);
}
}  // namespace guest::xenstore
