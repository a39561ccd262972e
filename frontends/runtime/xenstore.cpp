// SPDX-License-Identifier: MIT
#include "runtime/xenstore.hpp"

#include <initializer_list>
#include <optional>

#include "portable/ring/byte_ring.hpp"
#include "public/io/xs_wire.hpp"
#include "runtime/event.hpp"
#include "runtime/memory.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/time.hpp"

namespace guest::xenstore {
namespace {
using abi::io::XenstoreDomainInterface;
using abi::io::XsdSockmsg;

}  // namespace

class Session {
public:
    void open(XenstoreDomainInterface& page, EvtchnPort port) {
        requests_.emplace(page.req, page.req_prod, page.req_cons);
        replies_.emplace(page.rsp, page.rsp_prod, page.rsp_cons);
        port_ = port;
    }
    bool is_open() const { return requests_.has_value(); }

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
        for (;;) {
            bytes.remove_prefix(requests_->put(bytes).value_or(0));
            if (bytes.empty()) { break; }
            sleep();
        }
        (void)event::send(port_);
    }

    void read(std::span<char> to) {
        while (!to.empty()) {
            to = to.subspan(replies_->take(to).value_or(0));
            if (to.empty()) { return; }
            event::clear(port_);
            if (replies_->waiting().value_or(0) == 0) { (void)event::wait(port_, time::now() + time::second); }
        }
    }

    Message receive() {
        Message message{};
        read({reinterpret_cast<char*>(&message.header), sizeof(message.header)});
        u64 rest = message.header.len;
        message.value.length_ = std::min(rest, message.value.bytes_.size());
        read(std::span{message.value.bytes_}.first(message.value.length_));
        for (rest -= message.value.length_; rest != 0;) {
            std::array<char, 64> left_out;
            std::span<char> piece = std::span{left_out}.first(std::min(rest, left_out.size()));
            read(piece);
            rest -= piece.size();
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

    std::optional<hv::ring::ByteProducer<abi::io::xenstore_ring_size>> requests_{};
    std::optional<hv::ring::ByteConsumer<abi::io::xenstore_ring_size>> replies_{};
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
        session.open(*pointer_to<XenstoreDomainInterface>(memory::machine_to_pfn(info.store_mfn)), info.store_evtchn);
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
