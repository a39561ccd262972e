// SPDX-License-Identifier: MIT
// A hostile guest against the whole store, next to a client of dom0 and under small limits: its messages, or its ring
// with indices of its own making. Nothing may crash, hang, grow without bound or be charged wrongly.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "tests/unit/dom0-tools/xenstored/test_store.hpp"
#include "xenstored/ring_client.hpp"

using namespace paravane::xenstored;

namespace {
struct Input {
    std::string_view bytes;

    bool empty() const { return bytes.empty(); }
    std::uint8_t byte() {
        if (bytes.empty()) return 0;
        auto value = static_cast<std::uint8_t>(bytes.front());
        bytes.remove_prefix(1);
        return value;
    }
    std::string_view some(std::size_t count) {
        std::string_view taken = bytes.substr(0, count);
        bytes.remove_prefix(taken.size());
        return taken;
    }
};

// Null once the client of dom0 has released the guest.
Session* guest_session(TestStore& store) {
    Domain const* domain = store.server.find_domain(1);
    return domain == nullptr ? nullptr : domain->session;
}

// Mutations rarely hit a length field that fits, so the input says type, transaction and length in a byte each; the top
// bit of the type makes it a request of dom0.
void send_messages(TestStore& store, Client& tools, Input& input, bool reads_output) {
    while (!input.empty()) {
        std::uint8_t type = input.byte();
        std::uint32_t transaction = input.byte() & 3;
        std::string bytes = encode(static_cast<MessageType>(type & 0x1f), 0, transaction, input.some(input.byte()));
        Session* guest = guest_session(store);
        if (guest == nullptr || tools.session().dead) return;
        Session& session = type & 0x80 ? tools.session() : *guest;
        store.server.feed(session, std::as_bytes(std::span{bytes}));
        while (store.server.serve(session, 4, tools.now)) store.server.drop_output(session);
        if (reads_output) store.server.drop_output(session);
        if (guest_session(store) != nullptr && guest_session(store)->output.bytes() > 200000) std::abort();
    }
}

void play_ring(TestStore& store, Client& tools, Input& input) {
    RingPage page{};
    RingClient ring{guest_session(store)->id, page};
    while (!input.empty()) {
        std::uint8_t what = input.byte();
        if (what < 0xf0) {
            for (char byte : input.some(what)) page.req[page.req_prod++ % 1024] = byte;
        } else {
            std::uint32_t* index = what & 1 ? &page.req_prod : &page.rsp_cons;
            std::string_view value = input.some(sizeof *index);
            std::memcpy(index, value.data(), value.size());
        }
        bool notify = false;
        for (int turns = 0; ring.turn(store.server, *guest_session(store), tools.now, notify) == Progress::can_go_on;) {
            if (++turns > 10) std::abort();  // 1024 bytes are at most 64 messages
        }
    }
}

// Another server goes on with what this one wrote down, and knows the same.
void take_over(TestStore& store, Journal& journal) {
    TestStore next;
    next.platform.states = store.platform.states;
    next.server.keep_in(journal);
    if (next.server.audit() || next.server.session_count() != store.server.session_count()) std::abort();
    std::vector<std::string> nodes;
    auto note = [&](std::string const& path, NodeRef const& node) {
        nodes.push_back(path + '=' + std::string{node->value.view()} + std::to_string(node->generation));
    };
    for_each_below("/", next.server.root(), note);
    std::vector<std::string> const again = std::exchange(nodes, {});
    for_each_below("/", store.server.root(), note);
    if (again != nodes) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    Limits limits{
        .nodes = 20, .watches = 4, .transactions = 3, .transaction_nodes = 40, .memory = 30000, .node_size = 400};
    static std::vector<std::byte> memory(4 << 20);
    std::fill_n(memory.begin(), Journal::header_size, std::byte{});
    Journal journal{memory};
    TestStore store{limits};
    store.server.keep_in(journal);
    Client tools = store.socket();
    store.domain(1);
    store.platform.states[2] = DomainState::running;
    tools.watch("/", "root");
    Input input{{reinterpret_cast<char const*>(data), size}};
    std::uint8_t mode = input.byte();
    if (mode & 1) {
        play_ring(store, tools, input);
    } else {
        send_messages(store, tools, input, mode & 2);
    }
    if (store.server.audit()) std::abort();
    if (mode & 8) take_over(store, journal);
    if (mode & 4) store.platform.states[1] = DomainState::dying;
    store.server.check_domains();
    if (store.server.audit()) std::abort();
    return 0;
}
